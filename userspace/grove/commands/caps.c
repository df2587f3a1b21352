/*
 * grove caps: the capability table of a running service, of a manifest, or of this command itself.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/text/text.h"
#include "userspace/grove/command.h"

static const struct command_option options[] = {COMMAND_MANIFEST_OPTIONS, {0}};

static const struct output_column columns[] = {{"CAPABILITY", "capability", OUTPUT_TEXT},
                                               {"RIGHTS", "rights", OUTPUT_LIST},
                                               {"REMARK", "remark", OUTPUT_TEXT},
                                               {0}};

static json_t *rights_of(uint16_t rights) {
    static const struct {
        uint16_t right;
        const char *name;
    } table[] = {{GROVE_RIGHT_USE, "use"},          {GROVE_RIGHT_DERIVE, "derive"}, {GROVE_RIGHT_GRANT, "grant"},
                 {GROVE_RIGHT_READ, "read"},        {GROVE_RIGHT_WRITE, "write"},   {GROVE_RIGHT_CONTROL, "control"},
                 {GROVE_RIGHT_EXTERNAL, "external"}};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (rights & table[i].right)
            json_array_append_new(list, json_string(table[i].name));
    return list;
}

/* Object capabilities have no text of their own. */
static const char *object_name(uint16_t kind) {
    switch (kind) {
    case GROVE_CAP_CONTAINER:
        return "container";
    case GROVE_CAP_ENDPOINT:
        return "endpoint";
    case GROVE_CAP_CHANNEL:
        return "channel";
    case GROVE_CAP_REGION:
        return "region";
    case GROVE_CAP_PROJECT:
        return "project";
    default:
        return "object";
    }
}

static json_t *describe(const struct grove_capability *capability, const char *remark) {
    char text[TEXT_CAPABILITY_MAX];
    text_capability_format(capability, text, sizeof(text));
    json_t *entry =
        json_pack("{s:s, s:o}", "capability", text_kind_name(capability->kind) ? text : object_name(capability->kind),
                  "rights", rights_of(capability->rights));
    if (remark)
        json_object_set_new(entry, "remark", json_string(remark));
    return entry;
}

/* The table of the container of that name; without one, the own table. */
static int read_table(struct grove_session *session, const char *name, json_t *rows) {
    uint32_t cursor = 0;
    do {
        struct grove_message message = {.operation = GROVE_REQUEST_CAPABILITY_READ,
                                        .body.capability_read = {.cursor = cursor}};
        snprintf(message.body.capability_read.name.text, sizeof(message.body.capability_read.name.text), "%s", name);
        int status = grove_kernel_request(session, &message, NULL, 0, NULL, NULL, 5 * GROVE_SECOND);
        if (status == GROVE_NOT_FOUND && json_array_size(rows))
            return 0;
        if (status < 0)
            return status;
        const struct grove_capability_entry *entry = &message.body.capability_entry;
        char remark[64] = "";
        if (entry->depth)
            snprintf(remark, sizeof(remark), "derived, depth %u", entry->depth);
        json_array_append_new(rows, describe(&entry->capability, *remark ? remark : NULL));
        cursor = entry->cursor;
    } while (cursor);
    return 0;
}

/* Is there such a container? An empty table and no container both have no first entry. */
static bool exists(struct grove_session *session, const char *name) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_READ};
    snprintf(message.body.container_read.name.text, sizeof(message.body.container_read.name.text), "%s", name);
    return grove_kernel_request(session, &message, NULL, 0, NULL, NULL, 5 * GROVE_SECOND) == 0;
}

static int show_running(const struct invocation *invocation, const char *name, json_t *rows) {
    struct grove_session *session;
    if (command_connect(invocation, &session) != 0)
        return COMMAND_FAILED;
    if (name && !exists(session, name))
        return command_fail(invocation,
                            "there is no running service %s; \"grove ps\" lists them, and a manifest is named "
                            "by its path",
                            name);
    int status = read_table(session, name ? name : "", rows);
    if (status < 0 && status != GROVE_NOT_FOUND)
        return command_fail_library(invocation, "the table of %s cannot be read", name ? name : "this shell");
    return 0;
}

static int show_manifest(const struct invocation *invocation, const char *path, json_t *rows) {
    struct manifest_options manifest_options;
    struct manifest_errors errors = {0};
    struct manifest *manifest = NULL;
    void *compiled = NULL;
    size_t bytes;
    int status = command_manifest_options(invocation, &manifest_options);
    if (status != 0)
        return status;
    if (manifest_load(path, &manifest_options, &manifest, &errors) < 0 ||
        manifest_compile(manifest, &compiled, &bytes, &errors) < 0)
        status = command_fail_manifest(invocation, &errors);
    const struct grove_spec *spec = compiled;
    for (uint32_t i = 0; status == 0 && spec != NULL && i < spec->capabilities.count; i++) {
        struct grove_capability capability;
        uint16_t flags;
        grove_spec_capability(spec, i, &capability, &flags);
        json_array_append_new(rows, describe(&capability, flags & GROVE_SPEC_CAPABILITY_HELD       ? "only to hand on"
                                                          : flags & GROVE_SPEC_CAPABILITY_OPTIONAL ? "optional"
                                                          : flags & GROVE_SPEC_CAPABILITY_CREATE   ? "made if missing"
                                                                                                   : NULL));
    }
    manifest_destroy(manifest);
    manifest_errors_deinit(&errors);
    free(compiled);
    return status;
}

static int run(struct invocation *invocation) {
    const char *name = invocation->arguments[0];
    json_t *rows = json_array();
    int status = name && (strchr(name, '/') || access(name, F_OK) == 0) ? show_manifest(invocation, name, rows)
                                                                        : show_running(invocation, name, rows);
    if (status == 0)
        output_table(invocation, rows, columns, "the table is empty");
    else
        json_decref(rows);
    return status;
}

const struct command command_caps = {
    .name = "caps",
    .summary = "show what a service may do",
    .usage = "[NAME|FILE]",
    .description = "Prints the capability table of a running service, as the kernel holds it; of a manifest, what its "
                   "service would hold; without an operand, that of the shell itself.",
    .examples = "  grove caps grid.historian              of the running service\n"
                "  grove caps services/historian.yaml     of a manifest",
    .operands = COMMAND_OPERANDS_SERVICE,
    .maximum = 1,
    .options = options,
    .run = run,
};
