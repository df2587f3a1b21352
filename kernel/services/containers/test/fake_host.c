/* The fake host: see fake_host.h. */
#include "kernel/services/containers/test/fake_host.h"

#include "kernel/machine/bare/process/user_memory.h"

#include <stdlib.h>
#include <string.h>

struct fake_host fake_host;

/* ---- memory files ---- */

struct memory {
    uint8_t *bytes;
    uint64_t size_bytes, pages;
    uint32_t seals;
    struct memory_account *account;
};

static void close_memory(struct open_file *file) {
    struct memory *memory = file->object;
    memory_account_discharge(memory->account, memory->pages);
    free(memory->bytes);
    free(memory);
    __atomic_sub_fetch(&fake_host.memories, 1,
                       __ATOMIC_RELAXED); /* also without the lock, by who gives a packet back */
}

static const struct file_operations memory_operations = {.close = close_memory};

static struct memory *memory_of(struct open_file *file) {
    assert_ptr_equal(file->operations, &memory_operations);
    return file->object;
}

static int create_memory(void *context, uint64_t size_bytes, struct memory_account *account, struct open_file **made) {
    uint64_t pages = (size_bytes + VFS_PAGE_BYTES - 1) / VFS_PAGE_BYTES;
    struct memory *memory = calloc(1, sizeof(*memory));
    (void)context;
    assert_non_null(memory);
    *memory = (struct memory){.size_bytes = size_bytes, .pages = pages, .account = account};
    struct open_file *file = file_create(&fake_host.world->vfs, &memory_operations, memory, LINUX_O_RDWR);
    if (file == NULL || memory_account_charge(account, pages) != 0) {
        memory->pages = 0;
        __atomic_add_fetch(&fake_host.memories, 1, __ATOMIC_RELAXED);
        if (file != NULL)
            file_unref(file);
        else
            close_memory(&(struct open_file){.object = memory});
        return -LINUX_ENOMEM;
    }
    memory->bytes = calloc(pages, VFS_PAGE_BYTES);
    __atomic_add_fetch(&fake_host.memories, 1, __ATOMIC_RELAXED);
    *made = file;
    return 0;
}

static int clone_memory(void *context, struct open_file *from, uint64_t size_bytes, struct memory_account *account,
                        struct open_file **made) {
    const struct memory *source = memory_of(from);
    int status = create_memory(context, size_bytes, account, made);
    if (status == 0)
        memcpy(memory_of(*made)->bytes, source->bytes,
               source->size_bytes < size_bytes ? source->size_bytes : size_bytes);
    return status;
}

static int get_seals(void *context, struct open_file *file, uint32_t *seals) {
    (void)context;
    if (file->operations != &memory_operations)
        return -LINUX_EINVAL;
    *seals = memory_of(file)->seals;
    return 0;
}

static int add_seals(void *context, struct open_file *memory, uint32_t seals) {
    (void)context;
    if ((memory_of(memory)->seals & LINUX_F_SEAL_SEAL) != 0)
        return -LINUX_EPERM;
    memory_of(memory)->seals |= seals;
    return 0;
}

static int read_memory(void *context, struct open_file *memory, void *buffer, size_t size_bytes) {
    (void)context;
    if (memory_of(memory)->size_bytes < size_bytes)
        return -LINUX_EINVAL;
    memcpy(buffer, memory_of(memory)->bytes, size_bytes);
    return 0;
}

static void *hold_page(void *context, struct open_file *memory) {
    (void)context;
    fake_host.held++;
    return memory_of(memory)->bytes;
}

static void release_page(void *context, void *page) {
    (void)context;
    assert_non_null(page);
    fake_host.held--;
}

static void wake_word(void *context, struct open_file *memory, uint64_t offset_bytes) {
    (void)context;
    if (memory->operations == &memory_operations)
        assert_true(offset_bytes + sizeof(uint32_t) <= memory_of(memory)->size_bytes);
    fake_host.wakes++;
}

struct open_file *fake_memory(const void *bytes, size_t size_bytes, uint32_t seals) {
    struct open_file *file = NULL;
    assert_int_equal(create_memory(NULL, size_bytes, NULL, &file), 0);
    if (file == NULL)
        return NULL; /* has failed */
    memcpy(memory_of(file)->bytes, bytes, size_bytes);
    memory_of(file)->seals = seals;
    return file;
}

uint8_t *fake_bytes(struct open_file *memory) {
    return memory_of(memory)->bytes;
}

uint32_t fake_seals(struct open_file *memory) {
    return memory_of(memory)->seals;
}

uint64_t fake_size(struct open_file *memory) {
    return memory_of(memory)->size_bytes;
}

/* ---- programs ---- */

static struct program *take_program(void) {
    for (uint32_t i = 0; i < FAKE_PROGRAMS; i++)
        if (!fake_host.programs[i].is_used)
            return &fake_host.programs[i];
    fail_msg("too many programs for the fake host");
    return NULL;
}

