/* See stage.h. There is one stage at a time. A program's memory is the test's own. */
#include "kernel/services/tty/test/stage.h"

#include "kernel/machine/bare/process/user_memory.h"

#include <stdio.h>
#include <string.h>

static struct stage *current;

bool process_read(void *to, uint64_t from, size_t size_bytes) {
    if (from == 0)
        return false;
    memcpy(to, (const void *)(uintptr_t)from, size_bytes);
    return true;
}

bool process_write(uint64_t to, const void *from, size_t size_bytes) {
    if (to == 0)
        return false;
    memcpy((void *)(uintptr_t)to, from, size_bytes);
    return true;
}

static void look(struct terminal_caller *caller) {
    *caller = current->caller;
}

static int set_terminal(struct terminal *terminal) {
    if (!current->caller.leads_session || current->caller.terminal != NULL)
        return -LINUX_EPERM;
    current->caller.terminal = terminal;
    return 0;
}

static void forget_terminal(const struct terminal *terminal) {
    if (current->caller.terminal == terminal)
        current->caller.terminal = NULL;
}

static bool group_is_in_session(int32_t group, int32_t session) {
    return session == current->caller.session && group != current->foreign_group;
}

static bool group_is_orphaned(int32_t group) {
    (void)group;
    return current->is_orphaned;
}

static bool is_unnoticed(int signal) {
    (void)signal;
    return current->is_unnoticed;
}

static void note(int32_t to, int signal) {
    assert_true(current->signal_count < STAGE_SIGNALS);
    current->signals[current->signal_count].to = to;
    current->signals[current->signal_count++].signal = signal;
}

static void signal_group(int32_t group, int signal) {
    note(group, signal);
}

static void signal_leader(int32_t session, int signal) {
    note(-session, signal);
}

static int add_descriptor(struct open_file *file, bool closes_on_execute) {
    (void)closes_on_execute;
    current->given = file;
    return 7;
}

static const struct terminal_processes processes = {.look = look,
                                                    .set_terminal = set_terminal,
                                                    .forget_terminal = forget_terminal,
                                                    .group_is_in_session = group_is_in_session,
                                                    .group_is_orphaned = group_is_orphaned,
                                                    .is_unnoticed = is_unnoticed,
                                                    .signal_group = signal_group,
                                                    .signal_leader = signal_leader,
                                                    .add_descriptor = add_descriptor};

static int sleep_until(void *context, struct wait_queue *queue, struct spinlock *held, uint64_t until_ns) {
    struct world *world = context;
    (void)queue;
    world->now_ns = (int64_t)until_ns;
    if (world->on_sleep == NULL)
        return -LINUX_ETIMEDOUT;
    spinlock_unlock(held);
    world->on_sleep(world);
    spinlock_lock(held);
    return 0;
}

static uint64_t clock_ns(void *context) {
    const struct world *world = context;
    return (uint64_t)world->now_ns;
}

static void mount(struct stage *stage, const char *place, struct file_system *system) {
    struct path path;
    assert_int_equal(world_make_folder(&stage->world, place), 0);
    assert_int_equal(world_look(&stage->world, place, 0, &path), 0);
    assert_int_equal(view_mount(&stage->world.view, &path, system->root, 0), 0);
}

void stage_begin(struct stage *stage) {
    stage_begin_with(stage, NULL);
}

void stage_begin_with(struct stage *stage, const struct terminal_consoles *consoles) {
    memset(stage, 0, sizeof(*stage));
    current = stage;
    world_begin(&stage->world, &(struct tmpfs_limits){.mode = 0755});
    stage->world.machine.sleep_until = sleep_until;
    stage->world.machine.clock_ns = clock_ns;
    stage->caller = (struct terminal_caller){.session = 10, .group = 10, .leads_session = true, .user = WORLD_USER};
    assert_int_equal(terminals_init(&stage->terminals, &stage->world.vfs, &processes, consoles), 0);
    assert_int_equal(devfs_create(&stage->world.vfs, &stage->devices), 0);
    mount(stage, "dev", stage->devices);
    mount(stage, "dev/pts", stage->terminals.names);
}

void stage_end(struct stage *stage) {
    terminals_deinit(&stage->terminals);
    vfs_lock(&stage->world.vfs);
    file_system_unref(stage->devices);
    vfs_unlock(&stage->world.vfs);
    world_end(&stage->world);
}

void stage_open_pair(struct stage *stage, struct open_file **master, struct open_file **slave, uint32_t flags) {
    char name[24];
    uint32_t number = 0, is_locked = 0;
    *master = world_open(&stage->world, "dev/ptmx", LINUX_O_RDWR | flags);
    assert_int_equal(stage_control(*master, LINUX_TIOCGPTN, &number), 0);
    assert_int_equal(stage_control(*master, LINUX_TIOCSPTLCK, &is_locked), 0);
    snprintf(name, sizeof(name), "dev/pts/%u", number);
    *slave = world_open(&stage->world, name, LINUX_O_RDWR | flags);
}

int64_t stage_control(struct open_file *file, uint32_t request, const void *argument) {
    return file_control(file, request, (uint64_t)(uintptr_t)argument);
}

int64_t stage_control_number(struct open_file *file, uint32_t request, uint64_t number) {
    return file_control(file, request, number);
}

uint32_t stage_poll(struct open_file *file) {
    struct wait_queue *queues[FILE_QUEUES];
    return file_poll(file, queues);
}
