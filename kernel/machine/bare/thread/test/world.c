/* A machine with one program: see world.h. */
#include "kernel/machine/bare/thread/test/world.h"

#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/mm/pages.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/vfs/errors.h"

#include <stdlib.h>
#include <string.h>

#define WALL_NS INT64_C(1000000000000000000)

struct world world;

/* ---- the program's memory ---- */

static bool is_there(uint64_t address, size_t size) {
    uint64_t start = (uint64_t)(uintptr_t)world.words;
    return address >= start && size <= sizeof(world.words) && address - start <= sizeof(world.words) - size;
}

bool process_read(void *to, uint64_t from, size_t size) {
    if (is_there(from, size))
        memcpy(to, (const void *)(uintptr_t)from, size);
    return is_there(from, size);
}

bool process_write(uint64_t to, const void *from, size_t size) {
    bool is_good = is_there(to, size) && !world.is_read_only;
    if (is_good)
        memcpy((void *)(uintptr_t)to, from, size);
    return is_good;
}

void *memory_take(size_t size_bytes) {
    return calloc(1, size_bytes);
}

void memory_give_back(void *piece) {
    free(piece);
}

static int identify(struct futex_space *space, uint64_t address, struct futex_key *key) {
    *key = (struct futex_key){(uint64_t)(uintptr_t)space, address};
    return is_there(address, sizeof(uint32_t)) ? GROVE_OK : GROVE_INVALID;
}

static int load(struct futex_space *space, uint64_t address, uint32_t *value) {
    (void)space;
    return process_read(value, address, sizeof(*value)) ? GROVE_OK : GROVE_INVALID;
}

static int exchange(struct futex_space *space, uint64_t address, uint32_t *expected, uint32_t wanted) {
    uint32_t value = 0;
    int status = load(space, address, &value);
    if (status == GROVE_OK && value == *expected)
        (void)process_write(address, &wanted, sizeof(wanted));
    *expected = value;
    return status;
}

static int touch(struct futex_space *space, uint64_t address) {
    (void)space;
    (void)address;
    return GROVE_INVALID;
}

static int load_long(struct futex_space *space, uint64_t address, uint64_t *value) {
    (void)space;
    return process_read(value, address, sizeof(*value)) ? GROVE_OK : GROVE_INVALID;
}

static struct futex_thread *find(struct futex_space *space, uint32_t number) {
    (void)space;
    struct thread *thread = process_thread_of(&world.process, (int32_t)number);
    return thread != NULL ? &thread->futex : NULL;
}

static const struct futex_memory memory = {
    .identify = identify, .load = load, .exchange = exchange, .touch = touch, .load_long = load_long, .find = find};

uint64_t world_word(uint32_t index) {
    return (uint64_t)(uintptr_t)&world.words[index];
}

/* ---- the machine ---- */

uint64_t clock_now_ns(void) {
    return world.now_ns;
}

int64_t clock_wall_ns(void) {
    return WALL_NS + (int64_t)world.now_ns;
}

static uint64_t now(struct scheduler *scheduler) {
    (void)scheduler;
    return world.now_ns;
}

static uint32_t here(struct scheduler *scheduler) {
    (void)scheduler;
    return 0;
}

static void set_timer(struct scheduler *scheduler, uint64_t when_ns) {
    (void)scheduler;
    (void)when_ns; /* the scheduler keeps it */
}

static void kick(struct scheduler *scheduler, uint32_t processor) {
    (void)scheduler;
    (void)processor;
    assert_true(false); /* there is no other one */
}

/* The first thread sleeps: let time go on until it does not. Nothing else runs here, so to switch is to come back. */
static void switch_to(struct scheduler *scheduler, struct sched_thread *from, struct sched_thread *to) {
    if (from != &world.first.sched || to != &world.processor.idle)
        return;
    while (world.processor.current != from) {
        spinlock_unlock(&scheduler->lock);
        if (world.processor.timers.first == NULL)
            world.idle(&world);
        else if (world.processor.timers.first->key > world.now_ns)
            world.now_ns = world.processor.timers.first->key;
        sched_interrupt(scheduler);
        sched_reschedule(scheduler);
        spinlock_lock(&scheduler->lock);
    }
}