static int begin(void *context, const struct program_plan *plan, struct program **begun) {
    struct program *program = take_program();
    int status = fake_host.fail_begin;
    (void)context;
    fake_host.fail_begin = 0;
    if (status == 0)
        status = memory_account_charge(plan->processes, 1) == 0 ? 0 : -LINUX_EAGAIN;
    if (status != 0)
        return status;
    *program = (struct program){.is_used = true, .is_begun = true, .plan = *plan, .schedule = plan->schedule};
    program->descriptors = *plan->descriptors;
    descriptors_init(plan->descriptors, plan->caller.vfs, 0);
    program->plan.descriptors = &program->descriptors;
    fake_host.begun++;
    *begun = program;
    return 0;
}

static void give_up(struct program *program) {
    assert_true(program->is_begun);
    program->is_begun = false;
    descriptors_deinit(&program->descriptors);
    vfs_lock(&fake_host.world->vfs);
    path_unref(&program->plan.caller.root);
    path_unref(&program->plan.caller.folder);
    vfs_unlock(&fake_host.world->vfs);
    memory_account_discharge(program->plan.processes, 1);
}

void fake_end(struct program *program, bool is_signal, int32_t value, bool lacked_memory) {
    const struct instance_end end = {.is_signal = is_signal, .lacked_memory = lacked_memory, .value = value};
    give_up(program);
    instance_ended(program->plan.instance, &end);
}

void fake_fail(struct program *program, int32_t error) {
    give_up(program);
    instance_failed(program->plan.instance, error);
}

/* What it was begun by has not been told yet that there is a program: so the end comes with the next turn of the test. */
static void kill(void *context, struct program *program) {
    (void)context;
    program->is_killed = true;
}

static int send_signal(void *context, struct program *program, uint32_t signal) {
    (void)context;
    program->signal = signal;
    return 0;
}

static int freeze(void *context, struct program *program) {
    (void)context;
    program->is_frozen = true;
    return 0;
}

static void thaw(void *context, struct program *program) {
    (void)context;
    program->is_frozen = false;
}

static int schedule(void *context, struct program *program, const struct grove_schedule *wanted) {
    (void)context;
    program->schedule = *wanted;
    return 0;
}

static int32_t number(void *context, const struct program *program) {
    (void)context;
    return (int32_t)(program - fake_host.programs) + 1000;
}

static void forget(void *context, struct program *program) {
    (void)context;
    if (program->is_begun) /* only when all is taken down with what still runs */
        give_up(program);
    program->is_used = false;
}

struct program *fake_program(machine_container container) {
    struct program *found = NULL;
    for (uint32_t i = 0; i < FAKE_PROGRAMS; i++) {
        struct program *program = &fake_host.programs[i];
        if (program->is_used && program->is_begun && program->plan.user == 1879048192u + container)
            found = program;
    }
    return found;
}

/* ---- a scheduler without threads ---- */

static uint64_t now_ns(struct scheduler *scheduler) {
    (void)scheduler;
    return (uint64_t)fake_host.world->now_ns;
}

static uint32_t here(struct scheduler *scheduler) {
    (void)scheduler;
    return 0;
}

static void set_timer(struct scheduler *scheduler, uint64_t when_ns) {
    (void)scheduler;
    (void)when_ns;
}

static void kick(struct scheduler *scheduler, uint32_t processor) {
    (void)scheduler;
    (void)processor;
}

static void switch_to(struct scheduler *scheduler, struct sched_thread *from, struct sched_thread *to) {
    (void)scheduler;
    (void)from;
    (void)to;
    fail_msg("there are no threads to switch to");
}

static const struct sched_machine sched_machine = {
    .now_ns = now_ns, .here = here, .set_timer = set_timer, .kick = kick, .switch_to = switch_to};

void fake_host_open(struct world *world) {
    memset(&fake_host, 0, sizeof(fake_host));
    fake_host.world = world;
    sched_init(&fake_host.scheduler, &sched_machine, &fake_host.processor, 1);
    fake_host.host = (struct containers_host){.memory = {.create = create_memory,
                                                         .clone = clone_memory,
                                                         .get_seals = get_seals,
                                                         .add_seals = add_seals,
                                                         .read = read_memory,
                                                         .hold_page = hold_page,
                                                         .release_page = release_page,
                                                         .wake = wake_word},
                                              .programs = {.begin = begin,
                                                           .kill = kill,
                                                           .signal = send_signal,
                                                           .freeze = freeze,
                                                           .thaw = thaw,
                                                           .schedule = schedule,
                                                           .number = number,
                                                           .forget = forget},
                                              .scheduler = &fake_host.scheduler};
}

void fake_host_close(void) {
    assert_int_equal(fake_host.memories, 0);
    assert_int_equal(fake_host.held, 0);
    for (uint32_t i = 0; i < FAKE_PROGRAMS; i++)
        assert_false(fake_host.programs[i].is_used);
}

/* ---- a program's memory is the test's own ---- */

bool process_read(void *to, uint64_t from, size_t size_bytes) {
    memcpy(to, (const void *)(uintptr_t)from, size_bytes);
    return true;
}

bool process_write(uint64_t to, const void *from, size_t size_bytes) {
    memcpy((void *)(uintptr_t)to, from, size_bytes);
    return true;
}
