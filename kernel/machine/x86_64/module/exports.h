/*
 * What modules may use of the kernel: each X(name) is a function or an object that one of the headers here declares. A module sees
 * these headers; their text, as the compiler sees it, is the interface that a module was built against (interface.py).
 */
#ifndef GROVE_X86_64_EXPORTS_H
#define GROVE_X86_64_EXPORTS_H

#include "kernel/core/machine.h"
#include "kernel/machine/bare/drivers/virtio.h"
#include "kernel/machine/bare/module/module.h"
#include "kernel/machine/bare/random/random.h"
#include "kernel/machine/bare/text/format.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/devices/claims.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

void __stack_chk_fail(void);

#define EXPORTS(X) \
    X(__stack_chk_fail) \
    X(claims_disconnect) \
    X(claims_give_back) \
    X(claims_take) \
    X(clock_now_ns) \
    X(console_print) \
    X(device_memory_give_back) \
    X(device_memory_take) \
    X(format_print) \
    X(machine_panic) \
    X(memchr) \
    X(memcmp) \
    X(memcpy) \
    X(memmove) \
    X(memset) \
    X(memory_give_back) \
    X(memory_take) \
    X(random_fill) \
    X(random_is_ready) \
    X(random_kernel) \
    X(random_mix) \
    X(strcmp) \
    X(strlen) \
    X(strncmp) \
    X(strrchr) \
    X(thread_create_kernel) \
    X(thread_current) \
    X(thread_pause) \
    X(thread_sleep) \
    X(thread_sleep_firmly) \
    X(thread_start) \
    X(thread_wake) \
    X(virtio_add_queue) \
    X(virtio_begin) \
    X(virtio_configuration) \
    X(virtio_end) \
    X(virtio_fail) \
    X(virtio_notify) \
    X(virtio_ready) \
    X(virtqueue_add) \
    X(virtqueue_init) \
    X(virtqueue_take) \
    X(virtqueue_wants_notice) \
    X(wait_add) \
    X(wait_remove) \
    X(wait_wake)

#endif
