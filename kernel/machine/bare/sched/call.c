/*
 * Calls. A caller waits for its server as for a lock that the server always holds, so the server runs with the caller's
 * context while that one waits, and a call that goes on to another server takes the context along. If the server was
 * waiting for a call it takes the caller's place on the processor at once, and gives it back with the reply: neither passes
 * through a queue. A timeout, a signal or the death of either end is a wake-up like any other: lending ends with the wait.
 */
#include "kernel/machine/bare/sched/internal.h"

/* `thread`, ready and in no queue, goes on here when this processor chooses next; if it cannot, it is queued. */
static void hand_over(struct scheduler *scheduler, struct sched_thread *thread) {
    struct sched_processor *processor = processor_here(scheduler);
    uint32_t here = scheduler->machine->here(scheduler);
    if (processor->handed != NULL || !place_allows(thread, here)) {
        lend_refresh(scheduler, thread);
        return;
    }
    thread->processor = here;
    thread->is_running = true;
    processor->handed = thread;
    processor->must_choose = true;
}

void sched_receive(struct scheduler *scheduler) {
    spinlock_lock(&scheduler->lock);
    struct sched_processor *processor = processor_here(scheduler);
    charge(scheduler, processor, now_ns(scheduler));
    thread_block(scheduler, processor->current, SCHED_NEVER);
    processor->current->is_receiving = true;
    spinlock_unlock(&scheduler->lock);
}

int sched_call(struct scheduler *scheduler, struct sched_thread *server, uint64_t timeout_ns) {
    int status = GROVE_CLOSED;
    spinlock_lock(&scheduler->lock);
    struct sched_thread *caller = processor_here(scheduler)->current;
    bool is_active = caller->using->is_active;
    charge(scheduler, processor_here(scheduler), now_ns(scheduler));
    if (server->state != SCHED_ENDED) {
        caller->state = SCHED_BLOCKED;
        status = lend_begin(scheduler, caller, &server->calls);
        if (status < 0)
            caller->state = SCHED_READY;
    }
    if (status == GROVE_OK) {
        thread_block(scheduler, caller, timeout_ns);
        if (server->state == SCHED_BLOCKED && server->is_receiving) {
            caller->using->is_active = is_active; /* it goes on competing, in other hands */
            thread_unblock(scheduler, server, GROVE_OK);
            if (!server->is_running)
                hand_over(scheduler, server);
        }
    }
    spinlock_unlock(&scheduler->lock);
    return status;
}

bool sched_reply(struct scheduler *scheduler, struct sched_thread *client, int result) {
    spinlock_lock(&scheduler->lock);
    struct sched_thread *server = processor_here(scheduler)->current;
    bool is_waiting = client->state == SCHED_BLOCKED && client->waits_for == &server->calls;
    if (is_waiting) {
        bool is_at_its_expense = server->using == client->using;
        charge(scheduler, processor_here(scheduler), now_ns(scheduler));
        thread_unblock(scheduler, client, result);
        if (client->is_running)
            choose_soon(scheduler, client->processor);
        else if (is_at_its_expense)
            hand_over(scheduler, client);
        else
            lend_refresh(scheduler, client);
    }
    spinlock_unlock(&scheduler->lock);
    return is_waiting;
}

/* ---- both at once, whoever waits for whom ---- */

/* The current thread is blocked, or was woken already; `was_active`: its context competed a moment ago. */
static void wake_in_place(struct scheduler *scheduler, struct sched_processor *processor, struct sched_thread *other,
                          bool lends, bool was_active) {
    struct sched_thread *self = processor->current;
    if (other->state != SCHED_BLOCKED)
        return;
    bool is_blocked = self->state == SCHED_BLOCKED;
    if (!is_blocked || other->is_running) {
        /* It only wakes. */
    } else if (!lends) {
        (void)lend_end_alone(other, self);
    } else if (lend_begin_alone(self, other) ||
               (self->waits_for == NULL && lend_begin(scheduler, self, &other->calls) == GROVE_OK)) {
        self->using->is_active = was_active; /* it goes on competing, in other hands */
    }
    thread_unblock_at(scheduler, other, GROVE_OK, processor->since_ns);
    if (other->is_running)
        choose_soon(scheduler, other->processor);
    else if (is_blocked)
        hand_over(scheduler, other);
    else
        lend_refresh(scheduler, other);
}

void sched_wait_and_hand_over(struct scheduler *scheduler, struct sched_thread *other, uint64_t timeout_ns,
                              bool lends) {
    spinlock_lock(&scheduler->lock);
    struct sched_processor *processor = processor_here(scheduler);
    struct sched_thread *self = processor->current;
    bool was_active = self->using->is_active;
    charge(scheduler, processor, now_ns(scheduler));
    self->keeps_timer = true;
    thread_block(scheduler, self, timeout_ns);
    if (other != NULL)
        wake_in_place(scheduler, processor, other, lends, was_active);
    thread_look_interrupted(scheduler, self);
    spinlock_unlock(&scheduler->lock);
}

void sched_hand_over(struct scheduler *scheduler, struct sched_thread *other, bool lends) {
    spinlock_lock(&scheduler->lock);
    wake_in_place(scheduler, processor_here(scheduler), other, lends, true);
    spinlock_unlock(&scheduler->lock);
}