static const struct sched_machine machine = {
    .now_ns = now, .here = here, .set_timer = set_timer, .kick = kick, .switch_to = switch_to};

/* ---- threads ---- */

static void begin(struct thread *thread, int32_t number) {
    static const struct grove_schedule plain = {.class = GROVE_SCHEDULE_FAIR};
    thread->schedule = plain;
    assert_int_equal(sched_thread_init(&thread_scheduler, &thread->sched, &plain, 1, NULL), 0);
    futex_thread_init(&thread->futex, &thread->sched, (uint32_t)number);
    thread->process = &world.process;
    thread->sched.interrupted = &thread->is_interrupted;
}

static void nothing_to_do(struct world *self) {
    (void)self;
    assert_true(false); /* a thread would sleep for ever */
}

void world_open(void) {
    memset(&world, 0, sizeof(world));
    memset(&thread_futexes, 0, sizeof(thread_futexes));
    world.idle = nothing_to_do;
    world.now_ns = 1000;
    world.process.space.futex.memory = &memory;
    sched_init(&thread_scheduler, &machine, &world.processor, 1);
    futex_init(&thread_futexes, &thread_scheduler);
    int32_t number;
    begin(&world.first, 1);
    assert_int_equal(process_add_thread(&world.process, &world.first, &number), 0);
    thread_start(&world.first);
    sched_reschedule(&thread_scheduler);
}

struct thread *thread_current(void) {
    return &world.first;
}

int thread_create(struct process *process, const struct thread_registers *registers, struct thread **thread) {
    (void)process;
    assert_ptr_equal(registers, &world.first);
    if (world.is_made)
        return -LINUX_ENOMEM;
    world.is_made = true;
    begin(&world.made, 0);
    *thread = &world.made;
    return 0;
}

void thread_free(struct thread *thread) {
    assert_ptr_equal(thread, &world.made);
    world.is_discarded = true;
}

struct thread_registers *thread_user_registers(struct thread *thread) {
    return (struct thread_registers *)thread;
}

void thread_set_result(struct thread *thread, int64_t result) {
    assert_ptr_equal(thread, &world.made);
    world.result = result;
}

void thread_set_stack(struct thread *thread, uint64_t stack) {
    assert_ptr_equal(thread, &world.made);
    world.stack = stack;
}

void thread_set_pointer(struct thread *thread, uint64_t pointer) {
    assert_ptr_equal(thread, &world.made);
    world.pointer = pointer;
}

uint64_t thread_run_ns(struct thread *thread) {
    return thread->sched.run_ns;
}

/* ---- the process ---- */

int64_t process_restart_with(int64_t (*again)(const uint64_t arguments[6]), const uint64_t arguments[6]) {
    (void)again;
    (void)arguments;
    return -LINUX_EINTR; /* as when a handler ran */
}

uint64_t process_call_began_ns(void) {
    return clock_now_ns();
}

struct space *process_space(struct process *process) {
    return &process->space;
}

int process_add_thread(struct process *process, struct thread *thread, int32_t *number) {
    if (process->is_full || process->count == WORLD_THREADS)
        return -LINUX_EAGAIN;
    process->threads[process->count++] = thread;
    *number = thread->number = (int32_t)process->count;
    return 0;
}

struct thread *process_thread_of(struct process *process, int32_t number) {
    return number > 0 && (uint32_t)number <= process->count ? process->threads[number - 1] : NULL;
}

struct thread *process_any_thread(int32_t number) {
    return process_thread_of(&world.process, number);
}

/* All are in group 1, and user 0's. */
void process_each_thread(enum thread_owner whose, int32_t number, void (*step)(struct thread *thread, void *argument),
                         void *argument) {
    for (uint32_t i = 0; i < world.process.count; i++)
        if (number == 0 || (whose == THREADS_OF_GROUP && number == 1))
            step(world.process.threads[i], argument);
}

bool process_may_schedule(const struct thread *thread, bool is_better) {
    (void)thread;
    return !world.process.is_denied || !is_better;
}

uint64_t process_run_ns(struct process *process) {
    (void)process;
    return 2 * world.first.sched.run_ns;
}
