#include "userspace/grove/commands/extension_list.h"

#include <string.h>

#include "servers/common/names.h"
#include "userspace/grove/commands/system_client.h"

static const struct output_column columns[] = {
    {"KIND", "kind", OUTPUT_TEXT},       {"NAME", "name", OUTPUT_TEXT},
    {"VERSION", "version", OUTPUT_TEXT}, {"ENDPOINT", "endpoint", OUTPUT_TEXT},
    {"OWNER", "owner", OUTPUT_TEXT},     {"DETAIL", "detail", OUTPUT_TEXT},
    {NULL, NULL, OUTPUT_TEXT},
};

int extension_kind(const struct invocation *invocation, const char *text, uint32_t *kind) {
    for (uint32_t number = 1; number < GROVE_EXTENSION_KINDS; number++)
        if (strcmp(grove_extension_kind_text(number), text) == 0) {
            *kind = number;
            return 0;
        }
    return command_misused(invocation, "\"%s\" is no kind of extension: protocol, storage, health or metrics", text);
}

static int compare(const struct grove_version *one, const struct grove_version *other) {
    int order = (int)one->major - (int)other->major;
    order = order != 0 ? order : (int)one->minor - (int)other->minor;
    return order != 0 ? order : (int)one->patch - (int)other->patch;
}

static bool is_wanted(const struct grove_extension *extension, const struct extension_filter *filter) {
    const struct grove_version none = {0};
    return (filter->pattern == NULL || name_matches(filter->pattern, extension->name.text)) &&
           compare(&extension->version, &filter->from) >= 0 &&
           (compare(&filter->below, &none) == 0 || compare(&extension->version, &filter->below) < 0);
}

static json_t *row_of(const struct grove_extension *extension) {
    char version[32];
    (void)snprintf(version, sizeof version, "%u.%u.%u", extension->version.major, extension->version.minor,
                   extension->version.patch);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kind", grove_extension_kind_text(extension->kind), "name",
                     extension->name.text, "version", version, "endpoint", extension->endpoint.text, "owner",
                     extension->owner.text, "detail", extension->detail);
}

int extension_list(const struct invocation *invocation, struct grove_session *session,
                   const struct extension_filter *filter) {
    struct grove_extension extension;
    uint32_t cursor = 0;
    int status;
    json_t *rows = json_array();
    while ((status = grove_extension_next(session, filter->kind, (struct grove_version){0}, &cursor, &extension)) == 0)
        if (is_wanted(&extension, filter))
            (void)json_array_append_new(rows, row_of(&extension));
    if (status != GROVE_NOT_FOUND) {
        json_decref(rows);
        return command_fail_library(invocation, "the service of hooks does not say what extensions there are");
    }
    output_table(invocation, rows, columns, "no service has registered such an extension");
    return COMMAND_OK;
}
