/*
 * The client end: connecting, calling, sending.
 *
 * A call publishes its request and waits until client_take has brought the answer: by looking again while the peer is at
 * work on another processor, else by sleeping on one word. Nothing is allocated for a synchronous call. A server that
 * dies meanwhile changes nothing here: the request stays in the lane, and its next instance takes it from there.
 *
 * While this end waits for room on the way out it takes what comes in, so that two ends that both have much to say do
 * not stop each other.
 */
#include "lib/session/client.h"
#include "lib/session/copy.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_NS (5 * GROVE_SECOND)
#define ROUNDS_BETWEEN_CLOCKS 16u

static const char *const lane_names[GROVE_LANES] = {"high", "medium", "low"};

/* ---- owner of the attachment ---- */

static struct grove_channel *channel_of(struct attachment *attachment) {
    return (struct grove_channel *)attachment;
}

static enum channel_sleep client_waits_for(const struct attachment *attachment) {
    const struct grove_channel *channel = (const struct grove_channel *)attachment;
    bool is_wanted = channel->async_count > 0 || (attachment->is_resumed && channel->on_orphan != NULL);
    return is_wanted ? CHANNEL_FOR_RECORDS : 0;
}

static bool client_work(struct attachment *attachment, enum grove_lane lane) {
    struct grove_channel *channel = channel_of(attachment);
    if (client_tell_one(channel))
        return true;
    client_enter(channel);
    bool has_taken = client_take(channel, lane);
    if (!has_taken && lane == GROVE_LANE_LOW && client_is_usable(channel) < 0)
        client_give_up(channel, client_is_usable(channel));
    bool has_told = client_tell_one(channel);
    client_leave(channel);
    return has_taken || has_told;
}

static uint64_t client_expire(struct attachment *attachment, uint64_t now_ns) {
    uint64_t next_ns = GROVE_FOREVER;
    for (struct pending_call *call = channel_of(attachment)->calls; call != NULL; call = call->next) {
        if (call->done == NULL || call->state != CALL_WAITING)
            continue;
        if (call->deadline_ns <= now_ns) {
            call->state = CALL_GIVEN_UP;
            call->status = GROVE_TIMED_OUT;
            attachment_activate(attachment);
        } else if (call->deadline_ns < next_ns) {
            next_ns = call->deadline_ns;
        }
    }
    return next_ns;
}

const struct attachment_owner client_owner = {
    .waits_for = client_waits_for,
    .work = client_work,
    .expire = client_expire,
};

/* ---- connecting and closing ---- */

static int request_channel(struct grove_session *session, const struct grove_name *endpoint,
                           const struct grove_connect_options *options, struct grove_channel_reply *reply,
                           int objects[2]) {
    struct grove_message message = {.operation = GROVE_REQUEST_CHANNEL_CONNECT};
    message.body.connect.endpoint = *endpoint;
    message.body.connect.deadline_ns = deadline_after(DEFAULT_TIMEOUT_NS);
    if (options != NULL) {
        message.body.connect.tag = options->tag;
        message.body.connect.arena_bytes = options->arena_bytes;
        memcpy(message.body.connect.lane_bytes, options->lane_bytes, sizeof options->lane_bytes);
    }
    unsigned count = 2;
    int status = grove_kernel_request(session, &message, NULL, 0, objects, &count, DEFAULT_TIMEOUT_NS);
    if (status == GROVE_NOT_FOUND)
        return error_set(status,
                         "no service provides the endpoint %s: look at `grove ps`, or start one that provides it",
                         endpoint->text);
    if (status < 0)
        return status;
    for (unsigned i = count; i < 2; i++)
        objects[i] = -1;
    *reply = message.body.channel;
    return 0;
}

int grove_connect_with(const char *endpoint, const struct grove_connect_options *options,
                       struct grove_channel **channel) {
    struct grove_session *session;
    struct grove_name name;
    struct grove_channel_reply reply;
    int objects[2];
    int status = session_or_default(options != NULL ? options->session : NULL, &session);
    if (status == 0)
        status = session_full_name(session, endpoint, &name);
    struct grove_channel *opened = status == 0 ? calloc(1, sizeof *opened) : NULL;
    if (status == 0 && opened == NULL)
        status = error_set(GROVE_NO_MEMORY, "no memory is left for a channel");
    if (status == 0)
        status = request_channel(session, &name, options, &reply, objects);
    if (status == 0) {
        reply.role = GROVE_ROLE_CLIENT;
        status = attachment_init(&opened->base, session, &client_owner, &reply, objects[0], objects[1]);
    }
    if (status != 0 || opened == NULL) {
        free(opened);
        return status;
    }
    opened->endpoint = name;
    opened->calls_tail = &opened->calls;
    opened->first_number = ((const struct grove_control *)opened->base.own)->next_number;
    *channel = opened;
    return 0;
}

