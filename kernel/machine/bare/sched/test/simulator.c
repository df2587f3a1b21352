/* Virtual processors and virtual time: see simulator.h. */
#include "kernel/machine/bare/sched/test/simulator.h"

#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/sched/test/check.h"

#include <string.h>

static struct simulator *simulator_of(struct scheduler *scheduler) {
    return list_item(scheduler, struct simulator, scheduler);
}

static uint64_t machine_now_ns(struct scheduler *scheduler) {
    return simulator_of(scheduler)->now_ns;
}

static uint32_t machine_here(struct scheduler *scheduler) {
    return simulator_of(scheduler)->here;
}

static void machine_set_timer(struct scheduler *scheduler, uint64_t when_ns) {
    struct simulator *simulator = simulator_of(scheduler);
    simulator->timers_ns[simulator->here] = when_ns;
}

static void machine_kick(struct scheduler *scheduler, uint32_t processor) {
    simulator_of(scheduler)->is_kicked[processor] = true;
}

static void machine_switch_to(struct scheduler *scheduler, struct sched_thread *from, struct sched_thread *to) {
    (void)from;
    (void)to;
    simulator_of(scheduler)->switches++;
}

static const struct sched_machine machine = {.now_ns = machine_now_ns,
                                             .here = machine_here,
                                             .set_timer = machine_set_timer,
                                             .kick = machine_kick,
                                             .switch_to = machine_switch_to};

void sim_open(struct simulator *simulator, uint32_t processors, uint64_t seed) {
    memset(simulator, 0, sizeof(*simulator));
    simulator->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    simulator->now_ns = 1000 * MS;
    for (uint32_t i = 0; i < SIM_PROCESSORS; i++)
        simulator->timers_ns[i] = SCHED_NEVER;
    sched_init(&simulator->scheduler, &machine, simulator->processors, processors);
}

uint64_t sim_random(struct simulator *simulator, uint64_t low, uint64_t high) {
    simulator->random ^= simulator->random << 13;
    simulator->random ^= simulator->random >> 7;
    simulator->random ^= simulator->random << 17;
    return low + (simulator->random >> 20) % (high - low + 1);
}

struct sim_thread *sim_start(struct simulator *simulator, const struct grove_schedule *schedule, uint64_t affinity,
                             struct sched_group *group,
                             void (*next)(struct simulator *simulator, struct sim_thread *thread)) {
    struct sim_thread *thread = &simulator->threads[simulator->count];
    memset(thread, 0, sizeof(*thread));
    thread->next = next;
    if (sched_thread_init(&simulator->scheduler, &thread->thread, schedule, affinity, group) < 0)
        return NULL;
    simulator->all[simulator->count++] = &thread->thread;
    sched_wake(&simulator->scheduler, &thread->thread, 0);
    return thread;
}

static bool is_idle(const struct simulator *simulator, uint32_t number) {
    return simulator->processors[number].current == &simulator->processors[number].idle;
}

struct sim_thread *sim_current(struct simulator *simulator) {
    return (struct sim_thread *)sched_current(&simulator->scheduler);
}

static void check(struct simulator *simulator, const char *fault) {
    if (fault != NULL)
        fail_msg("at %lu us, step %lu: %s", (unsigned long)(simulator->now_ns / US), (unsigned long)simulator->steps,
                 fault);
}

/* Let every processor choose that should, until none should. */
static void settle(struct simulator *simulator) {
    uint32_t rounds = 0;
    for (bool is_settled = false; !is_settled;) {
        is_settled = true;
        for (uint32_t i = 0; i < simulator->scheduler.count; i++) {
            simulator->here = i;
            if (!simulator->is_kicked[i] && !sched_must_reschedule(&simulator->scheduler))
                continue;
            is_settled = false;
            if (simulator->is_kicked[i])
                sched_interrupt(&simulator->scheduler);
            simulator->is_kicked[i] = false;
            sched_reschedule(&simulator->scheduler);
            check(simulator, check_structure(&simulator->scheduler, simulator->all, simulator->count));
        }
        if (++rounds > 100)
            check(simulator, "the processors kick each other without end");
    }
    check(simulator, check_choice(&simulator->scheduler, simulator->all, simulator->count));
    if (simulator->after_step != NULL)
        simulator->after_step(simulator);
}

static uint64_t next_event_ns(struct simulator *simulator, uint64_t until_ns) {
    uint64_t next = until_ns;
    for (uint32_t i = 0; i < simulator->scheduler.count; i++) {
        simulator->here = i;
        if (simulator->timers_ns[i] < next)
            next = simulator->timers_ns[i];
        if (!is_idle(simulator, i) && sim_current(simulator)->left_ns < next - simulator->now_ns)
            next = simulator->now_ns + sim_current(simulator)->left_ns;
    }
    return next < simulator->now_ns ? simulator->now_ns : next;
}

static void pass_time(struct simulator *simulator, uint64_t until_ns) {
    uint64_t passed = until_ns - simulator->now_ns;
    for (uint32_t i = 0; i < simulator->scheduler.count; i++) {
        struct sched_thread *current = simulator->processors[i].current;
        if (!is_idle(simulator, i))
            ((struct sim_thread *)current)->left_ns -= passed;
    }
    simulator->now_ns = until_ns;
}

/* Everything that is due on one processor at this moment: its timer, then what its thread does next. */
static void act(struct simulator *simulator, uint32_t number) {
    simulator->here = number;
    if (simulator->timers_ns[number] <= simulator->now_ns) {
        simulator->timers_ns[number] = SCHED_NEVER;
        sched_interrupt(&simulator->scheduler);
        sched_reschedule(&simulator->scheduler);
        settle(simulator);
    }
    simulator->here = number;
    if (!is_idle(simulator, number) && sim_current(simulator)->left_ns == 0) {
        struct sim_thread *thread = sim_current(simulator);
        thread->next(simulator, thread);
        check(simulator, check_structure(&simulator->scheduler, simulator->all, simulator->count));
        settle(simulator);
    }
}

void sim_run(struct simulator *simulator, uint64_t until_ns) {
    settle(simulator);
    while (simulator->now_ns < until_ns) {
        pass_time(simulator, next_event_ns(simulator, until_ns));
        uint32_t first = (uint32_t)sim_random(simulator, 0, simulator->scheduler.count - 1);
        for (uint32_t i = 0; i < simulator->scheduler.count; i++)
            act(simulator, (first + i) % simulator->scheduler.count);
        simulator->steps++;
    }
    sched_account(&simulator->scheduler);
    check(simulator, check_structure(&simulator->scheduler, simulator->all, simulator->count));
    settle(simulator);
}

void sim_hog(struct simulator *simulator, struct sim_thread *thread) {
    (void)simulator;
    thread->left_ns = 1000000 * MS;
}

void sim_sleeper(struct simulator *simulator, struct sim_thread *thread) {
    thread->phase = !thread->phase;
    thread->left_ns = thread->phase == 1 ? thread->cost_ns : 0;
    if (thread->phase == 0) {
        sched_block(&simulator->scheduler, simulator->now_ns + thread->sleep_ns);
        sched_reschedule(&simulator->scheduler);
    }
}
