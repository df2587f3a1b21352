/*
 * The table of containers: one record for each index that was ever started and not destroyed.
 */
#include "kernel/machine/linux/container/launch.h"
#include "kernel/machine/linux/container/leaving.h"
#include "kernel/machine/linux/recovery/recovery.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHUT_DOWN_WAIT_MS 2000

static struct container **table;
static machine_container table_size;

__attribute__((weak)) uint64_t container_left_out(void) {
    return 0;
}

bool container_is_optional(enum grove_layer layer) {
    return ((linux_machine->options.optional_layers | container_left_out()) >> layer & 1) != 0;
}

struct container *container_find(machine_container index) {
    return index < table_size ? table[index] : NULL;
}

static int table_grow(machine_container index) {
    machine_container size = table_size == 0 ? 64 : table_size;
    while (size <= index)
        size *= 2;
    struct container **grown = realloc(table, size * sizeof(struct container *));
    if (grown == NULL)
        return GROVE_NO_MEMORY;
    (void)memset(grown + table_size, 0, (size - table_size) * sizeof(struct container *));
    table = grown;
    table_size = size;
    return GROVE_OK;
}

int container_make(machine_container index, struct container **container) {
    if (index >= table_size) {
        int result = table_grow(index);
        if (result < 0)
            return result;
    }
    if (table[index] == NULL) {
        struct container *made = calloc(1, sizeof *made);
        if (made == NULL)
            return GROVE_NO_MEMORY;
        made->index = index;
        made->report = made->process_descriptor = made->notify = made->mount_namespace = -1;
        made->stream_read[0] = made->stream_read[1] = made->stream_write[0] = made->stream_write[1] = -1;
        table[index] = made;
    }
    *container = table[index];
    return GROVE_OK;
}

void container_adopt(struct container *container, const struct machine_start *start) {
    container->has_new_budget |= memcmp(&container->budget, &start->budget, sizeof start->budget) != 0;
    container->budget = start->budget;
    container->schedule = start->schedule;
    container->project = start->project;
    container->spec = start->spec;
    identity_choose(container, start);
}

static void close_if_open(int *descriptor) {
    if (*descriptor >= 0)
        (void)close(*descriptor);
    *descriptor = -1;
}

void machine_container_destroy(machine_container index) {
    struct container *container = container_find(index);
    port_close(index); /* a shell has nothing but a port */
    if (container == NULL)
        return;
    if (container->failure_timer != 0)
        loop_cancel(linux_machine->loop, container->failure_timer);
    if (container->phase != CONTAINER_IDLE && container->process != 0)
        life_close(container);
    for (unsigned i = 0; i < 2; i++) {
        close_if_open(&container->stream_read[i]);
        close_if_open(&container->stream_write[i]);
    }
    spare_account(container);
    traffic_account_destroy(container->traffic_account);
    for (unsigned i = 0; i < container->mapping_count; i++)
        (void)close(container->mappings[i].user_namespace);
    warnings_close(container);
    if (container->cgroup != NULL)
        cgroup_destroy(container->cgroup);
    free(container);
    table[index] = NULL;
}

/* Killed already: its end is a matter of moments, and waiting for it lets its control group be removed. */
static void wait_for_end(const struct container *container) {
    struct pollfd end = {.fd = container->process_descriptor, .events = POLLIN};
    siginfo_t info;
    if (poll(&end, 1, SHUT_DOWN_WAIT_MS) == 1)
        (void)waitid(P_PIDFD, (id_t)container->process_descriptor, &info, WEXITED | WNOHANG | __WALL);
}

void container_shut_down(struct linux_machine *machine) {
    (void)machine;
    for (machine_container index = 0; index < table_size; index++)
        machine_container_kill(index);
    for (machine_container index = 0; index < table_size; index++) {
        if (table[index] != NULL && table[index]->process != 0)
            wait_for_end(table[index]);
        machine_container_destroy(index);
    }
    free(table);
    table = NULL;
    table_size = 0;
    spare_end_all();
    leaving_end_all();
    quota_end_all();
    launch_free_all();
    namespaces_close();
    cgroup_shut_down();
    recovery_close();
}

const struct grove_spec *container_spec(machine_container index) {
    const struct container *container = container_find(index);
    return container == NULL ? NULL : container->spec;
}

struct traffic *container_traffic(machine_container index) {
    const struct container *container = container_find(index);
    return container == NULL ? NULL : container->traffic;
}

int container_process_descriptor(machine_container index, pid_t *process) {
    const struct container *container = container_find(index);
    if (container == NULL || container->process == 0)
        return -1;
    *process = container->process;
    return container->process_descriptor;
}
