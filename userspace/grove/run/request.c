/*
 * Writing the manifest of a request, compiling it, and adding what only a command line has.
 */
#include "userspace/grove/run/request.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/text/text.h"
#include "userspace/grove/run/launch.h"
#include "userspace/grove/yaml_text.h"
#include "userspace/manifest/builder.h"

/* ---- finding the program ---- */

static bool is_file(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode);
}

static int fail_program(const struct invocation *invocation, const char *path) {
    struct stat facts;
    bool is_there = stat(path, &facts) == 0;
    if (is_there && !S_ISREG(facts.st_mode))
        command_fail(invocation, "%s is %s and not a program", path, S_ISDIR(facts.st_mode) ? "a folder" : "no file");
    else
        command_fail(invocation, "%s: %s", path, is_there ? "it may not be executed" : "there is no such program");
    return is_there ? LAUNCH_CANNOT_EXECUTE : LAUNCH_NOT_FOUND;
}

static char *join(const char *folder, const char *name) {
    char *path = NULL;
    return asprintf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name) < 0 ? NULL : path;
}

/* The first executable of that name in the folders of $PATH; relative folders there are not trusted. */
static const char *search_path(const char *name) {
    const char *folders = getenv("PATH");
    char *copy = strdup(folders && *folders ? folders : "/usr/local/bin:/usr/bin:/bin"), *rest = copy, *folder;
    char *found = NULL;
    while (copy && !found && (folder = strsep(&rest, ":"))) {
        char *path = folder[0] == '/' ? join(folder, name) : NULL;
        if (path && is_file(path) && access(path, X_OK) == 0)
            found = path;
        else
            free(path);
    }
    free(copy);
    return found;
}

int request_find_program(const struct invocation *invocation, const char *folder, const char *name,
                         const char **program) {
    if (!strchr(name, '/')) {
        if (!*name) {
            command_fail(invocation, "the name of the program is empty");
            return LAUNCH_NOT_FOUND;
        }
        *program = search_path(name);
        if (*program)
            return 0;
        command_fail(invocation, "%s: there is no such program on the PATH", name);
        return LAUNCH_NOT_FOUND;
    }
    char resolved[PATH_MAX];
    char *path = name[0] == '/' ? strdup(name) : join(folder, name);
    if (!path || !is_file(path) || access(path, X_OK) < 0) {
        free(path);
        return fail_program(invocation, name);
    }
    /* Without "..", which the container's view may not have. */
    bool climbs = strstr(path, "/..") && realpath(path, resolved);
    *program = climbs ? strdup(resolved) : path;
    if (climbs)
        free(path);
    return 0;
}

/* ---- the manifest ---- */

static void write_field(FILE *stream, const char *name, const char *value) {
    if (!value)
        return;
    fprintf(stream, "%s: ", name);
    yaml_write_quoted(value, stream);
    fputc('\n', stream);
}

static void write_allowed(const struct request *request, FILE *stream) {
    unsigned cursor = 0;
    const char *text;
    bool is_first = true;
    while ((text = command_next(request->invocation, "allow", &cursor))) {
        fputs(is_first ? "capabilities:\n- " : "- ", stream);
        yaml_write_quoted(text, stream);
        fputc('\n', stream);
        is_first = false;
    }
}

static void write_resources(const struct request *request, FILE *stream) {
    static const char *const names[] = {"memory",  "processor", "processes", "descriptors",
                                        "scratch", "disk",      "network"};
    fputs("resources: {", stream);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = command_value(request->invocation, names[i]);
        if (!value)
            continue;
        fprintf(stream, "%s: ", names[i]);
        yaml_write_quoted(value, stream);
        fputs(", ", stream);
    }
    fputs("}\n", stream);
}

/* "python3.11" gives run.python3-11-4711. */
static void write_name(const struct request *request, FILE *stream) {
    const char *given = command_value(request->invocation, "name");
    if (given || !request->program) {
        write_field(stream, "name", given);
        return;
    }
    const char *base = strrchr(request->program, '/') + 1;
    fputs("name: run.", stream);
    for (unsigned i = 0; i < 32 && base[i]; i++) {
        bool is_plain = (base[i] >= 'a' && base[i] <= 'z') || (base[i] >= 'A' && base[i] <= 'Z') ||
                        (base[i] >= '0' && base[i] <= '9') || base[i] == '_' || base[i] == '-';
        fputc(is_plain ? base[i] : '-', stream);
    }
    fprintf(stream, "-%d\n", (int)getpid());
}

static char *write_manifest(const struct request *request) {
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    write_name(request, stream);
    if (request->program) {
        fputs("exec:\n- ", stream);
        yaml_write_quoted(request->program, stream);
        fputc('\n', stream);
        fprintf(stream, "system-files: %s\nidentity: caller\n",
                command_has(request->invocation, "bare") ? "false" : "true");
    }
    write_allowed(request, stream);
    write_resources(request, stream);
    fputs("streams: {in: passed, out: passed, error: passed}\n", stream);
    return fclose(stream) == 0 ? text : NULL;
}

