/*
 * The robust list of a thread that ends: words in its own memory that it says it has. All of it is hostile input: it is
 * read word by word, at most FUTEX_ROBUST_MAX entries, and only a word that names this thread is changed.
 *
 *   head      0  address of the first entry, or of the head itself: the end. Bit 0: the entry's word inherits
 *             8  signed distance from an entry to its word
 *            16  an entry that was just being taken or given back, or 0
 *   entry     0  address of the next one
 */
#include "kernel/machine/bare/futex/internal.h"

#define INHERITS UINT64_C(1)
#define HEAD_DISTANCE 8u
#define HEAD_PENDING 16u
#define EXCHANGES_MAX 64u

/* Set the word to FUTEX_OWNER_DIED if it is this thread's. *value becomes what it was. */
static int mark(const struct futex_thread *self, struct futex_space *space, uint64_t address, uint32_t *value) {
    int status = space->memory->load(space, address, value);
    for (uint32_t i = 0; status == GROVE_OK && i < EXCHANGES_MAX; i++) {
        uint32_t was = *value;
        if ((was & FUTEX_OWNER) != self->number)
            return GROVE_OK;
        status = space->memory->exchange(space, address, value, (was & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
        if (*value == was)
            return status;
    }
    return status == GROVE_OK ? GROVE_AGAIN : status;
}

static void release(struct futex_table *table, const struct futex_thread *self, struct futex_space *space,
                    uint64_t address, bool inherits, bool is_pending) {
    uint32_t value = 0, woken;
    int status;
    if (address % sizeof(uint32_t) != 0)
        return;
    do {
        status = mark(self, space, address, &value);
    } while (is_touched(space, address, &status));
    if (status < 0 || inherits)
        return;
    bool was_waited_for = (value & FUTEX_OWNER) == self->number && (value & FUTEX_WAITERS) != 0;
    /* It may have given the word back and ended before it woke the next one. */
    bool was_given_back = is_pending && (value & FUTEX_OWNER) == 0;
    if (was_waited_for || was_given_back)
        (void)futex_wake(table, space, address, 1, FUTEX_ALL_BITS, &woken);
}

void robust_exit(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t head) {
    uint64_t entry = 0, distance = 0, pending = 0;
    if (space->memory->load_long(space, head, &entry) < 0 ||
        space->memory->load_long(space, head + HEAD_DISTANCE, &distance) < 0 ||
        space->memory->load_long(space, head + HEAD_PENDING, &pending) < 0)
        return;
    for (uint32_t i = 0; i < FUTEX_ROBUST_MAX && (entry & ~INHERITS) != head; i++) {
        uint64_t next = 0, at = entry & ~INHERITS;
        /* First the next one: once its word is given back, the entry is whoever's takes it. */
        bool is_last = space->memory->load_long(space, at, &next) < 0;
        if (at != (pending & ~INHERITS))
            release(table, self, space, at + distance, (entry & INHERITS) != 0, false);
        if (is_last)
            break;
        entry = next;
    }
    if ((pending & ~INHERITS) != 0)
        release(table, self, space, (pending & ~INHERITS) + distance, (pending & INHERITS) != 0, true);
}
