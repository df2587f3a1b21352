/*
 * grove find: services by what they are.
 */
#include <string.h>

#include "grove/registry.h"
#include "servers/common/names.h"
#include "userspace/grove/commands/extension_list.h"
#include "userspace/grove/commands/system_client.h"

static const struct command_option options[] = {
    {"project", 'p', "NAME", "in this project or one below it"},
    {"tag", 't', "TAG", "with this tag; may be given several times, for services that have all of them"},
    {"provides", 'P', "ENDPOINT", "that provide this endpoint"},
    {"from", 'f', "VERSION", "of this version or newer: of the endpoint if --provides names one, else of the service"},
    {"below", 'b', "VERSION", "older than this version"},
    {"may", 'm', "CAPABILITY", "that may do this by their manifest, like FS_WRITE:/srv"},
    {"owner", 'o', "NAME", "registered by this service, or by a person: shell"},
    {"in", 'i', "STATE", "in this state; may be given several times"},
    {"extension", 'e', "KIND", "not services, but what they add to the system: protocol, storage, health or metrics"},
    {0},
};

static int read_name(const struct invocation *invocation, const char *option, struct grove_name *name) {
    const char *text = command_value(invocation, option);
    if (text != NULL && strlen(text) > GROVE_NAME_MAX)
        return command_misused(invocation, "\"%s\" is longer than a name can be", text);
    name_set(name, text == NULL ? "" : text);
    return 0;
}

/* One to three numbers with dots between them; those that are not there stay as they are. */
static bool take_version(const char *text, uint16_t parts[3]) {
    for (unsigned index = 0; index < 3; index++) {
        char *end;
        unsigned long number = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || number > UINT16_MAX)
            return false;
        parts[index] = (uint16_t)number;
        if (*end != '.')
            return *end == '\0';
        text = end + 1;
    }
    return false;
}

static int read_version(const struct invocation *invocation, const char *option, struct grove_version *version) {
    const char *text = command_value(invocation, option);
    uint16_t parts[3] = {0};
    if (text == NULL)
        return 0;
    if (!take_version(text, parts))
        return command_misused(invocation, "\"%s\" is no version; write up to three numbers like 1.2.0", text);
    *version = (struct grove_version){.major = parts[0], .minor = parts[1], .patch = parts[2]};
    return 0;
}

static int read_tags(const struct invocation *invocation, struct grove_find *find) {
    unsigned cursor = 0, count = 0;
    for (const char *tag; (tag = command_next(invocation, "tag", &cursor)) != NULL; count++) {
        if (count == GROVE_FIND_TAGS_MAX || strlen(tag) > GROVE_TAG_MAX)
            return command_misused(invocation, "at most %u tags of at most %u letters can be looked for at once",
                                   GROVE_FIND_TAGS_MAX, GROVE_TAG_MAX);
        text_set(find->tags[count], sizeof find->tags[count], tag);
    }
    return 0;
}

static int read_states(const struct invocation *invocation, struct grove_find *find) {
    unsigned cursor = 0;
    for (const char *wanted; (wanted = command_next(invocation, "in", &cursor)) != NULL;) {
        uint32_t before = find->states;
        for (uint32_t state = 0; state < GROVE_SERVICE_STATE_COUNT; state++)
            if (strcmp(wanted, grove_service_state_text(state)) == 0)
                find->states |= 1u << state;
        if (find->states == before)
            return command_misused(invocation, "\"%s\" is no state of a service, or was named twice", wanted);
    }
    return 0;
}

static int read_all(const struct invocation *invocation, struct grove_find *find) {
    const char *may = command_value(invocation, "may");
    int status = read_name(invocation, "project", &find->project);
    if (status == 0)
        status = read_name(invocation, "provides", &find->provides);
    if (status == 0)
        status = read_name(invocation, "owner", &find->owner);
    if (status == 0)
        status = read_version(invocation, "from", &find->from);
    if (status == 0)
        status = read_version(invocation, "below", &find->below);
    if (status == 0)
        status = read_tags(invocation, find);
    if (status == 0)
        status = read_states(invocation, find);
    if (status == 0 && may != NULL && grove_capability_parse(may, &find->may) < 0)
        status = command_misused(invocation, "--may: %s", grove_last_error());
    if (status == 0 && invocation->argument_count > 0)
        name_set(&find->name, invocation->arguments[0]);
    return status;
}

