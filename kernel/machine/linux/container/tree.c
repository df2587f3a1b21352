/*
 * See tree.h. What /proc says of a process can be out of date at once; three things make it good enough:
 *
 * - Linux lets no fork end while a stop is pending. So when all were told to stop, and are then found to be the same ones as
 *   before, each of them stopped or in the middle of a system call that it will not come back from, there are no others.
 * - Such a call can last: a parent that waits for the child of its vfork sleeps on while that child is stopped.
 * - A number can have gone to a stranger's process. So a signal goes to a process descriptor, and only after the process
 *   behind the number was seen, with the descriptor open, in the container's own process namespace.
 */
#include "kernel/machine/linux/container/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct tree {
    pid_t *processes;
    unsigned count, room;
    bool is_still; /* no task that was looked at runs or may run, and there was room for all */
};

static ssize_t read_task(pid_t process, pid_t task, const char *name, char *text, size_t size_bytes) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/%s", (int)process, (int)task, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, size_bytes - 1);
    if (file >= 0)
        (void)close(file);
    text[length < 0 ? 0 : length] = '\0';
    return length;
}

/* The state stands after the name, which may hold anything, brackets too. A task that is gone is as good as stopped. */
static bool task_is_still(pid_t process, pid_t task) {
    char text[512];
    if (read_task(process, task, "stat", text, sizeof text) <= 0)
        return true;
    const char *end = strrchr(text, ')');
    return end == NULL || end[1] != ' ' || strchr("TtDZXx", end[2]) != NULL;
}

static void add_children(struct tree *tree, pid_t process, pid_t task) {
    char text[8 * TREE_PROCESSES_MAX];
    char *next = text, *end;
    if (read_task(process, task, "children", text, sizeof text) <= 0)
        return;
    for (long child; (child = strtol(next, &end, 10)) > 0 && end != next; next = end) {
        if (tree->count == tree->room) {
            tree->is_still = false;
            return;
        }
        tree->processes[tree->count++] = (pid_t)child;
    }
}

/* The state before the children: those of a task that is still are all. */
static void look_at(struct tree *tree, pid_t process) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        pid_t task = (pid_t)strtol(entry->d_name, NULL, 10);
        if (task <= 0)
            continue;
        if (tree->is_still && !task_is_still(process, task))
            tree->is_still = false;
        add_children(tree, process, task);
    }
    (void)closedir(tasks);
}

static bool look(pid_t first, pid_t *processes, unsigned room, unsigned *count) {
    struct tree tree = {.processes = processes, .count = 1, .room = room, .is_still = true};
    processes[0] = first;
    for (unsigned i = 0; i < tree.count; i++)
        look_at(&tree, processes[i]);
    *count = tree.count;
    return tree.is_still;
}

unsigned tree_processes(pid_t first, pid_t *processes, unsigned room) {
    unsigned count = 0;
    (void)look(first, processes, room, &count);
    return count;
}

/* ---- what they use ---- */

/* Of all its threads. */
static uint64_t processor_time_ns(pid_t process) {
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void add_usage(pid_t process, struct grove_usage *usage) {
    char text[1024];
    unsigned long long children_user, children_system;
    unsigned long pages;
    if (read_task(process, process, "stat", text, sizeof text) <= 0)
        return;
    const char *end = strrchr(text, ')');
    if (end == NULL)
        return;
    /* proc(5): the state is field 3, times of children waited for are fields 16 and 17, resident pages field 24. */
    static const char fields[] =
        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*u %*u %lu";
    /* NOLINTNEXTLINE(cert-err34-c): Linux wrote it */
    int found = sscanf(end + 1, fields, &children_user, &children_system, &pages);
    if (found != 3)
        return;
    usage->processor_ns += processor_time_ns(process) +
                           (children_user + children_system) * (1000000000u / (unsigned long)sysconf(_SC_CLK_TCK));
    usage->memory_bytes += pages * (unsigned long)sysconf(_SC_PAGESIZE);
    usage->processes++;
}

void tree_usage(pid_t first, struct grove_usage *usage) {
    pid_t processes[TREE_COUNTED_MAX];
    unsigned count = tree_processes(first, processes, TREE_COUNTED_MAX);
    *usage = (struct grove_usage){0};
    for (unsigned i = 0; i < count; i++)
        add_usage(processes[i], usage);
}

/* ---- signals ---- */

static bool namespace_of(pid_t process, struct stat *status) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)process);
    return stat(path, status) == 0;
}

static void signal_one(pid_t process, int number, const struct stat *home) {
    struct stat status;
    int descriptor = (int)syscall(SYS_pidfd_open, process, 0);
    if (descriptor < 0)
        return;
    if (namespace_of(process, &status) && status.st_ino == home->st_ino && status.st_dev == home->st_dev)
        (void)syscall(SYS_pidfd_send_signal, descriptor, number, NULL, 0);
    (void)close(descriptor);
}

static void signal_all(pid_t first, const pid_t *processes, unsigned count, int number) {
    struct stat home;
    if (!namespace_of(first, &home))
        return;
    for (unsigned i = 0; i < count; i++)
        signal_one(processes[i], number, &home);
}

bool tree_stop(pid_t first) {
    pid_t told[TREE_PROCESSES_MAX], found[TREE_PROCESSES_MAX];
    unsigned told_count = tree_processes(first, told, TREE_PROCESSES_MAX), found_count;
    signal_all(first, told, told_count, SIGSTOP);
    return look(first, found, TREE_PROCESSES_MAX, &found_count) && found_count == told_count &&
           memcmp(found, told, found_count * sizeof *found) == 0;
}

void tree_continue(pid_t first) {
    pid_t processes[TREE_PROCESSES_MAX];
    signal_all(first, processes, tree_processes(first, processes, TREE_PROCESSES_MAX), SIGCONT);
}