/* Faults of the options name the option, not a line of a manifest that nobody wrote. */
static int fail_compile(const struct request *request, const struct manifest_errors *errors, const char *name) {
    for (unsigned i = 0; i < errors->count; i++) {
        const struct manifest_error *error = &errors->list[i];
        const char *sentence = error->sentence ? error->sentence : "memory is exhausted";
        if (!strstr(error->file, name)) {
            struct manifest_errors one = {.list = {*error}, .count = 1};
            command_fail_manifest(request->invocation, &one);
        } else if (!strncmp(error->field, "capabilities", 12))
            command_fail(request->invocation, "--allow: %s", sentence);
        else if (!strncmp(error->field, "resources.", 10))
            command_fail(request->invocation, "--%s: %s", error->field + 10, sentence);
        else
            command_fail(request->invocation, "%s%s%s", error->field, *error->field ? ": " : "", sentence);
    }
    return LAUNCH_FAILED;
}

#define COMMAND_LINE "command line"

static int compile(const struct request *request, void **spec, size_t *spec_bytes) {
    struct manifest_options options;
    struct manifest_errors errors = {0};
    struct manifest *manifest = NULL;
    const char *file = command_value(request->invocation, "manifest");
    char *text = write_manifest(request);
    int status = text ? command_manifest_options(request->invocation, &options) : GROVE_NO_MEMORY;
    if (status > 0)
        return LAUNCH_FAILED;
    if (status == 0 && file) {
        options.overlay = text;
        options.overlay_name = COMMAND_LINE;
        status = manifest_load(file, &options, &manifest, &errors);
    } else if (status == 0) {
        status = manifest_load_text(text, strlen(text), COMMAND_LINE, &options, &manifest, &errors);
    }
    if (status == 0)
        status = manifest_compile(manifest, spec, spec_bytes, &errors);
    if (status < 0)
        status = errors.count ? fail_compile(request, &errors, COMMAND_LINE) : LAUNCH_FAILED;
    manifest_destroy(manifest);
    manifest_errors_deinit(&errors);
    free(text);
    return status;
}

/* ---- what is taken away again ---- */

struct denials {
    const struct invocation *invocation;
    struct grove_capability list[64];
    unsigned count;
    bool has_failed;
};

static bool is_denied(const struct grove_capability *denied, const struct grove_capability *capability) {
    return denied->kind == capability->kind && grove_argument_covers(&denied->argument, &capability->argument);
}

static bool keeps(const struct grove_capability *capability, void *context) {
    struct denials *denials = context;
    for (unsigned i = 0; i < denials->count; i++) {
        char text[TEXT_CAPABILITY_MAX], part[TEXT_CAPABILITY_MAX];
        if (is_denied(&denials->list[i], capability))
            return false;
        if (!is_denied(capability, &denials->list[i]))
            continue;
        text_capability_format(capability, text, sizeof(text));
        text_capability_format(&denials->list[i], part, sizeof(part));
        command_fail(denials->invocation,
                     "--deny %s: it is a part of %s, and a part cannot be taken out; allow the other "
                     "parts instead",
                     part, text);
        denials->has_failed = true;
    }
    return true;
}

static int read_denials(const struct invocation *invocation, struct denials *denials) {
    unsigned cursor = 0;
    const char *text;
    denials->invocation = invocation;
    while ((text = command_next(invocation, "deny", &cursor))) {
        char sentence[384];
        if (denials->count == sizeof(denials->list) / sizeof(denials->list[0]))
            return command_misused(invocation, "--deny is given more than 64 times");
        if (text_capability_parse(text, &denials->list[denials->count++], sentence, sizeof(sentence)) < 0)
            return command_fail(invocation, "--deny: %s", sentence);
    }
    return 0;
}

/* ---- what is allowed and not there ---- */

/* True after saying so, where a grant would be one of nothing: the kernel, which starts nothing then, knows no names. */
static bool is_missing(const struct invocation *invocation, const struct grove_capability *capability) {
    char text[TEXT_CAPABILITY_MAX], path[GROVE_ARGUMENT_TEXT_MAX + 1], target[256];
    struct stat facts;
    snprintf(path, sizeof(path), "%.*s", (int)capability->argument.length_bytes, capability->argument.value.text);
    if (stat(path, &facts) == 0 || errno != ENOENT)
        return false;
    text_capability_format(capability, text, sizeof(text));
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    target[length > 0 ? length : 0] = '\0';
    if (length > 0)
        command_fail(invocation, "%s: this is a link to %s, which does not exist", text, target);
    else
        command_fail(invocation,
                     "%s: there is no such file or folder; make it first, or allow the folder that it is to be in",
                     text);
    return true;
}

