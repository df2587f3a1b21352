/* Processes for unit tests: see world.h. */
#include "kernel/services/posix/test/world.h"

#include "kernel/machine/bare/mm/areas.h"
#include "kernel/services/posix/deliver.h"
#include "kernel/services/posix/test/memory.h"

#include <stdlib.h>
#include <string.h>

struct posix_world posix_world;
struct scheduler thread_scheduler;
static struct sched_processor processor;

static struct posix_thread *fake(struct thread *thread) {
    return (struct posix_thread *)thread;
}

/* ---- threads ---- */

struct thread *thread_current(void) {
    return &posix_world.current->thread;
}

static int sleep_once(struct spinlock *held) {
    struct posix_thread *self = posix_world.current;
    void (*on_sleep)(struct posix_world * world) = posix_world.on_sleep;
    posix_world.sleeps++;
    if (self->thread.is_interrupted)
        return -LINUX_EINTR;
    if (on_sleep == NULL)
        return -LINUX_ETIMEDOUT;
    if (held != NULL)
        spinlock_unlock(held);
    on_sleep(&posix_world);
    posix_world.current = self;
    if (held != NULL)
        spinlock_lock(held);
    return self->thread.is_interrupted ? -LINUX_EINTR : 0;
}

int thread_sleep(struct wait_queue *queue, struct spinlock *held, uint64_t until_ns) {
    (void)queue;
    (void)until_ns;
    return sleep_once(held);
}

/* Whoever sleeps so waits for threads that end: let them. */
void thread_sleep_firmly(struct wait_queue *queue, struct spinlock *held) {
    struct posix_thread *self = posix_world.current;
    (void)queue;
    self->thread.is_interrupted = false;
    posix_world.sleeps++;
    spinlock_unlock(held);
    for (struct list *link = processes.all.next; link != &processes.all; link = link->next) {
        struct process *process = list_item(link, struct process, in_all);
        struct process_thread *part = list_first_item(&process->threads, struct process_thread, link);
        while (part != NULL && !process_must_end(part) && part->link.next != &process->threads)
            part = list_item(part->link.next, struct process_thread, link);
        if (part == NULL || !process_must_end(part))
            continue;
        posix_world.current = fake(part->thread);
        struct posix_way_out before = posix_world.exit;
        assert_false(posix_go_to_user());
        posix_world.exit = before;
        break;
    }
    posix_world.current = self;
    spinlock_lock(held);
}

void thread_wake(struct thread *thread) {
    (void)thread;
}

void thread_interrupt(struct thread *thread) {
    thread->is_interrupted = true;
}

/* A processor on which nothing is ever chosen: the test says who runs. */
static uint64_t sched_now(struct scheduler *scheduler) {
    (void)scheduler;
    return posix_world.now_ns;
}

static uint32_t sched_here(struct scheduler *scheduler) {
    (void)scheduler;
    return 0;
}

static void sched_set_timer(struct scheduler *scheduler, uint64_t when_ns) {
    (void)scheduler;
    (void)when_ns;
}

static const struct sched_machine sched_machine = {
    .now_ns = sched_now, .here = sched_here, .set_timer = sched_set_timer};

static struct posix_thread *make_thread(struct process *process) {
    static const struct grove_schedule usual = {.class = GROVE_SCHEDULE_FAIR};
    struct posix_thread *made = calloc(1, sizeof(*made));
    assert_non_null(made);
    made->thread.process = process;
    assert_int_equal(sched_thread_init(&thread_scheduler, &made->thread.sched, &usual, 1, NULL), 0);
    posix_world.threads++;
    return made;
}

int thread_create_kernel(void (*function)(void *argument), void *argument, struct thread **thread) {
    struct posix_thread *made = make_thread(NULL);
    made->function = function;
    made->argument = argument;
    *thread = &made->thread;
    return 0;
}

void thread_go_to_user(void) {
    longjmp(posix_world.exit.registers, 2);
}