int grove_connect(const char *endpoint, struct grove_channel **channel) {
    return grove_connect_with(endpoint, NULL, channel);
}

void client_enter(struct grove_channel *channel) {
    channel->depth++;
}

void client_leave(struct grove_channel *channel) {
    if (--channel->depth > 0 || !channel->is_closing)
        return;
    attachment_deinit(&channel->base, true);
    free(channel);
}

void grove_channel_close(struct grove_channel *channel) {
    if (channel == NULL || channel->is_closing)
        return;
    client_enter(channel);
    channel->is_closing = true;
    client_give_up(channel, GROVE_CANCELLED);
    while (client_tell_one(channel))
        continue;
    client_leave(channel);
}

bool grove_channel_is_resumed(const struct grove_channel *channel) {
    return channel->base.is_resumed;
}

void grove_channel_on_orphan(struct grove_channel *channel, grove_orphan_handler *handler, void *context) {
    channel->on_orphan = handler;
    channel->on_orphan_context = context;
    attachment_activate(&channel->base);
}

/* ---- sending ---- */

int client_is_usable(const struct grove_channel *channel) {
    if (channel->base.status < 0)
        return channel->base.status;
    if (channel->is_closing)
        return GROVE_CANCELLED;
    return channel->base.is_peer_gone ? GROVE_CLOSED : 0;
}

/* What the kernel has said meanwhile may be about this channel. */
static int read_news(struct grove_session *session) {
    return session_has_news(session) ? session_read(session) : 0;
}

static int usable_or_sentence(const struct grove_channel *channel) {
    int status = client_is_usable(channel);
    return status == 0 ? 0
                       : error_set(status,
                                   status == GROVE_CORRUPT ? "the channel to %s is closed: it broke the protocol"
                                                           : "%s is gone and will not come back",
                                   channel->endpoint.text);
}

int client_resolve(const struct grove_session *session, const struct grove_call *call, enum grove_lane *lane,
                   uint64_t *deadline_ns) {
    if ((unsigned)call->priority > GROVE_PRIORITY_LOW)
        return error_set(GROVE_INVALID, "there is no priority %u", (unsigned)call->priority);
    if (call->timeout_ns == GROVE_FOREVER)
        return error_set(GROVE_INVALID, "a call needs a deadline: give a timeout_ns, or 0 for 5 s");
    if (call->data == NULL && call->length_bytes > 0)
        return error_set(GROVE_INVALID, "a call of %zu bytes came without data", call->length_bytes);
    if (call->priority != GROVE_PRIORITY_INHERIT)
        *lane = (enum grove_lane)(call->priority - GROVE_PRIORITY_HIGH);
    else
        *lane = session->is_handling ? session->inherited_lane : GROVE_LANE_MEDIUM;
    if (call->timeout_ns == 0 && session->is_handling && session->inherited_deadline_ns != 0)
        *deadline_ns = session->inherited_deadline_ns;
    else
        *deadline_ns = deadline_after(call->timeout_ns != 0 ? call->timeout_ns : DEFAULT_TIMEOUT_NS);
    return 0;
}

static bool take_all(struct grove_channel *channel) {
    bool has_taken = false;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        while (client_take(channel, (enum grove_lane)lane))
            has_taken = true;
    return has_taken;
}

int client_wait_for_room(struct grove_channel *channel, uint64_t deadline_ns) {
    take_all(channel);
    int status = client_is_usable(channel);
    if (status < 0)
        return status;
    status = session_wait_one(&channel->base, CHANNEL_FOR_BOTH, deadline_ns);
    if (status == 0 && grove_now_ns() >= deadline_ns)
        status = GROVE_TIMED_OUT;
    return status;
}

static int no_room(struct grove_channel *channel, enum grove_lane lane, size_t length_bytes, int status) {
    switch (status) {
    case GROVE_TOO_LARGE:
        return error_set(status, "%zu bytes do not fit the %s lane to %s: send them as a loan (grove_loan)",
                         length_bytes, lane_names[lane], channel->endpoint.text);
    case GROVE_TIMED_OUT:
        return error_set(GROVE_EXHAUSTED, "the %s lane to %s stayed full until the deadline: it does not keep up",
                         lane_names[lane], channel->endpoint.text);
    case GROVE_CORRUPT:
        attachment_fail(&channel->base, status);
        return usable_or_sentence(channel);
    case GROVE_CLOSED:
    case GROVE_CANCELLED:
        return usable_or_sentence(channel);
    default:
        return status;
    }
}

static inline int try_reserve(struct grove_channel *channel, enum grove_lane lane, size_t payload_bytes,
                              const struct grove_trace_context *span, struct grove_record **record) {
    return span == NULL ? channel_end_reserve(channel->base.end, lane, payload_bytes, record)
                        : channel_end_reserve_traced(channel->base.end, lane, payload_bytes, span, record);
}

