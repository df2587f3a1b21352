/*
 * System calls that only Grove's own kernel has, on the bare machines. Their numbers are the same on all processors and far
 * from all of Linux's, of which they use the way in: number and arguments where Linux has them, the answer too, a negative
 * errno for an error. Elsewhere they are not there: a program asks its auxiliary vector, which costs no call.
 */
#ifndef GROVE_ABI_CALL_H
#define GROVE_ABI_CALL_H

#include <stdint.h>

/* Kind of an entry of the auxiliary vector ("GROV"): its value is how many of these calls there are, from the first on. */
#define GROVE_AUX_CALLS 0x47524f56u

#define GROVE_CALL_FIRST 0x4700u
/*
 * hand_over(wake, words, expected, deadline_ns, flags)
 *
 * Wake the first thread that waits (by futex, futex_waitv or this call) for the 32-bit word at `wake`, and wait in the same
 * step for the word at `words`, while it is `expected`, until somebody wakes a waiter of that word or deadline_ns, a moment
 * of the monotonic clock, UINT64_MAX for never. Words are known by what they lie in, as in a futex call without
 * FUTEX_PRIVATE_FLAG. Who was woken goes on at once in place of the caller, on its processor, unless something better waits.
 *
 * 0: somebody woke it, or with GROVE_HAND_OVER_LIST the index of the word by which. -EAGAIN: a word is another; -ETIMEDOUT;
 * -EINTR: a signal (the call is not made again). The other thread was woken in all of these. -EINVAL: flags, a list that is
 * empty or too long, a word that is not aligned; -EFAULT: there is no such word. Then it may not have been woken.
 */
#define GROVE_CALL_HAND_OVER 0x4700u
#define GROVE_CALLS 1u

enum grove_hand_over_flags {
    /* While it waits the caller lends its priority, its deadline and its processor time to whom it woke. */
    GROVE_HAND_OVER_LENDS = 1,
    /* `words` is the address of `expected` struct grove_hand_over_word, at most GROVE_HAND_OVER_WORDS_MAX. */
    GROVE_HAND_OVER_LIST = 2,
};
#define GROVE_HAND_OVER_WORDS_MAX 16u

struct grove_hand_over_word {
    uint64_t address;
    uint32_t expected;
    uint32_t reserved; /* 0 */
};

#endif