static bool has_missing(const struct invocation *invocation, const struct grove_spec *spec) {
    bool found = false;
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability capability;
        uint16_t flags;
        grove_spec_capability(spec, i, &capability, &flags);
        bool is_needed =
            !(flags & (GROVE_SPEC_CAPABILITY_HELD | GROVE_SPEC_CAPABILITY_OPTIONAL | GROVE_SPEC_CAPABILITY_CREATE));
        if (capability.kind <= GROVE_CAP_FS_EXEC && capability.argument.kind == GROVE_ARGUMENT_PATH && is_needed)
            found |= is_missing(invocation, &capability);
    }
    return found;
}

/* ---- arguments and environment ---- */

/* What programs need to know about the person and the terminal; everything else of the environment may be a secret. */
static bool is_passed_on(const char *variable) {
    static const char *const names[] = {"PATH=",     "HOME=", "USER=", "LOGNAME=", "TERM=",    "COLORTERM=",
                                        "NO_COLOR=", "LANG=", "LC_",   "TZ=",      "COLUMNS=", "LINES="};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strncmp(variable, names[i], strlen(names[i])))
            return true;
    return false;
}

static bool is_set_by_option(const struct invocation *invocation, const char *variable) {
    unsigned cursor = 0;
    const char *given;
    size_t length = strcspn(variable, "=");
    while ((given = command_next(invocation, "env", &cursor)))
        if (strcspn(given, "=") == length && !strncmp(given, variable, length))
            return true;
    return false;
}

static void add_variable(struct builder *builder, const char *variable) {
    size_t length = strcspn(variable, "=");
    char *name = strndup(variable, length);
    if (name)
        builder_environment(builder, name, variable[length] ? variable + length + 1 : "");
    free(name);
}

/* A program of a manifest gets the manifest's environment; one of the command line what it would have in a shell. */
static void add_environment(const struct request *request, struct builder *builder) {
    extern char **environ;
    unsigned cursor = 0;
    const char *given;
    if (request->program)
        builder_forget_environment(builder);
    for (char **variable = environ; *variable && request->program; variable++)
        if (is_passed_on(*variable) && !is_set_by_option(request->invocation, *variable))
            add_variable(builder, *variable);
    while ((given = command_next(request->invocation, "env", &cursor))) {
        const char *value = getenv(given);
        if (strchr(given, '='))
            add_variable(builder, given);
        else if (value)
            builder_environment(builder, given, value);
    }
}

/* Is the folder there for the program: granted, or on the way to something that is? */
static bool is_visible(const struct grove_spec *spec, const char *path) {
    struct grove_argument argument = {.kind = GROVE_ARGUMENT_PATH};
    size_t length = strlen(path);
    if (length > GROVE_ARGUMENT_TEXT_MAX)
        return false;
    memcpy(argument.value.text, path, length);
    argument.length_bytes = (uint16_t)length;
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability capability;
        uint16_t flags;
        grove_spec_capability(spec, i, &capability, &flags);
        if (capability.kind <= GROVE_CAP_FS_EXEC && !(flags & GROVE_SPEC_CAPABILITY_HELD) &&
            (grove_argument_covers(&capability.argument, &argument) ||
             grove_argument_covers(&argument, &capability.argument)))
            return true;
    }
    return false;
}

/* Also where no stream is one: the keys of the terminal that grove was started at are meant for the program too. */
static bool has_terminal(void) {
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (terminal >= 0)
        close(terminal);
    return terminal >= 0 || isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO);
}

static int build(struct request *request, const struct grove_spec *compiled, struct denials *denials) {
    const char *problem = "memory is exhausted";
    void *spec;
    struct builder *builder = builder_copy(compiled, keeps, denials);
    int status = builder ? 0 : GROVE_NO_MEMORY;
    if (builder) {
        struct grove_spec *header = builder_header(builder);
        for (unsigned i = request->program ? 1 : 0; i < request->invocation->argument_count; i++)
            builder_argument(builder, request->invocation->arguments[i]);
        add_environment(request, builder);
        header->flags |= request->flags | (has_terminal() ? GROVE_SPEC_TERMINAL : 0);
        if (request->program && ((request->flags & GROVE_SPEC_LEARN) || is_visible(compiled, request->folder)))
            header->directory = builder_text(builder, request->folder);
        status = builder_finish(builder, &spec, &request->spec_bytes, &problem);
    }
    builder_destroy(builder);
    if (status < 0) {
        command_fail(
            request->invocation,
            "this cannot be run: %s; what is longer goes in by a file or by standard input (xargs -n makes several "
            "calls)",
            problem);
        return LAUNCH_FAILED;
    }
    request->spec = spec;
    return denials->has_failed ? LAUNCH_FAILED : 0;
}

int request_make(struct request *request) {
    struct denials denials = {0};
    void *compiled = NULL;
    size_t compiled_bytes = 0;
    if (read_denials(request->invocation, &denials) != 0)
        return LAUNCH_FAILED;
    int status = compile(request, &compiled, &compiled_bytes);
    if (status != 0)
        return status;
    if (has_missing(request->invocation, compiled))
        status = LAUNCH_FAILED;
    else
        status = build(request, compiled, &denials);
    free(compiled);
    return status;
}