static int reserve(struct grove_channel *channel, enum grove_lane lane, size_t payload_bytes, uint64_t deadline_ns,
                   const struct grove_trace_context *span, struct grove_record **record) {
    int status = try_reserve(channel, lane, payload_bytes, span, record);
    while (status == GROVE_AGAIN) {
        status = client_wait_for_room(channel, deadline_ns);
        if (status == 0)
            status = try_reserve(channel, lane, payload_bytes, span, record);
    }
    return status < 0 ? no_room(channel, lane, payload_bytes, status) : 0;
}

static void fill(struct grove_record *record, const struct grove_call *call, const struct grove_slice *slice) {
    uint8_t *payload = (uint8_t *)(record + 1);
    record->flags = 0;
    record->slices = 0;
    if (slice != NULL) {
        record->flags = GROVE_RECORD_SLICES;
        record->slices = 1;
        memcpy(payload, slice, sizeof *slice);
        payload += sizeof *slice;
    }
    copy_bytes(payload, call->data, call->length_bytes);
}

/* Publish one request. With `pending` it is a call, listed before its request can be answered. */
static int send_record(struct grove_channel *channel, const struct grove_call *call, enum grove_lane lane,
                       uint64_t deadline_ns, struct pending_call *pending) {
    struct grove_session *session = channel->base.session;
    struct grove_slice slice;
    struct grove_trace_context span;
    int status = read_news(session);
    if (status == 0)
        status = usable_or_sentence(channel);
    if (status == 0 && call->loan != NULL)
        status = loan_to_slice(call->loan, &channel->base, &slice);
    if (status < 0)
        return status;
    size_t payload_bytes = call->length_bytes + (call->loan != NULL ? sizeof slice : 0);
    struct grove_record *record;
    bool is_traced = trace_is_on(session);
    if (is_traced)
        span = trace_new_span(session);
    status = reserve(channel, lane, payload_bytes, deadline_ns, is_traced ? &span : NULL, &record);
    if (status < 0)
        return status;
    fill(record, call, call->loan != NULL ? &slice : NULL);
    if (is_traced)
        record->flags |= GROVE_RECORD_TRACED;
    uint64_t number = channel_end_next_number(channel->base.end);
    record->number = number;
    record->method = call->method;
    record->kind = pending != NULL ? GROVE_RECORD_CALL : GROVE_RECORD_MESSAGE;
    record->deadline_ns = pending != NULL ? deadline_ns : 0; /* one way is delivered, however late */
    if (pending != NULL) {
        pending->number = number;
        pending->deadline_ns = deadline_ns;
        client_list_call(channel, pending);
    }
    if (is_traced) /* before the other end can report that it took it */
        trace_report(&channel->base, GROVE_TRACE_SENT, record, lane, &span, session->span.span);
    if (pending != NULL && pending->done == NULL) /* it is waited for next */
        attachment_publish_and_wait(&channel->base, lane);
    else
        attachment_publish(&channel->base, lane);
    if (call->loan != NULL)
        loan_passed_on(call->loan);
    return 0;
}

int grove_send(struct grove_channel *channel, const struct grove_call *call) {
    enum grove_lane lane = GROVE_LANE_MEDIUM;
    uint64_t deadline_ns = 0;
    int status = client_resolve(channel->base.session, call, &lane, &deadline_ns);
    if (status < 0)
        return status;
    client_enter(channel);
    status = send_record(channel, call, lane, deadline_ns, NULL);
    client_leave(channel);
    return status;
}

/* ---- calling ---- */

/* Look for the answer: first where it must come, then, to serve the others, in every lane. */
static bool look(struct grove_channel *channel, const struct pending_call *call, enum grove_lane lane) {
    while (call->state == CALL_WAITING && client_take(channel, lane))
        continue;
    if (call->state == CALL_WAITING)
        take_all(channel);
    return call->state != CALL_WAITING;
}

static bool look_again(struct grove_channel *channel, const struct pending_call *call, enum grove_lane lane) {
    struct attachment *base = &channel->base;
    struct spin_turn turn;
    uint32_t processor = spin_processor();
    channel_end_set_processor(base->end, processor);
    if (!spin_begin(&base->spin, processor, channel_end_peer_processor(base->end), &turn))
        return false;
    session_settle(base->session);
    bool has_paid;
    do {
        while (call->state == CALL_WAITING && channel_end_has_record(base->end, lane) && client_take(channel, lane))
            continue;
        has_paid = call->state != CALL_WAITING;
    } while (!has_paid && spin_goes_on(&turn));
    spin_end(&base->spin, has_paid);
    return has_paid;
}

