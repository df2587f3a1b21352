/*
 * A console: a device that takes bytes and gives bytes, one after the other. A terminal lies on top of it; until there is one,
 * what comes in is kept as far as there is room.
 *
 * Bytes go out through a ring that the driver empties by interrupt. The kernel's own words do not wait for that: they are
 * written at once, after what the ring holds.
 *
 * Locks: the device's own, held while the two queues are woken. `received` is called without it, so a terminal may echo.
 */
#ifndef GROVE_BARE_CONSOLE_H
#define GROVE_BARE_CONSOLE_H

#include "kernel/machine/bare/spinlock.h"
#include "kernel/machine/bare/wait/wait.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_OUTPUT_BYTES 4096u /* powers of two */
#define CONSOLE_INPUT_BYTES 256u

struct console_device;

/* Called with the device's lock held. */
struct console_driver {
    /* There is output: see that an interrupt comes that takes it, with console_next. */
    void (*start)(struct console_device *device);
    /* One byte, now. May spin as long as the device takes, within a bound. */
    void (*put)(struct console_device *device, uint8_t byte);
    /* All that the device was given is through, or it takes too long. NULL: it always is. */
    void (*settle)(struct console_device *device);
};

struct console_device {
    const char *name;
    const struct console_driver *driver;
    struct spinlock lock;
    struct wait_queue room; /* woken when there is room for output again */
    struct wait_queue readable; /* woken when input was kept */
    void (*received)(void *context, const uint8_t *bytes, size_t count);
    void *context; /* what `received` is given */
    uint8_t output[CONSOLE_OUTPUT_BYTES], input[CONSOLE_INPUT_BYTES];
    uint32_t output_first, output_end, input_first, input_end; /* counted on; the remainder is the place */
    uint64_t lost; /* bytes of input for which there was no room */
    uint16_t rows, columns; /* of the window at the other end, where the device tells; 0: it does not */
    bool is_resized; /* nobody has taken that yet */
};

/* ---- for a terminal ---- */

/* Take what there is room for, at most `count` bytes; returns how many. Does not wait: see `room`. Any context. */
size_t console_device_write(struct console_device *device, const uint8_t *bytes, size_t count);
/* How many bytes wait to go out. */
size_t console_device_waiting(struct console_device *device);
/* Forget what waits to go out. */
void console_device_flush(struct console_device *device);
/*
 * From now on `received` is told of what comes in, at once of what was kept; for good. It is called from an interrupt, never
 * twice at the same time, and does not sleep; it may write to the device.
 */
void console_device_attach(struct console_device *device,
                           void (*received)(void *context, const uint8_t *bytes, size_t count), void *context);
/* Without a terminal: take what was kept, at most `room` bytes; returns how many. Does not wait: see `readable`. */
size_t console_device_read(struct console_device *device, uint8_t *bytes, size_t room);

/* What the device tells of the window, if that is new: true once for each change. The lock is not held. */
bool console_device_window(struct console_device *device, uint16_t *rows, uint16_t *columns);

/* ---- for the kernel's own words ---- */

/* All of it, at once, after what waits to go out. `is_alone`: nobody else runs any more, and the lock may be held for good. */
void console_device_write_now(struct console_device *device, const uint8_t *bytes, size_t count, bool is_alone);

/* ---- for a driver ---- */

/* The next byte to go out. False: there is none, and `start` will be called when there is. The device's lock is held. */
bool console_next(struct console_device *device, uint8_t *byte);
/* Bytes came in. From one interrupt after the other; without the lock. */
void console_receive(struct console_device *device, const uint8_t *bytes, size_t count);
/* The window is that large now. Without the lock; wakes `readable` if it was not. */
void console_resize(struct console_device *device, uint16_t rows, uint16_t columns);

/* The console on which the kernel speaks, or NULL: served by the machine. */
struct console_device *console_first(void);

#endif
