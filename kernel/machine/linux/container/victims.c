/*
 * Whom Linux ends where there is no memory left in a group that holds groved too, or on the machine: a service rather than a
 * system service, and either rather than groved, with which everything would end. A service is started again.
 *
 * Linux ends the process with the most memory, counted with a handicap in thousandths of all there is (oom_score_adj). The one
 * of a system service is worth twice what groved itself uses, that of a service the double of that: in a group of a few
 * megabytes that is much, and on a machine with gigabytes so little that no service is ended for the memory of somebody else.
 * They are added to groved's own, which an administrator may have set.
 *
 * A child that has not executed its program shares groved's memory, and Linux would give the handicap to groved as well. So it
 * is written a moment after the program runs, to each process of the container's group; what these start inherits it. One
 * that was missed because it was being started just then is as likely to be ended as groved. Where it cannot be written,
 * nothing else depends on it.
 */
#include "kernel/machine/linux/container/container.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DELAY_NS UINT64_C(2000000)
#define PROCESSES_MAX 64u
#define HANDICAP_MAX 1000L

#define ROOM_LEAST_BYTES (UINT64_C(16) << 20) /* groved grows */
#define LOOK_NS UINT64_C(1000000000)

static uint64_t own_bytes(void) {
    unsigned long all_pages, pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu %lu", &all_pages, &pages) != 2) /* NOLINT(cert-err34-c): Linux wrote it */
        pages = 0;
    (void)fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Of a system service. Looked up once a second at most: many services may start at once. */
static long unit_of_now(void) {
    static uint64_t looked_ns;
    static long unit;
    uint64_t now_ns = machine_clock_ns();
    if (unit != 0 && now_ns - looked_ns < LOOK_NS)
        return unit;
    uint64_t room_bytes = 2 * own_bytes(), all_bytes = cgroup_memory_around();
    if (room_bytes < ROOM_LEAST_BYTES)
        room_bytes = ROOM_LEAST_BYTES;
    looked_ns = now_ns;
    unit = room_bytes < all_bytes ? (long)((double)room_bytes / (double)all_bytes * HANDICAP_MAX) + 1 : HANDICAP_MAX;
    return unit;
}

static long own_handicap(void) {
    static long own = LONG_MIN;
    char text[16] = "";
    if (own != LONG_MIN)
        return own;
    int file = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
    own = file >= 0 && read(file, text, sizeof text - 1) > 0 ? strtol(text, NULL, 10) : 0;
    if (file >= 0)
        (void)close(file);
    return own;
}

static void write_handicap(pid_t process, long handicap) {
    char path[48], text[16];
    (void)snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)process);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return;
    int length = snprintf(text, sizeof text, "%ld", handicap);
    (void)!write(file, text, (size_t)length);
    (void)close(file);
}

static void handicap_now(struct loop *loop, void *context) {
    struct container *container = context;
    pid_t processes[PROCESSES_MAX] = {container->process};
    unsigned count = 1;
    (void)loop;
    container->victim_timer = 0;
    if (container->cgroup != NULL)
        count = cgroup_processes(container->cgroup, processes, PROCESSES_MAX);
    long handicap = own_handicap() + unit_of_now() * (container->spec->ring < 2 ? 1 : 2);
    for (unsigned index = 0; index < count; index++)
        if (processes[index] > 0)
            write_handicap(processes[index], handicap < HANDICAP_MAX ? handicap : HANDICAP_MAX);
}

void victims_begin(struct container *container) {
    if (!linux_machine->options.embedded && container->victim_timer == 0)
        (void)loop_at(linux_machine->loop, machine_clock_ns() + DELAY_NS, handicap_now, container,
                      &container->victim_timer);
}

void victims_end(struct container *container) {
    if (container->victim_timer != 0)
        loop_cancel(linux_machine->loop, container->victim_timer);
    container->victim_timer = 0;
}
