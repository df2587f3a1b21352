/*
 * What a session does between two sleeps: one message of one channel at a time, the highest lane first and the channels in turn;
 * a short spin where that beats sleeping; and what is due. Nothing here waits.
 */
#include "lib/session/attachment.h"
#include "lib/session/session.h"

/* In a spin. */
#define TURNS_BETWEEN_FULL_LOOKS 8u

static bool work_on_lane(struct grove_session *session, enum grove_lane lane) {
    for (struct attachment *at = session->active; at != NULL; at = session->cursor) {
        session->cursor = at->next_active;
        if (at->owner->work(at, lane))
            return true;
    }
    return false;
}

int session_work(struct grove_session *session) {
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        if (work_on_lane(session, (enum grove_lane)lane))
            return 1;
    return session->extension != NULL ? session->extension->work(session) : 0;
}

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
    bool has_paid = session_has_news(session) || session_work(session) > 0;
    while (!has_paid && spin_goes_on(&turn)) {
        /* Mostly a look at whoever it was that asked last; at all of them less often, because that costs more. */
        bool is_worth_it = turn.turns % TURNS_BETWEEN_FULL_LOOKS == 0 || has_record(peer);
        has_paid = session_has_news(session) || (is_worth_it && session_work(session) > 0);
    }
    spin_end(&session->spin, has_paid);
    return has_paid;
}

void session_expires_at(struct grove_session *session, uint64_t deadline_ns) {
    if (deadline_ns < session->expiry_ns)
        session->expiry_ns = deadline_ns;
}

void session_expire(struct grove_session *session) {
    uint64_t now_ns = session->expiry_ns == GROVE_FOREVER ? 0 : grove_now_ns();
    if (now_ns < session->expiry_ns)
        return;
    session->expiry_ns = GROVE_FOREVER;
    for (struct attachment *at = session->attachments; at != NULL; at = at->next)
        session_expires_at(session, at->owner->expire(at, now_ns));
}
