/*
 * Kernel requests that are answered to a handler instead of being waited for.
 *
 * A reply with SESSION_LATER in its sequence number goes to the queue of notices, so that its handler runs where the
 * program's other handlers do and never inside another call's wait. Each open request is one entry of a short list;
 * nothing outlives the process: the kernel drops replies to an instance that is gone.
 */
#include "lib/session/session.h"

#include <stdlib.h>

struct later_request {
    struct later_request *next;
    uint64_t sequence;
    uint16_t operation;
    grove_reply_handler *done;
    void *context;
};

int grove_kernel_request_start(struct grove_session *session, struct grove_message *message, grove_reply_handler *done,
                               void *context) {
    if (done == NULL)
        return error_set(GROVE_INVALID, "a request without a handler for its reply");
    if (session->later_count >= SESSION_LATER_MAX)
        return error_set(GROVE_EXHAUSTED, "%u requests to the kernel are open, which is the limit", SESSION_LATER_MAX);
    struct later_request *made = malloc(sizeof *made);
    if (made == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for a request to the kernel");
    message->sequence = ++session->last_sequence | SESSION_LATER;
    *made = (struct later_request){.next = session->later_requests,
                                   .sequence = message->sequence,
                                   .operation = message->operation,
                                   .done = done,
                                   .context = context};
    int status = session_send(session, message);
    if (status < 0) {
        free(made);
        return status;
    }
    session->later_requests = made;
    session->later_count++;
    return 0;
}

void session_later_done(struct grove_session *session, struct packet *packet) {
    struct later_request **link = &session->later_requests;
    while (*link != NULL && (*link)->sequence != packet->message.sequence)
        link = &(*link)->next;
    struct later_request *found = *link;
    if (found == NULL)
        return;
    *link = found->next;
    session->later_count--;
    int status = session_explain(packet, found->operation);
    found->done(status, &packet->message, found->context);
    free(found);
}

void session_later_forget(struct grove_session *session) {
    while (session->later_requests != NULL) {
        struct later_request *request = session->later_requests;
        session->later_requests = request->next;
        free(request);
    }
    session->later_count = 0;
}
