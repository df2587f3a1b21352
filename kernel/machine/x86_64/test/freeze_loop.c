/*
 * `freeze=MICROSECONDS`: while the first program runs, freeze all processes again and again, for as long at most each time,
 * chosen by chance, and let them run as long. What programs print must be the same as without it. While all stand still none of
 * them may go on using processor time; otherwise it is a panic.
 */
#include "kernel/core/machine.h"
#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/bare/random/random.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/test/tests.h"
#include "kernel/machine/x86_64/thread/machine.h"
#include "kernel/services/posix/freeze.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"

#define NS_PER_US 1000u
#define LOOKS 30u /* one that stands may be woken for a moment, by a signal that then waits */
#define DEADLINE_NS UINT64_C(60000000000) /* until all of them stand */

static struct freezer freezer;
static struct wait_queue changed;
static bool all_stand; /* guarded by the lock of processes, as the next two */
static uint64_t most_ns;
static uint32_t times, useful;

static void stands(struct freezer *of) {
    (void)of;
    all_stand = true;
    wait_wake(&changed);
}

/* Locked. Processes that have no freezer yet: the first, before it makes others; or a few. */
static void adopt_all(void) {
    for (struct list *link = processes.all.next; link != &processes.all; link = link->next) {
        struct process *process = list_item(link, struct process, in_all);
        if (process->freezer != NULL)
            continue;
        process->freezer = &freezer;
        for (struct list *at = process->threads.next; at != &process->threads; at = at->next)
            freezer_add_thread(list_item(at, struct process_thread, link));
    }
}

static uint64_t used_ns(void) {
    uint64_t sum = 0;
    processes_lock();
    for (struct list *link = processes.all.next; link != &processes.all; link = link->next) {
        struct process *process = list_item(link, struct process, in_all);
        for (struct list *at = process->threads.next; at != &process->threads; at = at->next)
            sum += machine_thread_time(list_item(at, struct process_thread, link)->thread);
    }
    processes_unlock();
    return sum;
}

static void pause_a_moment(void) {
    static const bool never;
    uint64_t chance;
    random_fill(&random_kernel, &chance, sizeof(chance));
    uint64_t until_ns = clock_now_ns() + chance % most_ns;
    while (clock_now_ns() < until_ns)
        (void)thread_sleep_unless(&never, until_ns);
}

/* False: there are no processes, or they ended meanwhile. */
static bool wait_until_all_stand(void) {
    uint64_t until_ns = clock_now_ns() + DEADLINE_NS;
    processes_lock();
    while (!all_stand && freezer.threads > 0) {
        (void)thread_sleep(&changed, &processes.lock, clock_now_ns() + most_ns);
        if (clock_now_ns() > until_ns)
            machine_panic("a thread does not freeze");
    }
    bool is_so = all_stand;
    processes_unlock();
    return is_so;
}

/* Who runs a program uses time whenever somebody looks. */
static bool does_anybody_run(void) {
    for (unsigned i = 0; i < LOOKS; i++) {
        uint64_t before_ns = used_ns();
        pause_a_moment();
        if (used_ns() == before_ns)
            return false;
    }
    return true;
}

static void run(void *unused) {
    (void)unused;
    freezer_init(&freezer, stands);
    while (__atomic_load_n(&processes.first, __ATOMIC_ACQUIRE) == NULL)
        pause_a_moment();
    for (;;) {
        pause_a_moment();
        processes_lock();
        adopt_all();
        all_stand = false;
        processes_unlock();
        freezer_freeze(&freezer);
        times++;
        if (wait_until_all_stand()) {
            if (does_anybody_run())
                machine_panic("a frozen thread ran");
            useful++;
        }
        freezer_thaw(&freezer);
    }
}

void freeze_loop_start(const char *command_line) {
    struct thread *thread;
    uint64_t most_us = 0;
    if (!options_number(command_line, "freeze", &most_us) || most_us == 0)
        return;
    most_ns = most_us * NS_PER_US;
    if (thread_create_kernel(run, NULL, &thread) < 0)
        machine_panic("no memory for the freezing thread");
    thread_start(thread);
}

void freeze_loop_end(void) {
    if (most_ns != 0)
        console_print("test: %u freezes, of %u all stood still\n", times, useful);
}
