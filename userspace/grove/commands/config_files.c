/* Files of configuration, read by the command itself: checked for people, or given to the configuration service. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/config/yaml_source.h"
#include "servers/common/names.h"
#include "userspace/grove/commands/config_command.h"
#include "userspace/manifest/errors.h"

#define PROJECT_FILE "config.yaml"

/* malloc'ed; NULL, with errno, if it cannot be read. One byte more than allowed shows that there is too much. */
static char *read_file(const char *path, size_t *bytes) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char *text = descriptor < 0 ? NULL : malloc(YAML_SOURCE_BYTES_MAX + 1);
    ssize_t count = text == NULL ? 0 : 1;
    *bytes = 0;
    while (count > 0 && *bytes <= YAML_SOURCE_BYTES_MAX) {
        count = read(descriptor, text + *bytes, YAML_SOURCE_BYTES_MAX + 1 - *bytes);
        *bytes += count > 0 ? (size_t)count : 0;
    }
    int error = errno;
    if (descriptor >= 0)
        (void)close(descriptor);
    if (count < 0) {
        free(text);
        text = NULL;
    }
    errno = error;
    return text;
}

/* ---- against a schema ---- */

static const struct config_schema *schema_in(const struct grove_spec *spec) {
    uint32_t bytes;
    const struct config_schema *schema = grove_spec_section(spec, GROVE_SECTION_CONFIG, &bytes);
    return schema != NULL && config_schema_check(schema, bytes, NULL) == 0 ? schema : NULL;
}

static void check_setting(const struct config_schema *schema, const struct setting *setting, const char *file,
                          struct manifest_errors *errors) {
    char problem[320], field[2 * GROVE_NAME_MAX + 4];
    const struct config_schema_key *key = config_schema_find(schema, setting->key);
    (void)snprintf(field, sizeof field, "%s.%s", setting->service, setting->key);
    if (key == NULL) {
        const char *nearest = config_schema_nearest(schema, setting->key);
        errors_add(errors, file, setting->line, 0, field, "there is no such key%s%s%s",
                   nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "?" : "");
    } else if (config_value_check(schema, key, &setting->text, problem, sizeof problem) < 0) {
        errors_add(errors, file, setting->line, 0, field, "%s", problem);
    }
}

/* All settings of one service. `spec` NULL: there is no such service. */
static void check_service(const struct grove_spec *spec, const struct settings *settings, uint32_t first,
                          const char *file, struct manifest_errors *errors) {
    const struct config_schema *schema = spec == NULL ? NULL : schema_in(spec);
    const char *service = settings->list[first].service;
    if (schema == NULL)
        errors_add(errors, file, settings->list[first].line, 0, service, "%s",
                   spec == NULL ? "there is no such service" : "its manifest declares no configuration");
    for (uint32_t at = first;
         schema != NULL && at < settings->count && strcmp(settings->list[at].service, service) == 0; at++)
        check_setting(schema, &settings->list[at], file, errors);
}

static bool is_first(const struct settings *settings, uint32_t at) {
    return at == 0 || strcmp(settings->list[at - 1].service, settings->list[at].service) != 0;
}

/* ---- grove config check ---- */

static int check_file(const struct invocation *invocation, const char *file, struct manifest_errors *errors) {
    struct settings settings = {NULL, 0, 0};
    char problem[GROVE_CONFIG_PROBLEM_BYTES] = "";
    size_t bytes;
    char *text = read_file(file, &bytes);
    if (text == NULL)
        return command_fail(invocation, "%s cannot be read: %s", file, strerror(errno));
    int status = yaml_source_parse(text, bytes, file, NULL, &settings, problem, sizeof problem);
    free(text);
    if (status < 0)
        return command_fail(invocation, "%s", problem);
    for (uint32_t at = 0; status == 0 && at < settings.count; at++) {
        struct grove_spec *spec = NULL;
        struct grove_name name = {""};
        bool is_known = false;
        if (!is_first(&settings, at))
            continue;
        name_set(&name, settings.list[at].service);
        status = system_is_registered(invocation, &name, &is_known);
        if (status == 0 && is_known)
            status = system_spec(invocation, &name, &spec);
        if (status == 0)
            check_service(spec, &settings, at, file, errors);
        free(spec);
    }
    settings_deinit(&settings);
    return status;
}

int config_check(struct invocation *invocation, const char **operands, unsigned count) {
    struct manifest_errors errors = {0};
    int status = 0;
    for (unsigned index = 0; status == 0 && index < count; index++)
        status = check_file(invocation, operands[index], &errors);
    if (status == 0 && errors.count > 0)
        status = command_fail_manifest(invocation, &errors);
    else if (status == 0 && invocation->json)
        output_json(json_pack("{s:b}", "good", true));
    else if (status == 0)
        command_remark(invocation, "%u file%s good", count, count == 1 ? " is" : "s are");
    manifest_errors_deinit(&errors);
    return status;
}

