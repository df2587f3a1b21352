/*
 * One request: from the record taken to the record completed.
 *
 *     taken -> expired or answered before: completed without the handler
 *           -> handler -> answered (by the handler, or for it) -> completed
 *                      -> deferred -> grove_request_finish -> completed
 *
 * The record is completed last, after its reply is published. A crash at any point before leaves it in the lane, and the
 * next instance gets it again: marked as redelivered, or, once the reply is published, as answered. A one-way message has
 * no deadline: it was accepted, so it is delivered, however late.
 */
#include "lib/service/service.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- memory: requests are reused, so that a message costs no allocation ---- */

bool requests_reserve(struct grove_service *service) {
    if (service->free_requests != NULL)
        return true;
    struct grove_request *made = malloc(sizeof *made);
    service->is_short_of_requests = made == NULL;
    if (made == NULL)
        return false;
    made->next_free = NULL;
    service->free_requests = made;
    return true;
}

static void request_put(struct grove_request *request) {
    struct grove_service *service = request->channel->service;
    request->state = REQUEST_FREE;
    request->next_free = service->free_requests;
    service->free_requests = request;
    if (!service->is_short_of_requests)
        return;
    service->is_short_of_requests = false;
    for (struct attachment *at = service->session->attachments; at != NULL; at = at->next)
        attachment_activate(at);
}

void requests_free(struct grove_service *service) {
    while (service->free_requests != NULL) {
        struct grove_request *request = service->free_requests;
        service->free_requests = request->next_free;
        free(request);
    }
}

/* ---- completing ---- */

static void complete_taken(struct client_channel *channel, const struct channel_taken *taken) {
    trace_taken(&channel->base, GROVE_TRACE_COMPLETED, taken); /* before: completed, the record may be gone */
    attachment_complete(&channel->base, taken);
}

void request_complete(struct grove_request *request) {
    struct client_channel *channel = request->channel;
    complete_taken(channel, &request->taken);
    request_put(request);
    client_channel_unuse(channel);
}

/* ---- handling ---- */

static const struct method *find_method(const struct served_endpoint *endpoint, uint32_t number) {
    unsigned first = 0, end = endpoint->method_count;
    while (first < end) {
        unsigned middle = first + (end - first) / 2;
        if (endpoint->methods[middle].number < number)
            first = middle + 1;
        else
            end = middle;
    }
    if (first < endpoint->method_count && endpoint->methods[first].number == number)
        return &endpoint->methods[first];
    /* GROVE_METHOD_ANY is the largest number, so it stands last. */
    const struct method *last = endpoint->method_count > 0 ? &endpoint->methods[endpoint->method_count - 1] : NULL;
    return last != NULL && last->number == GROVE_METHOD_ANY ? last : NULL;
}

static int call_handler(struct grove_request *request) {
    struct grove_session *session = request->channel->service->session;
    const struct channel_taken *taken = &request->taken;
    const struct method *method = find_method(request->channel->endpoint, taken->header.method);
    if (method == NULL) {
        char sentence[160];
        snprintf(sentence, sizeof sentence, "the endpoint %s has no method %u", request->channel->endpoint->name.text,
                 taken->header.method);
        return request->wants_reply ? reply_error(request, GROVE_NOT_FOUND, sentence) : GROVE_NOT_FOUND;
    }
    if (taken->header.flags != 0 && !channel_taken_trace(taken, &session->span))
        session->span = (struct grove_trace_context){0};
    session->is_handling = true;
    session->inherited_lane = (enum grove_lane)taken->lane;
    session->inherited_deadline_ns = request->wants_reply ? taken->header.deadline_ns : 0;
    int status = method->handler(request, method->context);
    session->is_handling = false;
    if (session->span.trace != 0)
        session->span = (struct grove_trace_context){0};
    return status;
}

static void answer_for_handler(struct grove_request *request, int status) {
    if (!request->wants_reply) {
        if (status < 0)
            fprintf(stderr, "grove: method %u of %s failed on a one-way message of %s: %s\n",
                    request->taken.header.method, request->channel->endpoint->name.text, request->channel->client.text,
                    grove_status_text(status));
        return;
    }
    if (request->state != REQUEST_OPEN)
        return;
    if (status < 0)
        reply_error(request, status, grove_status_text(status));
    else
        grove_reply(request, NULL, 0);
}

static void handle_now(struct grove_request *request) {
    request->is_in_handler = true;
    int status = call_handler(request);
    request->is_in_handler = false;
    if (request->is_deferred && status >= 0)
        return;
    request->is_deferred = false;
    answer_for_handler(request, status);
    if (!request->is_reply_waiting)
        request_complete(request);
}

/* Where a sleep wakes a peer as well, the client is woken with the sleep that comes next, or before the next handler. */
static void handle(struct grove_request *request) {
    struct grove_session *session = request->channel->service->session;
    session_settle(session);
    session->replies_wait = session->hands_over;
    handle_now(request);
    session->replies_wait = false;
}

