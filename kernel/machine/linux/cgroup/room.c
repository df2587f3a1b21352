/*
 * Making room for groups of containers in the group that groved was started in.
 *
 *     BASE/                            started in; or the root of the tree
 *       grove-others/                  whatever else was in BASE: the shell, the command that started groved
 *       grove-kernel-BOOTID/           one for each kernel, locked by it (claim.h)
 *         kernel/                      groved itself
 *         0/ 1/ 2/ ...                 containers
 *         p1/                          a project that was given a budget
 *           3/ 4/ p2/ ...              its containers, and the projects in it
 *
 * A group that passes controllers on to groups below it must not hold processes itself (the root of the tree excepted),
 * and controllers are passed on level by level. So groved moves itself into a leaf; and without root, where the group was
 * delegated to this user as a whole, it moves the others aside as well: `systemd-run --user --scope -p Delegate=yes
 * grove up` has the command and the kernel in one group. Root moves nobody: its shells lie in groups that systemd
 * manages, so it takes the root of the tree when its own group has other members.
 *
 * A kernel that is started by somebody who was moved aside finds itself in grove-others and takes the group above. The
 * last kernel to leave switches the controllers off and moves everybody back. A killed one leaves the others
 * where they are, which is as good a place, and a folder that the next one removes.
 *
 * All changes happen under the lock of the base, which two kernels that start or end together wait for.
 */
#include "kernel/machine/linux/cgroup/room.h"

#include "kernel/machine/linux/cgroup/claim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OTHERS "grove-others"
#define OWN_PART "/grove-kernel-"
#define MOVE_ROUNDS 64u
#define MOVE_AT_ONCE 256u
#define LEAVE_NS UINT64_C(2000000000)

static const char *const controllers[] = {"memory", "pids", "cpu"};
#define CONTROLLERS (sizeof controllers / sizeof *controllers)
#define CONTROLLERS_NEEDED 2u /* memory and processes may not be missing; processor limits may */

/* ---- finding it ---- */

static void strip_own_parts(char *group) {
    char *part = strstr(group, OWN_PART);
    size_t length = strlen(group), tail = strlen("/" OTHERS);
    if (part != NULL)
        *part = '\0';
    else if (length >= tail && strcmp(group + length - tail, "/" OTHERS) == 0)
        group[length - tail] = '\0';
}

int room_find(struct room *room, bool at_root) {
    char point[CGROUP_PATH_MAX / 4], group[CGROUP_PATH_MAX / 4] = "";
    *room = (struct room){.claim = -1};
    int error = file_mount_point(NULL, point, sizeof point);
    if (error == 0 && !at_root)
        error = file_own_group(NULL, group, sizeof group);
    if (error < 0)
        return error;
    strip_own_parts(group);
    room->is_root = group[0] == '\0';
    (void)snprintf(room->base, sizeof room->base, "%s%s", point, group);
    return 0;
}

/* ---- controllers ---- */

static bool has_controllers(const char *folder) {
    char text[256];
    if (file_read(folder, "cgroup.controllers", text, sizeof text) < 0)
        return false;
    for (unsigned i = 0; i < CONTROLLERS_NEEDED; i++)
        if (strstr(text, controllers[i]) == NULL)
            return false;
    return true;
}

static int switch_one(const char *folder, char sign, const char *controller) {
    char text[16];
    (void)snprintf(text, sizeof text, "%c%s", sign, controller);
    return file_write(folder, "cgroup.subtree_control", text);
}

int room_divide(const char *folder) {
    for (unsigned i = 0; i < CONTROLLERS; i++) {
        int error = switch_one(folder, '+', controllers[i]);
        if (error < 0 && (i < CONTROLLERS_NEEDED || error == -EBUSY))
            return error;
    }
    return 0;
}

static void switch_off(const char *folder) {
    for (unsigned i = 0; i < CONTROLLERS; i++)
        (void)switch_one(folder, '-', controllers[i]);
}

/* ---- moving processes ---- */