/* ---- projects ---- */

static char *read_project(const struct project *project, char path[PATH_MAX], size_t *bytes) {
    if (project->path[0] == '\0')
        return NULL;
    (void)snprintf(path, PATH_MAX, "%s/%s", project->folder, PROJECT_FILE);
    return read_file(path, bytes);
}

static struct grove_spec *spec_of(const struct project *project, const char *service, struct manifest_errors *errors) {
    void *spec = NULL;
    size_t bytes;
    for (unsigned index = 0; index < project->count; index++)
        if (strcmp(manifest_name(project->manifests[index]), service) == 0 &&
            manifest_compile(project->manifests[index], &spec, &bytes, errors) == 0)
            return spec;
    return NULL;
}

int config_check_project(const struct project *project, struct manifest_errors *errors) {
    struct settings settings = {NULL, 0, 0};
    char path[PATH_MAX], problem[GROVE_CONFIG_PROBLEM_BYTES];
    unsigned before = errors->count;
    size_t bytes;
    char *text = read_project(project, path, &bytes);
    if (text == NULL)
        return 0;
    if (yaml_source_parse(text, bytes, path, project->name, &settings, problem, sizeof problem) < 0) {
        const char *rest = strncmp(problem, path, strlen(path)) == 0 ? problem + strlen(path) + 1 : problem;
        errors_add(errors, path, (unsigned)strtoul(rest, NULL, 10), 0, "", "%s",
                   strstr(rest, ": ") != NULL ? strstr(rest, ": ") + 2 : rest);
    }
    for (uint32_t at = 0; at < settings.count; at++) {
        if (!is_first(&settings, at))
            continue;
        struct grove_spec *spec = spec_of(project, settings.list[at].service, errors);
        check_service(spec, &settings, at, path, errors);
        free(spec);
    }
    settings_deinit(&settings);
    free(text);
    return errors->count > before ? GROVE_INVALID : 0;
}

/* The order and one entry: the file. */
static size_t make_message(const struct project *project, const char *path, const char *text, size_t bytes,
                           uint8_t *message) {
    struct grove_config_order order = {
        .version = GROVE_CONFIG_PROTOCOL, .flags = GROVE_CONFIG_ORDER_RESTART, .count = 1};
    struct grove_config_entry head = {.after_bytes = bytes > 0 ? (uint32_t)bytes + 1 : 0,
                                      .note_bytes = (uint32_t)strlen(path) + 1};
    name_set(&order.project, project->name);
    (void)snprintf(order.why, sizeof order.why, "grove up");
    head.bytes = (uint32_t)((sizeof head + head.after_bytes + head.note_bytes + 7) & ~(size_t)7);
    memcpy(message, &order, sizeof order);
    memcpy(message + sizeof order, &head, sizeof head);
    if (head.after_bytes > 0)
        memcpy(message + sizeof order + sizeof head, text, bytes); /* the zero byte behind it is there already */
    memcpy(message + sizeof order + sizeof head + head.after_bytes, path, head.note_bytes);
    return sizeof order + head.bytes;
}

/* Of a project that has none: what an earlier one said is taken back. Nobody waits for that. */
static void send_nothing(const struct invocation *invocation, const struct project *project) {
    struct grove_connect_options options = {0};
    struct grove_channel *channel;
    uint8_t message[1024];
    size_t bytes = make_message(project, PROJECT_FILE, "", 0, message);
    if (command_connect(invocation, &options.session) != 0 ||
        grove_connect_with(GROVE_CONFIG_ENDPOINT, &options, &channel) < 0)
        return;
    (void)grove_send(channel, &(struct grove_call){.method = GROVE_CONFIG_SOURCE,
                                                   .data = message,
                                                   .length_bytes = bytes,
                                                   .timeout_ns = GROVE_MILLISECOND});
    grove_channel_close(channel);
}

bool config_has_project_file(const struct project *project) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", project->folder, PROJECT_FILE);
    return project->path[0] != '\0' && access(path, F_OK) == 0;
}

int config_send_project(const struct invocation *invocation, const struct project *project) {
    char path[PATH_MAX] = "";
    size_t bytes = 0;
    struct grove_answer answer;
    if (project->path[0] == '\0')
        return 0;
    char *text = read_project(project, path, &bytes);
    if (text == NULL && errno != ENOENT)
        return command_fail(invocation, "%s cannot be read: %s", path, strerror(errno));
    if (text == NULL) {
        send_nothing(invocation, project);
        return 0;
    }
    uint8_t *message = calloc(1, bytes + PATH_MAX + 4096);
    int status = message == NULL ? command_fail(invocation, "memory is exhausted")
                                 : config_call(invocation, GROVE_CONFIG_SOURCE, message,
                                               make_message(project, path, text, bytes, message), &answer);
    if (status == 0)
        grove_answer_release(&answer);
    free(message);
    free(text);
    return status;
}