static json_t *tags_of(const struct grove_found *found) {
    json_t *list = json_array();
    for (const char *tag = found->tags; *tag != '\0';) {
        size_t length = strcspn(tag, " ");
        (void)json_array_append_new(list, json_stringn(tag, length));
        tag += length + (tag[length] == ' ');
    }
    return list;
}

static int add(const struct grove_found *found, void *context) {
    char version[32];
    (void)snprintf(version, sizeof version, "%u.%u.%u", found->service_version.major, found->service_version.minor,
                   found->service_version.patch);
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:i}", "name", found->name.text, "project", found->project.text,
                  "state", grove_service_state_text(found->state), "version", version, "owner", found->owner.text,
                  "tags", tags_of(found), "generation", (int)found->generation, "restarts", (int)found->restarts);
    if (found->reason[0] != '\0')
        (void)json_object_set_new(row, "reason", json_string(found->reason));
    return json_array_append_new(context, row);
}

/* Of these only name and version can be looked for. */
static int find_extensions(const struct invocation *invocation, const struct grove_find *find) {
    static const char *const others[] = {"project", "tag", "provides", "may", "owner", "in"};
    struct extension_filter filter = {.from = find->from,
                                      .below = find->below,
                                      .pattern = invocation->argument_count > 0 ? invocation->arguments[0] : NULL};
    struct grove_session *session;
    int status = extension_kind(invocation, command_value(invocation, "extension"), &filter.kind);
    for (unsigned i = 0; status == 0 && i < sizeof others / sizeof others[0]; i++)
        if (command_has(invocation, others[i]))
            status = command_misused(
                invocation, "--%s is about services: with --extension, give a PATTERN, --from and --below", others[i]);
    if (status == 0)
        status = command_connect(invocation, &session);
    return status != 0 ? status : extension_list(invocation, session, &filter);
}

static int run(struct invocation *invocation) {
    static const struct output_column columns[] = {
        {"NAME", "name", OUTPUT_TEXT},
        {"STATE", "state", OUTPUT_STATE},
        {"VERSION", "version", OUTPUT_TEXT},
        {"OWNER", "owner", OUTPUT_TEXT},
        {"TAGS", "tags", OUTPUT_LIST},
        {"REASON", "reason", OUTPUT_TEXT},
        {0},
    };
    struct grove_find find = {0};
    struct grove_session *session;
    int status = read_all(invocation, &find);
    if (status == 0 && command_has(invocation, "extension"))
        return find_extensions(invocation, &find);
    if (status == 0)
        status = command_connect(invocation, &session);
    if (status != 0)
        return status;
    json_t *rows = json_array();
    status = grove_registry_find(session, &find, add, rows);
    if (status != 0) {
        json_decref(rows);
        return command_fail_library(invocation, "the registry does not answer the search");
    }
    output_table(invocation, rows, columns, "no service is like that; \"grove ps\" lists all");
    return COMMAND_OK;
}

const struct command command_find = {
    .name = "find",
    .summary = "find services by tag, interface, capability, state, project or owner",
    .usage = "[PATTERN]",
    .description =
        "Finds registered services for which all that is given holds. PATTERN is a full name in which * is any "
        "run of characters. How long it takes depends on how many are found, not on how many are registered. "
        "A service's tags are in its manifest.\n\nWith --extension it finds what services add to the system, by name "
        "and by "
        "the version of the interface that they implement (docs/hooks.md).",
    .examples = "  grove find --tag meter --in ready          those with a tag that serve\n"
                "  grove find --may FS_WRITE:/srv/data        who may write there\n"
                "  grove find --provides grid.historian --from 1.2 'grid.*'\n"
                "  grove find --extension metrics             whose metrics are read",
    .maximum = 1,
    .operands = COMMAND_OPERANDS_SERVICE,
    .options = options,
    .run = run,
};
