/*
 * A kernel for tests, in a thread of the test: enough of the port for sessions, channels, restarts and regions, with no
 * authority checks. It can also be made to say anything at all, to test what the library does with a broken kernel.
 */
#ifndef GROVE_TESTING_FAKE_KERNEL_H
#define GROVE_TESTING_FAKE_KERNEL_H

#include "grove/grove.h"

struct fake_kernel;

struct fake_kernel *fake_kernel_start(void);
void fake_kernel_stop(struct fake_kernel *kernel);
/* A container "test.NAME" that serves `endpoint` ("test.NAME" style; NULL: none). Returns the program's end of its port. */
int fake_kernel_add(struct fake_kernel *kernel, const char *name, const char *endpoint);
/* A program that connected from outside (ring 3): it outlives its kernel. */
int fake_kernel_add_shell(struct fake_kernel *kernel, const char *name);
/*
 * The next instance of a container. Its last one must have closed its port: waits for that. Channels as a server come
 * back at once, those as a client when it connects again.
 */
int fake_kernel_restart(struct fake_kernel *kernel, const char *name);
/* From now on wake each service through the word of its oldest client, too, as the real kernel does. */
void fake_kernel_wake_through_clients(struct fake_kernel *kernel);
/* Say something to a container; descriptors are duplicated. */
void fake_kernel_say(struct fake_kernel *kernel, const char *name, const void *packet, size_t size_bytes,
                     const int *objects, unsigned count);
/* A life-cycle notice. */
void fake_kernel_notice(struct fake_kernel *kernel, const char *name, enum grove_notice notice, uint64_t value);
/* Wait until a container has reported this (STATE_REPORT), and forget it. Returns the report's value; aborts after 10 s. */
uint64_t fake_kernel_await_report(struct fake_kernel *kernel, const char *name, enum grove_report report);
/* The same for a request with this operation. */
void fake_kernel_await_request(struct fake_kernel *kernel, const char *name, enum grove_operation operation);
/* Take every permission that services ask about from a container (CAPABILITY_CHECK), or give it all of them, as at first. */
void fake_kernel_set_poor(struct fake_kernel *kernel, const char *name, bool is_poor);
/* How many requests with this operation a container has made. */
unsigned fake_kernel_count_requests(struct fake_kernel *kernel, const char *name, enum grove_operation operation);
/* Destroy a container: its clients get CHANNEL_CLOSED. */
void fake_kernel_destroy(struct fake_kernel *kernel, const char *name);
void fake_kernel_trace(struct fake_kernel *kernel, const char *name, bool on);

#endif
