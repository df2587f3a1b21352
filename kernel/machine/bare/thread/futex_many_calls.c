/* futex_waitv(2), and Grove's own call that hands the processor over (grove/abi/call.h). */
#include "kernel/machine/bare/mm/pages.h"
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/moment.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/bare/thread/words.h"
#include "kernel/services/vfs/errors.h"

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define FUTEX_FLAG_32 2u
#define FUTEX_FLAG_PRIVATE 128u

struct many {
    struct futex_word words[FUTEX_WORDS_MAX];
    struct futex_waiter waiters[FUTEX_WORDS_MAX];
};

/* As Linux lays it out. */
struct waited_word {
    uint64_t value, address;
    uint32_t flags, reserved;
};

static struct futex_space *space_of(const struct thread *self) {
    return (struct futex_space *)process_space(self->process);
}

/* Sleep after a call that returned `status`; the word by which the thread was woken, or an error. */
static int64_t sleep_and_tell(struct thread *self, int status) {
    uint32_t woken = 0;
    if (status < 0)
        return futex_error(status);
    sched_reschedule(&thread_scheduler);
    status = futex_finish_many(&thread_futexes, &self->futex, &woken);
    return status < 0 ? futex_error(status) : (int64_t)woken;
}

/* ---- futex_waitv ---- */

static int read_words(uint64_t at, uint32_t count, struct futex_word *words, bool *are_private) {
    *are_private = true;
    for (uint32_t i = 0; i < count; i++) {
        struct waited_word word;
        if (!process_read(&word, at + i * sizeof(word), sizeof(word)))
            return -LINUX_EFAULT;
        if ((word.flags & ~FUTEX_FLAG_PRIVATE) != FUTEX_FLAG_32 || word.reserved != 0 || word.value > UINT32_MAX ||
            word.address % sizeof(uint32_t) != 0)
            return -LINUX_EINVAL;
        *are_private = *are_private && (word.flags & FUTEX_FLAG_PRIVATE) != 0;
        words[i] = (struct futex_word){.address = word.address, .expected = (uint32_t)word.value};
    }
    return 0;
}

static int64_t wait_many(struct thread *self, uint64_t at, uint32_t count, uint64_t until, struct many *many) {
    int status = read_words(at, count, many->words, &self->has_private_words);
    if (status < 0)
        return status;
    return sleep_and_tell(
        self, futex_wait_many(&thread_futexes, &self->futex, space_of(self), many->words, count, many->waiters, until));
}

int64_t system_call_futex_waitv(const uint64_t arguments[6]) {
    struct thread *self = thread_current();
    const uint32_t count = (uint32_t)arguments[1];
    const int clock = (int)(uint32_t)arguments[4];
    uint64_t until = SCHED_NEVER;
    if ((uint32_t)arguments[2] != 0 || count == 0 || count > FUTEX_WORDS_MAX || arguments[0] == 0)
        return -LINUX_EINVAL;
    if (arguments[3] != 0) {
        if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
            return -LINUX_EINVAL;
        int status = moment_read(arguments[3], true, clock == CLOCK_REALTIME, &until);
        if (status < 0)
            return status;
    }
    struct many *many = memory_take(sizeof(*many)); /* too much for a stack */
    if (many == NULL)
        return -LINUX_ENOMEM;
    int64_t result = wait_many(self, arguments[0], count, until, many);
    memory_give_back(many);
    return result;
}

/* ---- handing over ---- */

__attribute__((noinline)) static int64_t hand_over_list(struct thread *self, const uint64_t arguments[6],
                                                        struct futex_hand_over *what) {
    struct grove_hand_over_word given[GROVE_HAND_OVER_WORDS_MAX];
    struct futex_word words[GROVE_HAND_OVER_WORDS_MAX];
    struct futex_waiter waiters[GROVE_HAND_OVER_WORDS_MAX];
    const uint32_t count = (uint32_t)arguments[2];
    if (count == 0 || count > GROVE_HAND_OVER_WORDS_MAX)
        return -LINUX_EINVAL;
    if (!process_read(given, arguments[1], count * sizeof(given[0])))
        return -LINUX_EFAULT;
    for (uint32_t i = 0; i < count; i++) {
        if (given[i].address % sizeof(uint32_t) != 0 || given[i].reserved != 0)
            return -LINUX_EINVAL;
        words[i] = (struct futex_word){.address = given[i].address, .expected = given[i].expected};
    }
    what->words = words;
    what->waiters = waiters;
    what->count = count;
    return sleep_and_tell(self, futex_hand_over(&thread_futexes, &self->futex, space_of(self), what));
}

int64_t system_call_grove_hand_over(const uint64_t arguments[6]) {
    struct thread *self = thread_current();
    const uint64_t flags = arguments[4];
    const struct futex_word word = {.address = arguments[1], .expected = (uint32_t)arguments[2]};
    struct futex_hand_over what = {.wake_at = arguments[0],
                                   .words = &word,
                                   .count = 1,
                                   .lends = (flags & GROVE_HAND_OVER_LENDS) != 0,
                                   .timeout_ns = arguments[3] < MOMENT_LAST ? arguments[3] : SCHED_NEVER};
    self->has_private_words = false;
    if ((flags & ~(uint64_t)(GROVE_HAND_OVER_LENDS | GROVE_HAND_OVER_LIST)) != 0 ||
        arguments[0] % sizeof(uint32_t) != 0)
        return -LINUX_EINVAL;
    if ((flags & GROVE_HAND_OVER_LIST) != 0)
        return hand_over_list(self, arguments, &what);
    if (word.address % sizeof(uint32_t) != 0)
        return -LINUX_EINVAL;
    return sleep_and_tell(self, futex_hand_over(&thread_futexes, &self->futex, space_of(self), &what));
}