static bool is_expired(const struct channel_taken *taken) {
    return taken->header.kind == GROVE_RECORD_CALL && taken->header.deadline_ns != 0 &&
           deadline_has_passed(taken->header.deadline_ns);
}

/* The payload lies behind the slices. False: the header promises more than there is. */
static bool find_payload(struct grove_request *request) {
    const struct grove_record *header = &request->taken.header;
    size_t slices_bytes = (header->flags & GROVE_RECORD_SLICES) != 0 ? header->slices * sizeof(struct grove_slice) : 0;
    if (slices_bytes > header->length_bytes)
        return false;
    request->data = (const uint8_t *)request->taken.payload + slices_bytes;
    request->length_bytes = header->length_bytes - slices_bytes;
    return true;
}

bool request_handle(struct client_channel *channel, struct grove_request *request) {
    const struct channel_taken *taken = &request->taken;
    bool is_call = taken->header.kind == GROVE_RECORD_CALL;
    if (taken->header.kind == GROVE_RECORD_CANCEL || (is_call && taken->is_answered)) {
        complete_taken(channel, taken);
        return true;
    }
    if (!is_call && taken->header.kind != GROVE_RECORD_MESSAGE)
        return false;
    trace_taken(&channel->base, GROVE_TRACE_TAKEN, taken);
    channel->service->free_requests = request->next_free;
    /* Field by field: clearing the whole structure first would be a good part of a call. */
    request->channel = channel;
    request->state = REQUEST_OPEN;
    request->wants_reply = is_call;
    request->is_in_handler = request->is_deferred = request->is_reply_waiting = false;
    if (!find_payload(request)) {
        request_put(request);
        return false;
    }
    channel->requests++;
    if (is_expired(taken)) {
        reply_error(request, GROVE_TIMED_OUT, "the deadline passed before the handler began");
        if (!request->is_reply_waiting)
            request_complete(request);
    } else {
        handle(request);
    }
    return true;
}

/* ---- deferring ---- */

int grove_request_defer(struct grove_request *request) {
    if (request->is_deferred)
        return 0; /* still */
    if (!request->is_in_handler)
        return error_set(GROVE_WRONG_STATE, "a request can be deferred in its handler only");
    request->is_deferred = true;
    return 0;
}

void grove_request_finish(struct grove_request *request) {
    if (request->is_in_handler) {
        request->is_deferred = false; /* completed as usual when the handler returns */
        return;
    }
    if (!request->is_deferred)
        return;
    request->is_deferred = false;
    answer_for_handler(request, 0);
    if (!request->is_reply_waiting)
        request_complete(request);
}

/* ---- what a handler may ask ---- */

const void *grove_request_data(const struct grove_request *request) {
    return request->data;
}

size_t grove_request_bytes(const struct grove_request *request) {
    return request->length_bytes;
}

const void *grove_request_slice(const struct grove_request *request, size_t *length_bytes) {
    const void *data = NULL;
    size_t slice_bytes = 0;
    if (request->taken.header.slices == 0 || (request->taken.header.flags & GROVE_RECORD_SLICES) == 0 ||
        channel_end_slice(request->channel->base.end, &request->taken, 0, &data, &slice_bytes) < 0)
        return NULL;
    if (length_bytes != NULL)
        *length_bytes = slice_bytes;
    return data;
}

uint32_t grove_request_method(const struct grove_request *request) {
    return request->taken.header.method;
}

enum grove_lane grove_request_lane(const struct grove_request *request) {
    return (enum grove_lane)request->taken.lane;
}

uint64_t grove_request_deadline_ns(const struct grove_request *request) {
    return request->taken.header.deadline_ns;
}

uint64_t grove_request_number(const struct grove_request *request) {
    return request->taken.header.number;
}

bool grove_request_is_redelivered(const struct grove_request *request) {
    return request->taken.is_redelivered;
}

bool grove_request_wants_reply(const struct grove_request *request) {
    return request->wants_reply;
}

const char *grove_request_client(const struct grove_request *request) {
    return request->channel->client.text;
}

grove_object_id grove_request_client_id(const struct grove_request *request) {
    return request->channel->client_id;
}

uint32_t grove_request_client_ring(const struct grove_request *request) {
    return request->channel->client_ring;
}

grove_handle grove_request_channel(const struct grove_request *request) {
    return request->channel->base.handle;
}

bool grove_request_client_runs(const struct grove_request *request) {
    const struct attachment *base = &request->channel->base;
    return base->status == 0 && !base->is_peer_gone && !channel_end_peer_is_closed(base->end);
}

grove_object_id grove_request_channel_id(const struct grove_request *request) {
    return request->channel->base.id;
}

bool grove_request_is_answered(const struct grove_request *request) {
    return request->state == REQUEST_ANSWERED && !request->is_reply_waiting;
}

int grove_region_grant_client(struct grove_region *region, struct grove_request *request, grove_object_id *id) {
    return region_grant_over(region, request->channel->base.handle, id);
}
