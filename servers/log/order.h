/*
 * The order in which lines of all services were written, also where somebody sets the clock back.
 *
 * Each chunk gets a stamp when it is read: how often the clock had been set back until then, and the time. Stamps only grow,
 * compared by steps first and by time then, from one instance of this process to the next as well. A clock that goes back by
 * up to a second (adjtime and its like, virtual machines) is waited out: times go on by a nanosecond each. A clock that goes
 * back by more has been set, and a new step begins, in which times are again those that the clock shows. A clock that is set
 * forward needs nothing.
 *
 * The last stamp stands in the file `.order` beside the logs (docs/formats.md), written before the chunk that it is for, by
 * one write and without waiting for the disk: it outlives every process, and a crash of the machine may take the last half
 * minute, as of the logs themselves. Where it cannot be written, memory has it, and the next stamp tries again.
 */
#ifndef SERVERS_LOG_ORDER_H
#define SERVERS_LOG_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORDER_FILE ".order"
#define ORDER_FILE_BYTES 32u
#define ORDER_STEPS_MAX 0xffffffu /* three bytes in a record's kind; then the last step lasts */
#define ORDER_WAITED_OUT_NS UINT64_C(1000000000)

struct order_stamp {
    uint64_t time_ns; /* wall clock, since 1970 */
    uint32_t steps; /* how often the clock had been set back */
};

struct order {
    int folder; /* borrowed */
    int file; /* -1: cannot be written now */
    struct order_stamp last;
};

/*
 * Go on behind the last stamp that `folder` knows. Nothing there, or the file is damaged: from the beginning. False: it was
 * there and is damaged, or cannot be read.
 */
bool order_open(struct order *order, int folder);
void order_close(struct order *order);
/* The stamp of what is read now, when the clock shows now_ns. True: the clock has been set back since the last one. */
bool order_next(struct order *order, uint64_t now_ns, struct order_stamp *stamp);

/* What stands in the file. False: it is none of these. */
bool order_decode(const void *bytes, size_t length_bytes, struct order_stamp *stamp);

#endif