static void move_all(const char *from, const char *to) {
    pid_t processes[MOVE_AT_ONCE];
    unsigned count = file_processes(from, processes, MOVE_AT_ONCE);
    for (unsigned i = 0; i < count; i++)
        if (processes[i] > 0)
            (void)file_write_number(to, "cgroup.procs", (uint64_t)processes[i]);
}

static void others_path(const struct room *room, char path[CGROUP_PATH_MAX]) {
    (void)snprintf(path, CGROUP_PATH_MAX, "%s/" OTHERS, room->base);
}

/* In rounds, because they fork meanwhile. */
static int switch_on_without_others(const struct room *room) {
    char others[CGROUP_PATH_MAX];
    int error = -EBUSY;
    others_path(room, others);
    if (mkdir(others, 0755) < 0 && errno != EEXIST)
        return -errno;
    for (unsigned round = 0; round < MOVE_ROUNDS && error == -EBUSY; round++) {
        move_all(room->base, others);
        error = room_divide(room->base);
    }
    return error;
}

static void take_others_back(const struct room *room) {
    char others[CGROUP_PATH_MAX];
    others_path(room, others);
    for (unsigned round = 0; round < MOVE_ROUNDS && rmdir(others) < 0 && errno == EBUSY; round++)
        move_all(others, room->base);
}

static int move_self(struct room *room) {
    char leaf[CGROUP_PATH_MAX];
    (void)snprintf(leaf, sizeof leaf, "%s/kernel", room->kernel);
    if (mkdir(leaf, 0755) < 0 && errno != EEXIST)
        return -errno;
    int error = file_write(leaf, "cgroup.procs", "0");
    room->has_moved = error == 0;
    return error;
}

static bool move_self_back(struct room *room) {
    char others[CGROUP_PATH_MAX];
    if (file_write(room->base, "cgroup.procs", "0") == 0)
        return true;
    others_path(room, others);
    (void)mkdir(others, 0755);
    return file_write(others, "cgroup.procs", "0") == 0;
}

/* Where groved is out of it, what it had beside itself may be just leaving. */
static void remove_leaf(const struct room *room, bool is_out) {
    char leaf[CGROUP_PATH_MAX];
    uint64_t end_ns = machine_clock_ns() + (is_out ? LEAVE_NS : 0);
    (void)snprintf(leaf, sizeof leaf, "%s/kernel", room->kernel);
    while (rmdir(leaf) < 0 && errno == EBUSY && machine_clock_ns() < end_ns)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* ---- the whole ---- */

static void leave(struct room *room, bool is_locked) {
    bool is_last = is_locked && claim_sweep(room->base) <= 1;
    switch_off(room->kernel);
    if (is_last && !room->is_root)
        switch_off(room->base);
    bool is_out = !room->has_moved || move_self_back(room);
    remove_leaf(room, is_out);
    (void)rmdir(room->kernel);
    if (is_last && !room->is_root)
        take_others_back(room);
    if (room->claim >= 0)
        (void)close(room->claim);
    room->claim = -1;
    room->has_moved = false;
}

static int make(struct room *room, uint64_t boot_id, bool may_move_others, bool is_locked) {
    int error = claim_path(room->base, boot_id, room->kernel, sizeof room->kernel);
    if (error < 0)
        return error;
    room->claim = claim_make(room->kernel);
    if (room->claim < 0)
        return room->claim;
    error = room->is_root ? 0 : move_self(room);
    if (error == 0)
        error = room_divide(room->base);
    if (error == -EBUSY && may_move_others)
        error = switch_on_without_others(room);
    if (error == 0)
        error = room_divide(room->kernel);
    if (error < 0)
        leave(room, is_locked);
    return error;
}

int room_make(struct room *room, uint64_t boot_id, bool may_move_others) {
    if (!has_controllers(room->base))
        return -ENOTSUP;
    int lock = claim_lock(room->base);
    if (lock >= 0)
        (void)claim_sweep(room->base);
    int error = make(room, boot_id, may_move_others, lock >= 0);
    if (lock >= 0)
        (void)close(lock);
    return error;
}

void room_leave(struct room *room) {
    int lock = claim_lock(room->base);
    leave(room, lock >= 0);
    if (lock >= 0)
        (void)close(lock);
}