int thread_create(struct process *process, const struct thread_registers *registers, struct thread **thread) {
    struct posix_thread *made = make_thread(process);
    if (registers != NULL)
        made->registers = *registers;
    made->registers.call = POSIX_CALL_NONE;
    *thread = &made->thread;
    return 0;
}

void thread_start(struct thread *thread) {
    assert_false(fake(thread)->is_started);
    fake(thread)->is_started = true;
}

void thread_discard(struct thread *thread) {
    posix_world.threads--;
    sched_thread_end(&thread_scheduler, &thread->sched);
    free(thread);
}

void thread_exit(void) {
    struct posix_thread *self = posix_world.current;
    process_thread_gone(&self->thread);
    thread_discard(&self->thread);
    longjmp(posix_world.exit.registers, 1);
}

struct thread_registers *thread_user_registers(struct thread *thread) {
    return &fake(thread)->registers;
}

void thread_set_result(struct thread *thread, int64_t result) {
    fake(thread)->registers.result = result;
}

void thread_set_stack(struct thread *thread, uint64_t stack) {
    fake(thread)->registers.stack = stack;
}

void thread_set_pointer(struct thread *thread, uint64_t pointer) {
    fake(thread)->registers.pointer = pointer;
}

void thread_begin_program(struct thread *thread, uint64_t entry, uint64_t stack) {
    fake(thread)->registers = (struct thread_registers){.call = POSIX_CALL_NONE, .entry = entry, .stack = stack};
}

void thread_use_space(void) {
}

uint64_t clock_now_ns(void) {
    return posix_world.now_ns++;
}

int64_t clock_wall_ns(void) {
    return (int64_t)posix_world.now_ns;
}

/* ---- the machine ---- */

void machine_end(int32_t status) {
    posix_world.has_ended = true;
    posix_world.end_status = status;
}

void machine_leave(bool is_restart) {
    (void)is_restart;
    abort();
}

uint64_t machine_chance(void) {
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return state >> 20;
}

uint64_t machine_thread_time(struct thread *thread) {
    (void)thread;
    return 1000;
}

uint32_t posix_barriers;

void machine_barrier(void) {
    posix_barriers++;
}

void machine_memory_facts(uint64_t *total_bytes, uint64_t *free_bytes) {
    *total_bytes = 2;
    *free_bytes = 1;
}

int64_t machine_call_number(struct thread *thread) {
    return fake(thread)->registers.call;
}

int64_t machine_call_result(struct thread *thread) {
    return fake(thread)->registers.result;
}

const uint64_t *machine_call_arguments(struct thread *thread) {
    return fake(thread)->registers.arguments;
}

void machine_call_again(struct thread *thread, bool as_restart) {
    fake(thread)->registers.is_again = true;
    fake(thread)->registers.is_restarted = as_restart;
}

void machine_call_forget(struct thread *thread) {
    fake(thread)->registers.call = POSIX_CALL_NONE;
}

/* 0: never; 1: unless handled; 2: if asked: the tests name the rule instead of a call. */
enum restart_rule restart_rule_of(int64_t call, const uint64_t arguments[6]) {
    (void)arguments;
    return call <= RESTART_IF_ASKED ? (enum restart_rule)call : RESTART_NEVER;
}

int machine_frame_push(struct thread *thread, const struct frame_plan *plan) {
    struct posix_thread *self = fake(thread);
    if (posix_world.refuses_frames)
        return -LINUX_EFAULT;
    assert_true(self->frame_count < ITEMS(self->frames));
    self->frames[self->frame_count++] = *plan;
    return 0;
}

int machine_frame_pop(struct thread *thread, struct frame_plan *plan, int64_t *result) {
    struct posix_thread *self = fake(thread);
    if (self->frame_count == 0)
        return -LINUX_EFAULT;
    *plan = self->frames[--self->frame_count];
    *result = 7;
    return 0;
}

bool machine_is_on_stack(struct thread *thread, uint64_t start, uint64_t bytes) {
    uint64_t stack = fake(thread)->registers.stack;
    return stack >= start && stack - start < bytes;
}

