/*
 * The container operations of the linux machine.
 */
#include "kernel/machine/linux/linux.h"

#include <stdio.h>

int container_probe(struct linux_machine *machine) {
    machine->layers_enforced = 0;
    return GROVE_OK;
}

const char *container_advice(enum grove_layer layer, char *buffer, size_t size_bytes) {
    (void)snprintf(buffer, size_bytes, "layer %d is not available", (int)layer);
    return buffer;
}

int container_start_up(struct linux_machine *machine) {
    (void)machine;
    return GROVE_OK;
}

void container_shut_down(struct linux_machine *machine) {
    (void)machine;
}

int container_process_descriptor(machine_container container, pid_t *process) {
    (void)container;
    (void)process;
    return -1;
}

const struct grove_spec *container_spec(machine_container container) {
    (void)container;
    return NULL;
}

int recovery_run(struct linux_machine *machine) {
    (void)machine;
    return GROVE_OK;
}

int machine_container_start(const struct machine_start *start) {
    (void)start;
    return GROVE_UNSUPPORTED;
}

void machine_container_kill(machine_container container) {
    (void)container;
}

int machine_container_signal(machine_container container, uint32_t signal) {
    (void)container;
    (void)signal;
    return GROVE_WRONG_STATE;
}

int machine_container_freeze(machine_container container) {
    (void)container;
    return GROVE_UNSUPPORTED;
}

int machine_container_thaw(machine_container container) {
    (void)container;
    return GROVE_UNSUPPORTED;
}

void machine_container_destroy(machine_container container) {
    (void)container;
}

int machine_container_budget(machine_container container, const struct grove_budget *budget) {
    (void)container;
    (void)budget;
    return GROVE_OK;
}

int machine_container_schedule(machine_container container, const struct grove_schedule *schedule) {
    (void)container;
    (void)schedule;
    return GROVE_OK;
}

int machine_container_usage(machine_container container, struct grove_usage *usage) {
    (void)container;
    *usage = (struct grove_usage){0};
    return GROVE_OK;
}

int32_t machine_container_process(machine_container container) {
    (void)container;
    return 0;
}

void machine_container_streams(machine_container container, machine_object streams[2]) {
    (void)container;
    streams[0] = streams[1] = MACHINE_OBJECT_NONE;
}
