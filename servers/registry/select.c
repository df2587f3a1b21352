/*
 * Whom an action is about: one service, a project, everything; and, as a tree, all that requires one of them.
 *
 * A selection is a list of its own, so that what the action changes does not disturb it. Records are not destroyed while
 * one is held.
 */
#include "servers/registry/registry.h"

#include <stdlib.h>
#include <string.h>

static void add(struct selection *selection, struct record *record, uint32_t number) {
    if (record->selected == number)
        return;
    record->selected = number;
    selection->records[selection->count++] = record;
}

static void add_set(struct selection *selection, const struct record_set *set, uint32_t number) {
    for (uint32_t index = 0; set != NULL && index < set->count; index++)
        add(selection, set->records[index], number);
}

static bool needs(const struct record *record, const char *endpoint) {
    const struct grove_spec *spec = record->node.spec;
    for (uint32_t index = 0; index < spec->requires.count; index++) {
        const struct grove_spec_interface *requirement = grove_spec_required(spec, index);
        if ((requirement->flags & GROVE_INTERFACE_OPTIONAL) == 0 &&
            strcmp(grove_spec_text(spec, requirement->name), endpoint) == 0)
            return true;
    }
    return false;
}

static void add_requirers(struct selection *selection, const struct record *record, uint32_t number) {
    const struct grove_spec *spec = record->node.spec;
    for (uint32_t index = 0; index < spec->provides.count; index++) {
        const char *endpoint = grove_spec_text(spec, grove_spec_provided(spec, index)->name);
        const struct record_set *requirers = index_find(&record->registry->index.requirers, endpoint);
        for (uint32_t at = 0; requirers != NULL && at < requirers->count; at++)
            if (needs(requirers->records[at], endpoint))
                add(selection, requirers->records[at], number);
    }
}

int select_records(struct registry *registry, const struct grove_name *service, const struct grove_name *project,
                   bool is_tree, struct selection *selection) {
    uint32_t number = ++registry->selections;
    /* Room for all: it is used for a moment only. */
    *selection = (struct selection){.records = calloc(registry->count + 1, sizeof(struct record *))};
    if (selection->records == NULL)
        return GROVE_NO_MEMORY;
    if (service->text[0] != '\0') {
        selection->named = record_find(registry, service->text);
        if (selection->named != NULL)
            add(selection, selection->named, number);
    } else {
        add_set(selection,
                project->text[0] == '\0' ? &registry->index.all : index_find(&registry->index.projects, project->text),
                number);
    }
    /* The list grows while it is walked: breadth first, each record once. */
    for (uint32_t index = 0; is_tree && index < selection->count; index++)
        add_requirers(selection, selection->records[index], number);
    return 0;
}

static void add_required(struct selection *selection, struct record *record, uint32_t number) {
    struct record *provider;
    for (uint32_t index = 0; index < record->node.spec->requires.count; index++) {
        (void)order_need(record, index, &provider);
        if (provider != NULL)
            add(selection, provider, number);
    }
}

int select_around(struct record *record, bool with_required, struct selection *selection) {
    struct registry *registry = record->registry;
    uint32_t number = ++registry->selections;
    *selection = (struct selection){.records = calloc(registry->count + 1, sizeof(struct record *))};
    if (selection->records == NULL)
        return GROVE_NO_MEMORY;
    selection->named = record;
    add(selection, record, number);
    for (uint32_t index = 0; with_required && index < selection->count; index++)
        add_required(selection, selection->records[index], number);
    for (uint32_t index = 0; index < selection->count; index++)
        add_requirers(selection, selection->records[index], number);
    return 0;
}

void selection_deinit(struct selection *selection) {
    free(selection->records);
    *selection = (struct selection){0};
}
