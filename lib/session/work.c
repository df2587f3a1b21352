/*
 * What a session does between two sleeps: one message of one channel at a time, the highest lane first and the channels in turn;
 * and what is due. Nothing here waits.
 */
#include "lib/session/attachment.h"
#include "lib/session/session.h"

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
