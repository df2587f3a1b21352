/*
 * Refusals from the audit log, and files that were hidden.
 */
#include "userspace/grove/run/refusals.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grove/abi/audit.h"
#include "lib/text/text.h"
#include "userspace/grove/run/record.h"
#include "userspace/manifest/paths.h"

#define REFUSALS_MAX 64u
#define RECORDS_MAX 20000u

struct refusals {
    char *seen[REFUSALS_MAX];
    unsigned count;
    struct grove_audit_record kept[RUN_RECORDS_MAX]; /* for grove why */
    unsigned kept_count;
};

static void keep(struct refusals *refusals, const struct grove_audit_record *record) {
    if (refusals->kept_count < RUN_RECORDS_MAX)
        refusals->kept[refusals->kept_count++] = *record;
}

static bool is_new(struct refusals *refusals, const char *sentence) {
    for (unsigned i = 0; i < refusals->count; i++)
        if (!strcmp(refusals->seen[i], sentence))
            return false;
    if (refusals->count == REFUSALS_MAX)
        return false;
    char *copy = strdup(sentence);
    if (copy)
        refusals->seen[refusals->count++] = copy;
    return true;
}

static int read_record(const struct launch *launch, uint64_t sequence, const char *name,
                       struct grove_audit_record *record) {
    struct grove_message message = {.operation = GROVE_REQUEST_AUDIT_READ, .body.audit_read = {.sequence = sequence}};
    snprintf(message.body.audit_read.name.text, sizeof(message.body.audit_read.name.text), "%s", name);
    int status = grove_kernel_request(launch->kernel->session, &message, NULL, 0, NULL, NULL, 5 * GROVE_SECOND);
    if (status == 0)
        memcpy(record, message.body.bytes, sizeof(*record));
    return status;
}

unsigned refusals_print(const struct launch *launch, uint64_t from) {
    const struct grove_spec *spec = launch->spec;
    const char *name = grove_spec_text(spec, spec->name);
    static struct refusals refusals; /* of the one program there is: too large for the stack */
    struct grove_audit_record record;
    for (unsigned i = 0; i < RECORDS_MAX && read_record(launch, from, name, &record) == 0; i++) {
        char sentence[768], grant[TEXT_CAPABILITY_MAX];
        from = record.sequence + 1;
        if (record.event == GROVE_AUDIT_EXIT)
            keep(&refusals, &record);
        if (!refusal_explain(&record, sentence, sizeof(sentence), grant, sizeof(grant)) || !is_new(&refusals, sentence))
            continue;
        keep(&refusals, &record);
        command_remark(launch->invocation,
                       "grove run: %s\n    to grant it: --allow %s   (in a manifest, below capabilities: - %s)",
                       sentence, grant, grant);
    }
    if (refusals.count)
        run_record_write(launch->invocation->state_folder, name, refusals.kept, refusals.kept_count);
    for (unsigned i = 0; i < refusals.count; i++)
        free(refusals.seen[i]);
    return refusals.count;
}

static bool is_visible(const struct grove_spec *spec, const char *path) {
    struct grove_capability wanted = {.argument.kind = GROVE_ARGUMENT_PATH};
    size_t length = strlen(path);
    if (!strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6))
        return true; /* every container has its own */
    memcpy(wanted.argument.value.text, path, length);
    wanted.argument.length_bytes = (uint16_t)length;
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability capability;
        grove_spec_capability(spec, i, &capability, NULL);
        if (capability.kind <= GROVE_CAP_FS_EXEC && grove_argument_covers(&capability.argument, &wanted.argument))
            return true;
    }
    return (spec->flags & GROVE_SPEC_SYSTEM_FILES) && path_is_system(path);
}

/* The file that an argument names, as an absolute path without links: also what stands behind a "=". */
static char *named_file(const char *argument, const char *folder) {
    char *path = NULL, *real = NULL;
    const char *sign = argument[0] == '-' ? strchr(argument, '=') : NULL;
    const char *name = sign ? sign + 1 : argument;
    bool is_absolute = name[0] == '/';
    if (*name && name[0] != '-' && asprintf(&path, "%s/%s", is_absolute ? "" : folder, name) >= 0)
        real = realpath(path, NULL);
    free(path);
    return real;
}

unsigned refusals_print_hidden(const struct launch *launch, const char *folder) {
    const struct grove_spec *spec = launch->spec;
    unsigned count = 0;
    for (uint32_t i = 1; i < spec->arguments.count; i++) {
        char *path = named_file(grove_spec_argument(spec, i), folder);
        if (path && strlen(path) <= GROVE_ARGUMENT_TEXT_MAX && strcmp(path, "/") != 0 && !is_visible(spec, path)) {
            command_remark(launch->invocation,
                           "grove run: %s exists, but the program cannot see it: FS_READ:%s is missing\n"
                           "    to grant it: --allow FS_READ:%s   (or FS_WRITE)",
                           path, path, path);
            count++;
        }
        free(path);
    }
    return count;
}
