/* The tables of containers and projects: one record for each index of the core's that has anything. */
#include "kernel/services/containers/inside.h"
#include "kernel/services/containers/kernel_port.h"

struct container_record *record_find(machine_container container) {
    return container < containers.record_max ? containers.records[container] : NULL;
}

int record_make(machine_container container, struct container_record **made) {
    struct container_record *record = record_find(container);
    if (record == NULL) {
        record = containers_take(sizeof(*record));
        if (record == NULL)
            return GROVE_NO_MEMORY;
        record->index = container;
        record->stream_read[0] = record->stream_read[1] = MACHINE_OBJECT_NONE;
        record->instance.news.kind = NEWS_OF_INSTANCE;
        record->instance.container = container;
        warnings_init(&record->warnings, false, container);
        containers.records[container] = record;
    }
    *made = record;
    return GROVE_OK;
}

struct memory_account *record_account(machine_container container) {
    struct container_record *record = record_find(container);
    return record != NULL && record->allowance != NULL ? &record->allowance->memory : NULL;
}

void machine_container_destroy(machine_container container) {
    struct container_record *record = record_find(container);
    kernel_port_close(container); /* a shell has nothing but a port */
    if (record == NULL)
        return;
    (void)news_take_off(&containers.news, &record->instance.news);
    life_close(record);
    streams_close(record);
    warnings_end(&record->warnings);
    allowance_end(containers.host->scheduler, record->allowance);
    containers.records[container] = NULL;
    containers_give_back(record, sizeof(*record));
}

/* ---- projects ---- */

static struct allowance *allowance_of(machine_project project) {
    const struct project_record *record = project < containers.project_max ? containers.projects[project] : NULL;
    return record != NULL ? record->allowance : NULL;
}

static int make_project(machine_project project, machine_project parent, const struct grove_budget *budget) {
    struct project_record *record = containers_take(sizeof(*record));
    if (record == NULL)
        return GROVE_NO_MEMORY;
    record->parent = parent;
    record->budget = *budget;
    warnings_init(&record->warnings, true, project);
    int status = allowance_create(containers_machine(), containers.host->scheduler, allowance_of(parent), budget,
                                  &record->allowance);
    if (status == GROVE_OK) {
        containers.projects[project] = record;
        warnings_set(&record->warnings, record->allowance, budget);
    } else {
        containers_give_back(record, sizeof(*record));
    }
    return status == GROVE_TOO_LARGE ? GROVE_LAYER_MISSING : status;
}

int machine_project_set(machine_project project, machine_project parent, const struct grove_budget *budget) {
    struct allowance *allowance = allowance_of(project);
    if (allowance == NULL)
        return make_project(project, parent, budget);
    struct project_record *record = containers.projects[project];
    record->budget = *budget;
    allowance_set(containers.host->scheduler, allowance, budget);
    warnings_set(&record->warnings, allowance, budget);
    return GROVE_OK;
}

void machine_project_destroy(machine_project project) {
    struct project_record *record = containers.projects[project];
    if (record == NULL)
        return;
    containers.projects[project] = NULL;
    warnings_end(&record->warnings);
    allowance_end(containers.host->scheduler, record->allowance);
    containers_give_back(record, sizeof(*record));
}
