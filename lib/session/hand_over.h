/*
 * Waking a peer and waiting in one step, where the kernel has it (grove/abi/call.h): on the bare machines. Elsewhere nothing
 * here is ever called, and finding that out costs no system call.
 *
 * Whoever publishes something and will sleep next does not wake the peer but owes it that: session->owed. The next sleep on
 * words pays, in the same call; whatever else comes first (another wake-up, a spin, a handler, the way back to the program)
 * pays by itself (session_settle). The peer's word was changed already, so one that is about to sleep does not.
 */
#ifndef GROVE_SESSION_HAND_OVER_H
#define GROVE_SESSION_HAND_OVER_H

#include "lib/session/session.h"

#include <linux/futex.h>

/* Does this kernel have it? */
bool hand_over_is_there(void);
/*
 * Wake who sleeps on `wake`, and sleep while *word is `value`, until an absolute deadline; with `lends` with what this thread
 * has of priority and time lent to the one that is woken. Results as of a system call: 0, or -1 with errno EAGAIN,
 * ETIMEDOUT, EINTR, EFAULT.
 */
int hand_over_on_word(const uint32_t *wake, const uint32_t *word, uint32_t value, uint64_t deadline_ns, bool lends);
/* The same for several words, at most GROVE_HAND_OVER_WORDS_MAX. */
int hand_over_on_words(const uint32_t *wake, const struct futex_waitv *words, unsigned count, uint64_t deadline_ns);

/* What a test plays the kernel's call by: returns the same, negative errno for errors. NULL: the kernel is asked. */
typedef long hand_over_player(const uint32_t *wake, uint64_t words, uint64_t expected, uint64_t deadline_ns,
                              uint64_t flags);
extern hand_over_player *hand_over_played;

#endif
