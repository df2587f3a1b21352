/*
 * Whom a container is, to the host: user ids, and who owns what it may write.
 *
 * With root every container has a user id of its own, outside the ranges that people, services and other container
 * managers use; so even a container that got out of its file view could read and write nothing of another one. Kernels on
 * one machine have ranges of their own: Linux counts processes by user, so with common ids a container of one could use up
 * the processes of a container of another. A kernel claims its range by a socket's name, which ends with it. Ids come from
 * the range and the container's index and are used again, so nothing on disk may belong to them: a folder that a container may
 * write keeps its owner, and an id-mapped mount lets the container appear as that owner there and nowhere else.
 *
 * Without root there is one user only, the caller's own, and the other layers keep containers apart.
 */
#include "kernel/machine/linux/container/container.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define IDENTITY_BASE 1879048192u
#define IDENTITY_RANGES 4096u
#define IDENTITY_RANGE 65536u /* more than there are containers */
#define IDENTITY_TRIES 32u

static int claim = -1;
static uid_t range_base = IDENTITY_BASE;

static bool claim_range(unsigned range) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "grove-identities-%u", range);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    claim = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (claim >= 0 && bind(claim, (const struct sockaddr *)(const void *)&address, bytes) == 0)
        return true;
    identity_close();
    return false;
}

/* Anybody can take these names. Then two kernels may share a range once in a few thousand times, and no more is lost. */
void identity_start_up(void) {
    unsigned range = (unsigned)(linux_machine->boot_id % IDENTITY_RANGES);
    for (unsigned tries = 0; tries < IDENTITY_TRIES && !claim_range(range); tries++)
        range = (range + 1) % IDENTITY_RANGES;
    range_base = IDENTITY_BASE + range * IDENTITY_RANGE;
}

void identity_close(void) {
    if (claim >= 0)
        (void)close(claim);
    claim = -1;
}

static uid_t choose_user(const struct container *container, const struct machine_start *start, gid_t *group) {
    if (linux_machine->rootless) {
        *group = linux_machine->group;
        return linux_machine->user;
    }
    if ((start->spec->flags & (GROVE_SPEC_CALLER_IDENTITY | GROVE_SPEC_LEARN)) != 0) {
        *group = start->caller_group;
        return start->caller_user;
    }
    *group = range_base + container->index;
    return range_base + container->index;
}

void identity_choose(struct container *container, const struct machine_start *start) {
    gid_t group;
    uid_t user = choose_user(container, start, &group);
    if (user != container->user || group != container->group)
        while (container->mapping_count > 0)
            (void)close(container->mappings[--container->mapping_count].user_namespace);
    container->user = user;
    container->group = group;
}

static int mapping_write(pid_t child, const char *file, unsigned inside, unsigned outside) {
    char path[64], text[64];
    int descriptor, length;
    ssize_t written;
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)child, file);
    length = snprintf(text, sizeof text, "%u %u 1", inside, outside);
    descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    written = write(descriptor, text, (size_t)length);
    (void)close(descriptor);
    return written == length ? 0 : -EINVAL;
}

/*
 * The child: makes the namespace, and waits to be ended. It holds copies of all the kernel's sockets, so it must not outlive
 * the kernel: whoever is connected would never see its end. What unshare does to credentials may clear the death signal,
 * which is why that comes after it.
 */
static _Noreturn void mapping_child(pid_t parent, int answers) {
    char byte = unshare(CLONE_NEWUSER) == 0 ? 'y' : 'n';
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1);
    (void)!write(answers, &byte, 1);
    for (;;)
        (void)pause();
}

/* A user namespace exists through a process; this one lives just long enough to be taken hold of. */
static int mapping_make(uid_t owner_user, gid_t owner_group, uid_t user, gid_t group, int *user_namespace) {
    char path[64];
    int error, opened = -1, ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        mapping_child(parent, ends[1]);
    char answer = 'n';
    (void)close(ends[1]);
    if (child < 0 || read(ends[0], &answer, 1) != 1 || answer != 'y') {
        error = -EPERM;
    } else if ((error = mapping_write(child, "uid_map", owner_user, user)) == 0 &&
               (error = mapping_write(child, "gid_map", owner_group, group)) == 0) {
        (void)snprintf(path, sizeof path, "/proc/%d/ns/user", (int)child);
        opened = open(path, O_RDONLY | O_CLOEXEC);
        error = opened < 0 ? -errno : 0;
    }
    (void)close(ends[0]);
    if (child > 0) {
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
    }
    if (error == 0)
        *user_namespace = opened;
    return error;
}

int identity_mapping(struct container *container, uid_t owner_user, gid_t owner_group, int *user_namespace) {
    struct container_mapping *mapping = container->mappings;
    for (unsigned i = 0; i < container->mapping_count; i++, mapping++) {
        if (mapping->owner_user == owner_user && mapping->owner_group == owner_group) {
            *user_namespace = mapping->user_namespace;
            return 0;
        }
    }
    if (container->mapping_count == CONTAINER_MAPPINGS_MAX)
        return -EUSERS;
    int error = mapping_make(owner_user, owner_group, container->user, container->group, &mapping->user_namespace);
    if (error < 0)
        return error;
    mapping->owner_user = owner_user;
    mapping->owner_group = owner_group;
    container->mapping_count++;
    *user_namespace = mapping->user_namespace;
    return 0;
}
