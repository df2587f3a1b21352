/*
 * From what a person calls a service to its full name, and what is said when there is none of that name.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/text/text.h"
#include "servers/common/names.h"
#include "userspace/grove/commands/system_client.h"

/* ---- the nearest name ---- */

struct names {
    char **list; /* ends with NULL */
    size_t count, size;
};

static int add_name(const struct registry_record *record, void *context) {
    struct names *names = context;
    if (names->count + 2 > names->size) {
        size_t size = 2 * names->size + 64;
        char **grown = realloc(names->list, size * sizeof *grown);
        if (grown == NULL)
            return 0;
        names->list = grown;
        names->size = size;
    }
    names->list[names->count] = strdup(record->name.text);
    names->count += names->list[names->count] != NULL;
    names->list[names->count] = NULL;
    return 0;
}

/* Compared by what was typed: a full name with full names, a bare one with what stands behind the project. */
static const char *nearest(const struct names *names, const char *text) {
    const char **parts = calloc(names->count + 1, sizeof *parts), *found = NULL;
    for (size_t index = 0; parts != NULL && index < names->count; index++) {
        const char *dot = strrchr(names->list[index], '.');
        parts[index] = strchr(text, '.') != NULL || dot == NULL ? names->list[index] : dot + 1;
    }
    if (parts != NULL)
        found = text_nearest(text, parts);
    free(parts);
    return found;
}

int system_unknown(const struct invocation *invocation, const char *text) {
    struct names names = {NULL, 0, 0};
    struct registry_query query = {.version = REGISTRY_PROTOCOL_VERSION};
    if (system_query(invocation, &query, add_name, &names) != 0)
        return COMMAND_FAILED;
    const char *found = names.count == 0 ? NULL : nearest(&names, text);
    if (found != NULL)
        (void)command_fail(invocation, "no service named %s is registered; did you mean %s?", text, found);
    else
        (void)command_fail(invocation, "no service named %s is registered; \"grove ps\" lists those that are%s", text,
                           names.count == 0 ? ", and \"grove up FOLDER\" registers a project" : "");
    for (size_t index = 0; index < names.count; index++)
        free(names.list[index]);
    free(names.list);
    return COMMAND_FAILED;
}

static int count_one(const struct registry_record *record, void *context) {
    (void)record;
    ++*(unsigned *)context;
    return 0;
}

int system_is_registered(const struct invocation *invocation, const struct grove_name *name, bool *answer) {
    struct registry_query query = {.version = REGISTRY_PROTOCOL_VERSION, .name = *name};
    unsigned count = 0;
    int status = system_is_own(name) ? 0 : system_query(invocation, &query, count_one, &count);
    if (status == 0)
        *answer = system_is_own(name) || count > 0;
    return status;
}

/* ---- the name that was meant ---- */

struct search {
    struct grove_name found;
    unsigned count;
    char others[256];
};

static int found_one(const struct registry_record *record, void *context) {
    struct search *search = context;
    size_t length = strlen(search->others);
    search->count++;
    search->found = record->name;
    (void)snprintf(search->others + length, sizeof search->others - length, "%s%s", length == 0 ? "" : ", ",
                   record->name.text);
    return 0;
}

/* Is it one of the system services, without their "system."? */
static int is_own(const struct invocation *invocation, const char *text, struct grove_name *name) {
    struct init_page page;
    struct init_record records[INIT_SERVICES_MAX + 1];
    int status = system_init(invocation, INIT_STATUS, "", &page, records);
    name->text[0] = '\0';
    for (uint32_t index = 0; status == 0 && index < page.count; index++) {
        const char *dot = strrchr(records[index].name.text, '.');
        if (dot != NULL && strcmp(dot + 1, text) == 0)
            *name = records[index].name;
    }
    return status;
}

int system_name(const struct invocation *invocation, const char *text, struct grove_name *name) {
    struct grove_name typed;
    struct search search = {.count = 0};
    struct registry_query query = {.version = REGISTRY_PROTOCOL_VERSION};
    name_set(&typed, text);
    if (!service_name_is_valid(&typed) || strlen(text) > GROVE_NAME_MAX)
        return command_misused(invocation, "\"%s\" is no name of a service; it is written project.service", text);
    if (strchr(text, '.') != NULL) {
        *name = typed;
        return 0;
    }
    (void)snprintf(query.name.text, sizeof query.name.text, "*.%.60s", text);
    int status = system_query(invocation, &query, found_one, &search);
    if (status != 0)
        return status;
    if (search.count == 0) {
        status = is_own(invocation, text, name);
        if (status != 0 || name->text[0] != '\0')
            return status;
    }
    if (search.count == 0)
        return system_unknown(invocation, text);
    if (search.count > 1)
        return command_fail(invocation, "%s is the name of several services: say which of %s", text, search.others);
    *name = search.found;
    return 0;
}

int system_known_name(const struct invocation *invocation, const char *text, struct grove_name *name) {
    bool is_registered = false;
    int status = system_name(invocation, text, name);
    if (status == 0)
        status = system_is_registered(invocation, name, &is_registered);
    return status == 0 && !is_registered ? system_unknown(invocation, text) : status;
}