static int await_answer(struct grove_channel *channel, struct pending_call *call, enum grove_lane lane) {
    for (unsigned round = 1; !look(channel, call, lane); round++) {
        int status = client_is_usable(channel);
        if (status == 0 && look_again(channel, call, lane))
            break;
        if (status == 0)
            status = session_wait_one(&channel->base, CHANNEL_FOR_RECORDS, call->deadline_ns);
        if (status == 0 && round % ROUNDS_BETWEEN_CLOCKS == 0 && grove_now_ns() >= call->deadline_ns)
            status = GROVE_TIMED_OUT; /* a peer that keeps waking us for nothing must not hold us */
        if (status < 0)
            return status;
    }
    return call->state == CALL_GIVEN_UP ? call->status : 0;
}

static int no_answer(const struct grove_channel *channel, const struct grove_call *call, int status) {
    if (status == GROVE_TIMED_OUT)
        return error_set(status, "%s did not answer method %u in time", channel->endpoint.text, call->method);
    if (status == GROVE_IO)
        return status;
    if (status == GROVE_CLOSED && channel->base.session->is_closed)
        return error_set(status, "the kernel has closed this program's port");
    return usable_or_sentence(channel);
}

int grove_call(struct grove_channel *channel, const struct grove_call *call, struct grove_answer *answer) {
    enum grove_lane lane = GROVE_LANE_MEDIUM;
    struct pending_call pending;
    uint64_t deadline_ns = 0;
    int status = client_resolve(channel->base.session, call, &lane, &deadline_ns);
    if (status < 0)
        return status;
    client_call_init(&pending, NULL, NULL);
    client_enter(channel);
    status = send_record(channel, call, lane, deadline_ns, &pending);
    if (status == 0) {
        status = await_answer(channel, &pending, lane);
        session_settle(channel->base.session);
        client_unlist_call(channel, &pending);
        if (status < 0)
            status = no_answer(channel, call, status);
        else {
            struct grove_answer unwanted;
            status = client_read_answer(channel, &pending.taken, answer != NULL ? answer : &unwanted);
            if (status == 0 && answer == NULL)
                grove_answer_release(&unwanted);
        }
    }
    client_leave(channel);
    return status;
}

int grove_call_start(struct grove_channel *channel, const struct grove_call *call, grove_answer_handler *done,
                     void *context) {
    enum grove_lane lane = GROVE_LANE_MEDIUM;
    uint64_t deadline_ns = 0;
    int status = client_resolve(channel->base.session, call, &lane, &deadline_ns);
    if (status < 0)
        return status;
    if (done == NULL)
        return error_set(GROVE_INVALID, "a call that is not waited for needs a handler for its answer");
    if (channel->async_count >= CLIENT_CALLS_MAX)
        return error_set(GROVE_EXHAUSTED, "%u calls to %s wait for their answers already", CLIENT_CALLS_MAX,
                         channel->endpoint.text);
    struct pending_call *pending = malloc(sizeof *pending);
    if (pending == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for a call");
    client_call_init(pending, done, context);
    pending->span = channel->base.session->span;
    client_enter(channel);
    status = send_record(channel, call, lane, deadline_ns, pending);
    if (status < 0)
        free(pending);
    else
        session_expires_at(channel->base.session, deadline_ns);
    attachment_activate(&channel->base);
    client_leave(channel);
    return status;
}

/* ---- what is under way ---- */

int grove_channel_pending(struct grove_channel *channel, enum grove_lane lane, uint64_t *bytes) {
    if ((unsigned)lane >= GROVE_LANES)
        return error_set(GROVE_INVALID, "there is no lane %u", (unsigned)lane);
    int status = channel_end_pending(channel->base.end, lane, bytes);
    return status < 0 ? no_room(channel, lane, 0, status) : 0;
}

static int pending_in_all(struct grove_channel *channel, uint64_t *bytes) {
    *bytes = 0;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++) {
        uint64_t in_lane = 0;
        int status = channel_end_pending(channel->base.end, (enum grove_lane)lane, &in_lane);
        if (status < 0)
            return status;
        *bytes += in_lane;
    }
    return 0;
}

int grove_channel_flush(struct grove_channel *channel, uint64_t timeout_ns) {
    uint64_t deadline_ns = deadline_after(timeout_ns), bytes = 0;
    client_enter(channel);
    int status = pending_in_all(channel, &bytes);
    while (status == 0 && bytes > 0) {
        status = client_wait_for_room(channel, deadline_ns);
        if (status == 0)
            status = pending_in_all(channel, &bytes);
    }
    if (status == GROVE_TIMED_OUT)
        error_set(status, "%s has not handled all that was sent in time: %llu bytes are left", channel->endpoint.text,
                  (unsigned long long)bytes);
    else if (status < 0)
        status = no_room(channel, GROVE_LANE_LOW, 0, status);
    client_leave(channel);
    return status;
}
