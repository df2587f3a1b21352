/*
 * grove tree: projects, their services, and what each requires.
 */
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "userspace/grove/commands/system_client.h"

static const struct command_option options[] = {
    {"project", 'p', "NAME", "only this project and those below it"},
    {"requires", 'r', NULL, "show below each service what it requires"},
    {0},
};

struct forest {
    const struct invocation *invocation;
    json_t *projects; /* name -> array of services */
    bool with_requirements;
};

static void add_requirements(const struct forest *forest, const struct grove_name *name, json_t *service) {
    struct grove_spec *spec;
    json_t *list = json_array();
    if (!system_is_own(name) && system_spec(forest->invocation, name, &spec) == 0) {
        for (uint32_t index = 0; index < spec->requires.count; index++)
            (void)json_array_append_new(list,
                                        json_string(grove_spec_text(spec, grove_spec_required(spec, index)->name)));
        free(spec);
    }
    (void)json_object_set_new(service, "requires", list);
}

static int add_service(const struct registry_record *record, void *context) {
    struct forest *forest = context;
    json_t *services = json_object_get(forest->projects, record->project.text);
    json_t *service = system_record_json(record, NULL);
    if (services == NULL) {
        services = json_array();
        (void)json_object_set_new(forest->projects, record->project.text, services);
    }
    if (forest->with_requirements)
        add_requirements(forest, &record->name, service);
    return json_array_append_new(services, service);
}

static int add_system(struct forest *forest) {
    struct init_page page;
    struct init_record records[INIT_SERVICES_MAX + 1];
    int status = system_init(forest->invocation, INIT_STATUS, "", &page, records);
    for (uint32_t index = 0; status == 0 && index < page.count; index++) {
        struct registry_record record;
        system_record_of(&records[index], &record);
        status = add_service(&record, forest);
    }
    return status;
}

static enum output_colour colour_of(const char *state) {
    if (strcmp(state, "ready") == 0 || strcmp(state, "done") == 0)
        return OUTPUT_GOOD;
    if (strcmp(state, "failed") == 0 || strcmp(state, "given-up") == 0)
        return OUTPUT_BAD;
    return OUTPUT_WARNING;
}

static void print_service(const struct invocation *invocation, json_t *service, bool is_last) {
    const char *name = json_string_value(json_object_get(service, "name"));
    const char *state = json_string_value(json_object_get(service, "state"));
    const char *dot = strrchr(name, '.');
    const json_t *requirements = json_object_get(service, "requires");
    printf("%s %s  %s%s%s\n", is_last ? "└─" : "├─", dot == NULL ? name : dot + 1,
           output_on(invocation, colour_of(state)), state, output_off(invocation));
    for (size_t index = 0; index < json_array_size(requirements); index++)
        printf("%s    → %s\n", is_last ? "  " : "│ ", json_string_value(json_array_get(requirements, index)));
}

static void print_forest(const struct invocation *invocation, json_t *projects) {
    const char *project;
    json_t *services;
    json_object_foreach(projects, project, services) {
        size_t count = json_array_size(services);
        printf("%s%s%s\n", output_on(invocation, OUTPUT_STRONG), project, output_off(invocation));
        for (size_t index = 0; index < count; index++)
            print_service(invocation, json_array_get(services, index), index + 1 == count);
    }
}

static int run(struct invocation *invocation) {
    const char *project = command_value(invocation, "project");
    struct registry_query query = {.version = REGISTRY_PROTOCOL_VERSION};
    struct forest forest = {.invocation = invocation,
                            .projects = json_object(),
                            .with_requirements = command_has(invocation, "requires") || invocation->json};
    int status = 0;
    name_set(&query.project, project == NULL ? "" : project);
    if (project == NULL || strcmp(project, "system") == 0)
        status = add_system(&forest);
    if (status == 0)
        status = system_query(invocation, &query, add_service, &forest);
    if (status == 0 && invocation->json) {
        output_json(forest.projects);
        return COMMAND_OK;
    }
    if (status == 0)
        print_forest(invocation, forest.projects);
    json_decref(forest.projects);
    return status;
}

const struct command command_tree = {
    .name = "tree",
    .summary = "show projects as a tree of services",
    .usage = "",
    .description =
        "Shows every project with its services and their states and, with --requires, the endpoints that each "
        "service needs.",
    .examples = "  grove tree -r            with requirements\n"
                "  grove tree -p grid       one project",
    .options = options,
    .run = run,
};
