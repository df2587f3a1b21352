/* Looking again before the run loop sleeps: see spin.h, and session.h for what is looked at. */
#include "lib/session/attachment.h"
#include "lib/session/session.h"

#define TURNS_BETWEEN_FULL_LOOKS 8u

static bool has_record(const struct attachment *attachment) {
    bool found = false;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        found |= channel_end_has_record(attachment->end, (enum grove_lane)lane);
    return found;
}

bool session_spin(struct grove_session *session) {
    struct attachment *peer = session->last_served;
    if (peer == NULL || session->watch_count > 0)
        return false; /* a watched descriptor is only seen by sleeping */
    struct spin_turn turn;
    uint32_t processor = spin_processor();
    channel_end_set_processor(peer->end, processor);
    if (!spin_begin(&session->spin, processor, channel_end_peer_processor(peer->end), &turn))
        return false;
    session_settle(session);
    bool has_paid = session_has_news(session) || session_work(session) > 0;
    while (!has_paid && spin_goes_on(&turn)) {
        /* Mostly a look at whoever it was that asked last; at all of them less often, because that costs more. */
        bool is_worth_it = turn.turns % TURNS_BETWEEN_FULL_LOOKS == 0 || has_record(peer);
        has_paid = session_has_news(session) || (is_worth_it && session_work(session) > 0);
    }
    spin_end(&session->spin, has_paid);
    return has_paid;
}