/* ---- what tests do ---- */

void posix_begin(void) {
    static const struct tmpfs_limits limits = {.mode = 0755};
    struct thread *thread;
    posix_world = (struct posix_world){.now_ns = 1};
    world_begin(&posix_world.files, &limits);
    sched_init(&thread_scheduler, &sched_machine, &processor, 1);
    processes_prepare();
    processes_init(&posix_world.files.vfs, 64);
    assert_int_equal(process_create_first(&posix_world.files.caller, &posix_world.first), 0);
    assert_int_equal(machine_space_map(posix_world.first->memory->space, POSIX_DATA, POSIX_DATA + POSIX_DATA_BYTES,
                                       AREA_READ | AREA_WRITE, NULL, 0, 0),
                     0);
    struct posix_thread nobody = {.is_started = false};
    posix_world.current = &nobody;
    assert_int_equal(thread_create(posix_world.first, NULL, &thread), 0);
    assert_int_equal(process_begin(posix_world.first, NULL, thread), 0);
    thread_start(thread);
    posix_world.current = fake(thread);
}

void posix_end(void) {
    if (!posix_world.has_ended)
        posix_exit(1, 0);
    assert_true(posix_world.has_ended);
    assert_int_equal(posix_world.threads, 0);
    assert_int_equal(test_spaces, 0);
    world_end(&posix_world.files);
}

void posix_become(int32_t number) {
    processes_lock();
    const struct number *found = number_find(number);
    struct process_thread *part = found != NULL ? found->thread : NULL;
    processes_unlock();
    assert_non_null(part);
    if (part == NULL)
        return; /* has failed */
    posix_world.current = fake(part->thread);
}

static bool go_to_user(void) {
    struct posix_thread *self = posix_world.current;
    while (self->thread.is_interrupted)
        process_return_to_user(&self->thread);
    return true;
}

bool posix_go_to_user(void) {
    if (setjmp(posix_world.exit.registers) != 0)
        return false;
    return go_to_user();
}

bool posix_begin_program(int32_t number) {
    posix_become(number);
    struct posix_thread *self = posix_world.current;
    int way = setjmp(posix_world.exit.registers);
    if (way == 0) {
        self->function(self->argument);
        thread_exit();
    }
    return way == 2;
}

bool posix_call(system_call *call, int64_t number, const uint64_t arguments[6], int64_t *result) {
    struct thread_registers *registers = &posix_world.current->registers;
    if (setjmp(posix_world.exit.registers) != 0)
        return false;
    *registers = (struct thread_registers){.call = number, .stack = registers->stack};
    memcpy(registers->arguments, arguments, sizeof(registers->arguments));
    registers->result = call(arguments);
    (void)go_to_user();
    *result = posix_world.current->registers.result;
    return true;
}

int64_t posix_do(system_call *call, uint64_t first, uint64_t second, uint64_t third, uint64_t fourth) {
    const uint64_t arguments[6] = {first, second, third, fourth, 0, 0};
    int64_t result = 0;
    assert_true(posix_call(call, RESTART_NEVER, arguments, &result));
    return result;
}

int32_t posix_fork(void) {
    return (int32_t)posix_do(system_call_fork, 0, 0, 0, 0);
}

void posix_exit(int32_t number, int status) {
    const uint64_t arguments[6] = {(uint64_t)status};
    int64_t result;
    struct posix_thread *self = posix_world.current;
    bool is_self = self->thread.number == number;
    posix_become(number);
    assert_false(posix_call(system_call_exit_group, RESTART_NEVER, arguments, &result));
    posix_world.current = is_self ? NULL : self;
}

void posix_handle(int signal, uint64_t handler, uint64_t flags) {
    struct signal_action action = {.handler = handler, .flags = flags};
    assert_true(process_write(POSIX_DATA, &action, sizeof(action)));
    assert_int_equal(posix_do(system_call_rt_sigaction, (uint64_t)signal, POSIX_DATA, 0, 8), 0);
}
