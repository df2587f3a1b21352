/*
 * groved's event loop: epoll, a heap of timers, one thread.
 *
 * One turn: the idle work, one wait, the timers that are due, then the events in the order epoll gave them. A turn
 * handles at most EVENTS_PER_TURN events and only the timers that existed when it began, so neither can starve the other.
 *
 * Forgetting. An epoll event carries the descriptor and the generation of its watch. Forgetting raises the generation, so
 * an event that was collected before, for a number that is forgotten or even watched anew, finds no match and is dropped.
 */
#include "kernel/machine/linux/loop/loop.h"

#include "grove/abi/status.h"
#include "kernel/machine/linux/loop/timers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_PER_TURN 64
#define NANOSECONDS UINT64_C(1000000000)

struct watch {
    loop_handler *handler; /* NULL: not watched */
    void *context;
    uint32_t generation;
};

struct loop {
    int epoll;
    bool is_stopping;
    struct watch *watches; /* by descriptor number */
    uint32_t watch_capacity;
    struct loop_timers timers;
};

static uint64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

int loop_create(struct loop **loop) {
    struct loop *made = calloc(1, sizeof *made);
    if (made == NULL)
        return GROVE_NO_MEMORY;
    made->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (made->epoll < 0) {
        int status = errno == EMFILE || errno == ENFILE ? GROVE_NO_DESCRIPTORS : GROVE_NO_MEMORY;
        free(made);
        return status;
    }
    loop_timers_init(&made->timers);
    *loop = made;
    return 0;
}

void loop_destroy(struct loop *loop) {
    if (loop == NULL)
        return;
    close(loop->epoll);
    loop_timers_deinit(&loop->timers);
    free(loop->watches);
    free(loop);
}

static int reach(struct loop *loop, uint32_t descriptor) {
    if (descriptor < loop->watch_capacity)
        return 0;
    uint32_t capacity = loop->watch_capacity == 0 ? 64 : loop->watch_capacity;
    while (capacity <= descriptor)
        capacity *= 2;
    struct watch *watches = realloc(loop->watches, capacity * sizeof *watches);
    if (watches == NULL)
        return GROVE_NO_MEMORY;
    for (uint32_t i = loop->watch_capacity; i < capacity; i++)
        watches[i] = (struct watch){0};
    loop->watches = watches;
    loop->watch_capacity = capacity;
    return 0;
}

static struct watch *watch_of(struct loop *loop, int descriptor) {
    if (descriptor < 0 || (uint32_t)descriptor >= loop->watch_capacity)
        return NULL;
    struct watch *watch = &loop->watches[descriptor];
    return watch->handler == NULL ? NULL : watch;
}

static int control(struct loop *loop, int operation, int descriptor, uint32_t events, uint32_t generation) {
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)generation << 32 | (uint32_t)descriptor};
    if (epoll_ctl(loop->epoll, operation, descriptor, &event) == 0)
        return 0;
    return errno == ENOMEM || errno == ENOSPC ? GROVE_NO_MEMORY : GROVE_IO;
}

int loop_watch(struct loop *loop, int descriptor, uint32_t events, loop_handler *handler, void *context) {
    if (descriptor < 0)
        return GROVE_IO;
    int status = reach(loop, (uint32_t)descriptor);
    if (status < 0)
        return status;
    struct watch *watch = &loop->watches[descriptor];
    if (watch->handler != NULL)
        return GROVE_EXISTS;
    status = control(loop, EPOLL_CTL_ADD, descriptor, events, watch->generation);
    if (status < 0)
        return status;
    watch->handler = handler;
    watch->context = context;
    return 0;
}

int loop_change(struct loop *loop, int descriptor, uint32_t events) {
    struct watch *watch = watch_of(loop, descriptor);
    return watch == NULL ? GROVE_NOT_FOUND : control(loop, EPOLL_CTL_MOD, descriptor, events, watch->generation);
}

void loop_forget(struct loop *loop, int descriptor) {
    struct watch *watch = watch_of(loop, descriptor);
    if (watch == NULL)
        return;
    (void)control(loop, EPOLL_CTL_DEL, descriptor, 0, 0);
    watch->handler = NULL;
    watch->context = NULL;
    watch->generation++;
}

int loop_at(struct loop *loop, uint64_t when_ns, loop_timer *handler, void *context, uint64_t *timer) {
    return loop_timers_add(&loop->timers, when_ns, handler, context, timer);
}

void loop_cancel(struct loop *loop, uint64_t timer) {
    loop_timers_cancel(&loop->timers, timer);
}

void loop_stop(struct loop *loop) {
    loop->is_stopping = true;
}

static int wait_until(struct loop *loop, uint64_t when_ns, struct epoll_event *events) {
    if (when_ns == UINT64_MAX)
        return epoll_pwait2(loop->epoll, events, EVENTS_PER_TURN, NULL, NULL);
    uint64_t now_ns = when_ns == 0 ? 0 : clock_ns();
    uint64_t left_ns = when_ns > now_ns ? when_ns - now_ns : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left_ns / NANOSECONDS), .tv_nsec = (long)(left_ns % NANOSECONDS)};
    return epoll_pwait2(loop->epoll, events, EVENTS_PER_TURN, &timeout, NULL);
}

static void run_timers(struct loop *loop) {
    if (loop->timers.count == 0)
        return;
    uint64_t now_ns = clock_ns(), order_limit = loop->timers.next_order;
    struct timer_entry timer;
    while (!loop->is_stopping && loop_timers_take_due(&loop->timers, now_ns, order_limit, &timer))
        timer.handler(loop, timer.context);
}

static void dispatch(struct loop *loop, const struct epoll_event *event) {
    int descriptor = (int)(uint32_t)event->data.u64;
    const struct watch *watch = watch_of(loop, descriptor);
    if (watch != NULL && watch->generation == event->data.u64 >> 32)
        watch->handler(loop, descriptor, event->events, watch->context);
}

int loop_run(struct loop *loop, uint64_t (*idle)(void *context), void *context) {
    struct epoll_event events[EVENTS_PER_TURN];
    loop->is_stopping = false;
    for (;;) {
        uint64_t next_ns = idle == NULL ? UINT64_MAX : idle(context);
        if (loop->is_stopping)
            return 0;
        uint64_t timer_ns = loop_timers_next(&loop->timers);
        int count = wait_until(loop, timer_ns < next_ns ? timer_ns : next_ns, events);
        if (count < 0 && errno != EINTR)
            return GROVE_IO;
        run_timers(loop);
        for (int i = 0; i < count && !loop->is_stopping; i++)
            dispatch(loop, &events[i]);
    }
}
