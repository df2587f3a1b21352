/* What the core asks of a container that runs, or did: signals, freezing, budgets, schedules, and what it used. */
#include "kernel/services/containers/inside.h"

static struct container_record *find_running(machine_container container) {
    struct container_record *record = record_find(container);
    return record != NULL && record->program != NULL ? record : NULL;
}

static const struct host_programs *programs(void) {
    return &containers.host->programs;
}

void machine_container_kill(machine_container container) {
    struct container_record *record = find_running(container);
    if (record == NULL)
        return;
    record->is_killed = true;
    programs()->kill(containers.host->context, record->program);
}

int machine_container_signal(machine_container container, uint32_t signal) {
    struct container_record *record = find_running(container);
    if (record == NULL)
        return GROVE_WRONG_STATE;
    if (signal == 0 || signal > 64)
        return GROVE_INVALID;
    /* It is there, so what is wrong can only be that it has just ended. */
    int error = programs()->signal(containers.host->context, record->program, signal);
    return error == 0 ? GROVE_OK : GROVE_WRONG_STATE;
}

int machine_container_freeze(machine_container container) {
    struct container_record *record = find_running(container);
    if (record == NULL)
        return GROVE_WRONG_STATE;
    return programs()->freeze(containers.host->context, record->program) == 0 ? GROVE_OK : GROVE_UNSUPPORTED;
}

int machine_container_thaw(machine_container container) {
    struct container_record *record = find_running(container);
    if (record == NULL)
        return GROVE_WRONG_STATE;
    programs()->thaw(containers.host->context, record->program);
    return GROVE_OK;
}

/* ---- budget and schedule of a running instance; one that has just ended needs neither ---- */

int machine_container_budget(machine_container container, const struct grove_budget *budget) {
    struct container_record *record = find_running(container);
    if (record == NULL)
        return GROVE_OK;
    if (budget->disk_bytes != 0 || budget->network_rate != 0 || budget->network_total != 0)
        return GROVE_UNSUPPORTED;
    allowance_set(containers.host->scheduler, record->allowance, budget);
    record->budget = *budget;
    warnings_watch(record);
    return GROVE_OK;
}

int machine_container_schedule(machine_container container, const struct grove_schedule *schedule) {
    struct container_record *record = find_running(container);
    if (record == NULL)
        return GROVE_OK;
    int status = containers_status(programs()->schedule(containers.host->context, record->program, schedule));
    if (status == GROVE_OK)
        record->schedule = *schedule;
    return status;
}

/* ---- what it used ---- */

int machine_container_usage(machine_container container, struct grove_usage *usage) {
    struct container_record *record = record_find(container);
    if (record == NULL || record->allowance == NULL)
        return GROVE_UNSUPPORTED;
    allowance_usage(containers.host->scheduler, record->allowance, usage);
    return GROVE_OK;
}

/* No limit on either can be held here yet, and a start with one fails (start.c). */
uint64_t machine_container_disk(machine_container container) {
    (void)container;
    return 0;
}

uint64_t machine_container_network(machine_container container) {
    (void)container;
    return 0;
}

int32_t machine_container_process(machine_container container) {
    const struct container_record *record = find_running(container);
    return record != NULL ? programs()->number(containers.host->context, record->program) : 0;
}

void machine_container_streams(machine_container container, machine_object streams[2]) {
    const struct container_record *record = record_find(container);
    for (unsigned i = 0; i < 2; i++)
        streams[i] = record != NULL ? record->stream_read[i] : MACHINE_OBJECT_NONE;
}
