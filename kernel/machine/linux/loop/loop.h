/*
 * groved's event loop: descriptors, timers and deferred work on one thread.
 *
 * Every handler returns quickly and never blocks. A handler may watch, change and forget any descriptor, its own
 * included; a forgotten one is not called again, not even for an event already collected.
 */
#ifndef GROVE_LINUX_LOOP_H
#define GROVE_LINUX_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
/* events: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP of <sys/epoll.h>. */
typedef void loop_handler(struct loop *loop, int descriptor, uint32_t events, void *context);
typedef void loop_timer(struct loop *loop, void *context);

int loop_create(struct loop **loop);
void loop_destroy(struct loop *loop);
/* Level-triggered. The descriptor stays the caller's. GROVE_NO_MEMORY, GROVE_EXISTS, GROVE_IO. */
int loop_watch(struct loop *loop, int descriptor, uint32_t events, loop_handler *handler, void *context);
int loop_change(struct loop *loop, int descriptor, uint32_t events);
void loop_forget(struct loop *loop, int descriptor);
/* Once, at `when_ns` of the monotonic clock. *timer identifies it for loop_cancel; 0 is never a timer. */
int loop_at(struct loop *loop, uint64_t when_ns, loop_timer *handler, void *context, uint64_t *timer);
void loop_cancel(struct loop *loop, uint64_t timer);
/* Handle events until loop_stop. `idle` runs before each wait and returns when it next wants to run (UINT64_MAX: never). */
int loop_run(struct loop *loop, uint64_t (*idle)(void *context), void *context);
void loop_stop(struct loop *loop);

#endif
