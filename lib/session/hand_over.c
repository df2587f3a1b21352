/* See hand_over.h. */
#include "lib/session/hand_over.h"

#include "grove/abi/call.h"
#include "lib/session/attachment.h"

#include <errno.h>
#include <limits.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

hand_over_player *hand_over_played;

bool hand_over_is_there(void) {
    return hand_over_played != NULL || getauxval(GROVE_AUX_CALLS) > GROVE_CALL_HAND_OVER - GROVE_CALL_FIRST;
}

static int call(const uint32_t *wake, uint64_t words, uint64_t expected, uint64_t deadline_ns, uint64_t flags) {
    if (hand_over_played == NULL)
        return (int)syscall((long)GROVE_CALL_HAND_OVER, wake, words, expected, deadline_ns, flags);
    long result = hand_over_played(wake, words, expected, deadline_ns, flags);
    if (result < 0)
        errno = (int)-result;
    return result < 0 ? -1 : (int)result;
}

int hand_over_on_word(const uint32_t *wake, const uint32_t *word, uint32_t value, uint64_t deadline_ns, bool lends) {
    return call(wake, (uintptr_t)word, value, deadline_ns, lends ? GROVE_HAND_OVER_LENDS : 0);
}

int hand_over_on_words(const uint32_t *wake, const struct futex_waitv *words, unsigned count, uint64_t deadline_ns) {
    struct grove_hand_over_word list[GROVE_HAND_OVER_WORDS_MAX];
    for (unsigned i = 0; i < count && i < GROVE_HAND_OVER_WORDS_MAX; i++)
        list[i] = (struct grove_hand_over_word){.address = words[i].uaddr, .expected = (uint32_t)words[i].val};
    return call(wake, (uintptr_t)list, count, deadline_ns, GROVE_HAND_OVER_LIST);
}

void session_settle_owed(struct grove_session *session) {
    const struct attachment *owed = session->owed;
    session->owed = NULL;
    syscall(SYS_futex, channel_end_own_signal(owed->end), FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
