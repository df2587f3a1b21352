/*
 * Publishing: emit, publish, flush.
 *
 * One publication is one record: a head, the subject, where to answer, headers and data. Larger ones lend headers and data
 * instead. What may not wait is dropped and counted; the count goes with the next one that gets through.
 */
#include "lib/bus/publication.h"

#include <stdlib.h>
#include <string.h>

/* What does not fit a small part of the lane is lent. */
#define IN_LANE_MAX 4096u

struct publication {
    struct grove_bus_publication head;
    struct bus_part parts[5];
    size_t content_bytes;
};

/* Most publications are on the subject of the one before, which has been looked at. */
static int check_subject(struct bus_client *client, const char *subject, uint16_t *length_bytes) {
    if (subject == NULL)
        return subject_length(subject, length_bytes); /* says what is wrong */
    if (client->subject_bytes == 0 || strcmp(subject, client->subject) != 0) {
        uint16_t new_bytes = 0;
        int status = subject_length(subject, &new_bytes);
        if (status < 0)
            return status;
        memcpy(client->subject, subject, new_bytes + 1u);
        client->subject_bytes = new_bytes;
        client->is_permitted = false;
        client->direct = client->directs != NULL ? bus_direct_of(client, subject) : NULL;
    }
    *length_bytes = client->subject_bytes;
    return 0;
}

static int check(struct bus_client *client, const struct grove_publish *publish, uint16_t *subject_bytes,
                 uint16_t *reply_bytes) {
    *reply_bytes = 0;
    int status = check_subject(client, publish->subject, subject_bytes);
    if (status == 0 && publish->reply_to != NULL)
        status = subject_length(publish->reply_to, reply_bytes);
    if (status < 0)
        return status;
    if ((publish->data == NULL && publish->length_bytes > 0) ||
        (publish->headers == NULL && publish->headers_bytes > 0))
        return error_set(GROVE_INVALID, "an event of %zu bytes came without data", publish->length_bytes);
    if (publish->length_bytes > GROVE_BUS_DATA_MAX ||
        publish->headers_bytes > GROVE_BUS_DATA_MAX - publish->length_bytes)
        return error_set(GROVE_TOO_LARGE,
                         "an event of %zu bytes is larger than %u: send a region, or where it is stored",
                         publish->length_bytes + publish->headers_bytes, GROVE_BUS_DATA_MAX);
    return 0;
}

static int describe(struct bus_client *client, const struct grove_publish *publish, struct publication *publication) {
    uint16_t subject_bytes = 0, reply_bytes = 0;
    int status = check(client, publish, &subject_bytes, &reply_bytes);
    if (status < 0)
        return status;
    publication->head = (struct grove_bus_publication){.version = GROVE_BUS_PROTOCOL_VERSION,
                                                       .subject_bytes = subject_bytes,
                                                       .reply_bytes = reply_bytes,
                                                       .headers_bytes = (uint32_t)publish->headers_bytes,
                                                       .data_bytes = (uint32_t)publish->length_bytes,
                                                       .dropped = (uint32_t)client->dropped_untold};
    publication->parts[0] = (struct bus_part){&publication->head, sizeof publication->head};
    publication->parts[1] = (struct bus_part){publish->subject, subject_bytes};
    publication->parts[2] = (struct bus_part){publish->reply_to, reply_bytes};
    publication->parts[3] = (struct bus_part){publish->headers, publish->headers_bytes};
    publication->parts[4] = (struct bus_part){publish->data, publish->length_bytes};
    publication->content_bytes = publish->length_bytes + publish->headers_bytes;
    return 0;
}

static int lend(struct grove_channel *channel, const struct publication *publication, uint64_t timeout_ns,
                struct grove_loan *loan) {
    int status = grove_loan(channel, publication->content_bytes, timeout_ns, loan);
    if (status < 0)
        return status;
    if (publication->parts[3].length_bytes > 0)
        memcpy(loan->data, publication->parts[3].data, publication->parts[3].length_bytes);
    if (publication->parts[4].length_bytes > 0)
        memcpy((uint8_t *)loan->data + publication->parts[3].length_bytes, publication->parts[4].data,
               publication->parts[4].length_bytes);
    return 0;
}

/* timeout_ns 0: do not wait. */
static int send(struct bus_client *client, enum bus_channel which, enum grove_lane lane, uint32_t method,
                struct publication *publication, uint64_t timeout_ns) {
    struct grove_channel *channel = NULL;
    struct grove_loan loan;
    bool is_lent = publication->content_bytes > IN_LANE_MAX;
    int status = bus_channel(client, which, &channel);
    if (status == 0 && is_lent)
        status = lend(channel, publication, timeout_ns == 0 ? 1 : timeout_ns, &loan);
    if (status < 0)
        return status;
    if (is_lent)
        publication->head.flags |= GROVE_BUS_IN_SLICE;
    status = bus_send(channel, lane, method, publication->parts, is_lent ? 3 : 5, timeout_ns, is_lent ? &loan : NULL);
    if (status < 0 && is_lent)
        grove_loan_return(&loan);
    if (status == 0)
        client->dropped_untold -= publication->head.dropped;
    return status;
}

/* Into a ring of this session's own, if there is one for it. 1: it is there and needs the bus no more. */
static int publish_direct(struct bus_client *client, const struct grove_publish *publish, uint32_t *flags) {
    uint16_t subject_bytes = 0, reply_bytes = 0;
    enum bus_way way;
    int status = check(client, publish, &subject_bytes, &reply_bytes);
    *flags = 0;
    if (status < 0 || client->direct == NULL)
        return status;
    status = bus_direct_write(client->direct, publish, subject_bytes, reply_bytes, &way);
    *flags = way == BUS_WAY_BOTH ? GROVE_BUS_IN_RING : 0;
    return status < 0 || way != BUS_WAY_RING ? status : 1;
}

/* At most once by the bus; what its ring had before is said to be before it. */
static int send_at_most_once(struct bus_client *client, enum grove_lane lane, struct publication *publication,
                             uint32_t flags, uint64_t timeout_ns) {
    int status = client->direct != NULL ? bus_direct_tell(client->direct, lane, timeout_ns) : 0;
    publication->head.flags = flags;
    return status < 0 ? status : send(client, BUS_MAIN, lane, GROVE_BUS_EMIT, publication, timeout_ns);
}

static int emit(struct bus_client *client, const struct grove_publish *publish, enum grove_lane lane) {
    struct publication publication;
    uint32_t flags = 0;
    int status = client->directs != NULL ? publish_direct(client, publish, &flags) : 0;
    if (status > 0)
        return 0;
    if (status == 0)
        status = describe(client, publish, &publication);
    if (status == 0)
        status = send_at_most_once(client, lane, &publication, flags, 0);
    if (status < 0) {
        client->dropped++;
        client->dropped_untold += client->dropped_untold < UINT32_MAX;
    }
    return status;
}

int grove_bus_emit(const char *subject, const void *data, size_t length_bytes) {
    struct bus_client *client = NULL;
    int status = bus_client_of(NULL, &client);
    if (status < 0)
        return status;
    return emit(client, &(struct grove_publish){.subject = subject, .data = data, .length_bytes = length_bytes},
                GROVE_LANE_MEDIUM);
}

/* ---- with a promise ---- */

static enum grove_lane lane_of(const struct bus_client *client, enum grove_priority priority) {
    if (priority != GROVE_PRIORITY_INHERIT)
        return (enum grove_lane)(priority - GROVE_PRIORITY_HIGH);
    return client->session->is_handling ? client->session->inherited_lane : GROVE_LANE_MEDIUM;
}

/* The first publication on a subject, which has been checked, asks, so that whoever may not publish it hears why. */
static int ask(struct bus_client *client, uint64_t timeout_ns) {
    struct {
        struct grove_bus_text head;
        char text[GROVE_SUBJECT_MAX + 1];
    } question = {.head.version = GROVE_BUS_PROTOCOL_VERSION};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (unsigned i = 0; i < client->subject_bytes; i++)
        hash = (hash ^ (uint8_t)client->subject[i]) * UINT64_C(0x100000001b3);
    uint64_t *place = &client->permitted[hash % BUS_PERMITTED];
    int status = 0;
    question.head.length_bytes = client->subject_bytes;
    memcpy(question.text, client->subject, client->subject_bytes);
    if (*place != hash)
        status = bus_call(client, GROVE_BUS_MAY_PUBLISH, &question, sizeof question.head + client->subject_bytes, NULL,
                          0, timeout_ns);
    if (status < 0)
        return status;
    *place = hash;
    client->is_permitted = true;
    return 0;
}

static int check_priority(const struct grove_publish *publish) {
    if ((unsigned)publish->priority > GROVE_PRIORITY_LOW || (unsigned)publish->quality > GROVE_BUS_DURABLE)
        return error_set(GROVE_INVALID, "there is no priority %u, or no quality %u", (unsigned)publish->priority,
                         (unsigned)publish->quality);
    if (publish->timeout_ns == GROVE_FOREVER)
        return error_set(GROVE_INVALID, "publishing needs a deadline: give a timeout_ns, or 0 for 5 s");
    return 0;
}

static int publish_durable(struct bus_client *client, const struct grove_publish *publish, uint64_t timeout_ns);

int grove_bus_publish(const struct grove_publish *publish) {
    struct bus_client *client = NULL;
    struct publication publication;
    int status = check_priority(publish);
    if (status == 0)
        status = bus_client_of(publish->session, &client);
    if (status < 0)
        return status;
    uint64_t timeout_ns = publish->timeout_ns != 0 ? publish->timeout_ns : 5 * GROVE_SECOND;
    if (publish->quality == GROVE_BUS_DURABLE)
        return publish_durable(client, publish, timeout_ns);
    bool is_kept = publish->quality == GROVE_BUS_AT_LEAST_ONCE;
    uint32_t flags = 0;
    status = !is_kept && client->directs != NULL ? publish_direct(client, publish, &flags) : 0;
    if (status > 0)
        return 0;
    if (status == 0)
        status = describe(client, publish, &publication);
    if (status == 0 && !client->is_permitted)
        status = ask(client, timeout_ns);
    if (status < 0)
        return status;
    enum grove_lane lane = lane_of(client, publish->priority);
    return is_kept ? send(client, BUS_DEFERRED, lane, GROVE_BUS_PUBLISH, &publication, timeout_ns)
                   : send_at_most_once(client, lane, &publication, flags, timeout_ns);
}

/* ---- durable: acknowledged ---- */

struct started {
    grove_published_handler *done;
    void *context;
};

static int read_receipt(const struct grove_answer *answer, struct grove_published *receipt) {
    if (answer->length_bytes < sizeof *receipt)
        return error_set(GROVE_CORRUPT, "the bus gave too short an answer");
    memcpy(receipt, answer->data, sizeof *receipt);
    return 0;
}

static void acknowledged(int status, const struct grove_answer *answer, void *context) {
    struct started *started = context;
    struct grove_published receipt;
    if (status == 0)
        status = read_receipt(answer, &receipt);
    started->done(status, status == 0 ? &receipt : NULL, started->context);
    free(started);
}

/* The bytes of a call, in one piece; large content is lent. */
static int assemble(struct grove_channel *channel, struct publication *publication, uint64_t timeout_ns,
                    struct grove_call *call, struct grove_loan *loan) {
    bool is_lent = publication->content_bytes > IN_LANE_MAX;
    unsigned parts = is_lent ? 3 : 5;
    size_t length_bytes = 0;
    int status = is_lent ? lend(channel, publication, timeout_ns, loan) : 0;
    if (status < 0)
        return status;
    publication->head.flags = is_lent ? GROVE_BUS_IN_SLICE : 0;
    for (unsigned i = 0; i < parts; i++)
        length_bytes += publication->parts[i].length_bytes;
    uint8_t *bytes = malloc(length_bytes), *at = bytes;
    if (bytes == NULL && is_lent)
        grove_loan_return(loan);
    if (bytes == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for an event");
    for (unsigned i = 0; i < parts; i++) {
        if (publication->parts[i].length_bytes > 0)
            memcpy(at, publication->parts[i].data, publication->parts[i].length_bytes);
        at += publication->parts[i].length_bytes;
    }
    call->data = bytes;
    call->length_bytes = length_bytes;
    call->loan = is_lent ? loan : NULL;
    return 0;
}

int bus_publication_call(struct bus_client *client, enum bus_channel which, uint32_t method,
                         const struct grove_publish *publish, struct grove_answer *answer, grove_answer_handler *done,
                         void *context) {
    struct publication publication;
    struct grove_channel *channel = NULL;
    struct grove_loan loan = {0};
    struct grove_call call = {.method = method,
                              .priority =
                                  (enum grove_priority)(lane_of(client, publish->priority) + GROVE_PRIORITY_HIGH),
                              .timeout_ns = publish->timeout_ns != 0 ? publish->timeout_ns : 5 * GROVE_SECOND};
    int status = check_priority(publish);
    if (status == 0)
        status = describe(client, publish, &publication);
    if (status == 0)
        status = bus_channel(client, which, &channel);
    if (status == 0)
        status = assemble(channel, &publication, call.timeout_ns, &call, &loan);
    if (status < 0)
        return status;
    status = done != NULL ? grove_call_start(channel, &call, done, context) : grove_call(channel, &call, answer);
    /* A call that failed after it was sent has given its loan away; one that was not sent has it still. */
    if (status < 0 && call.loan != NULL && loan.data != NULL)
        grove_loan_return(&loan);
    free((void *)(uintptr_t)call.data);
    return status;
}

static int publish_durable(struct bus_client *client, const struct grove_publish *publish, uint64_t timeout_ns) {
    struct grove_answer answer;
    struct grove_published receipt;
    struct grove_publish timed = *publish;
    timed.timeout_ns = timeout_ns;
    int status = bus_publication_call(client, BUS_DEFERRED, GROVE_BUS_PUBLISH_DURABLE, &timed, &answer, NULL, NULL);
    if (status < 0)
        return status;
    status = read_receipt(&answer, &receipt);
    grove_answer_release(&answer);
    if (status == 0 && publish->receipt != NULL)
        *publish->receipt = receipt;
    return status;
}

int grove_bus_publish_start(const struct grove_publish *publish, grove_published_handler *done, void *context) {
    struct bus_client *client = NULL;
    if (done == NULL || publish->quality != GROVE_BUS_DURABLE)
        return error_set(GROVE_INVALID, "only a durable event is waited for, and it needs a handler");
    int status = bus_client_of(publish->session, &client);
    struct started *started = status == 0 ? malloc(sizeof *started) : NULL;
    if (started == NULL)
        return status < 0 ? status : error_set(GROVE_NO_MEMORY, "no memory is left to wait for an event");
    *started = (struct started){.done = done, .context = context};
    status =
        bus_publication_call(client, BUS_DEFERRED, GROVE_BUS_PUBLISH_DURABLE, publish, NULL, acknowledged, started);
    if (status < 0)
        free(started);
    return status;
}

int bus_answer_to(struct bus_client *client, const struct grove_publish *publish) {
    struct publication publication;
    int status = describe(client, publish, &publication);
    return status < 0 ? status
                      : send(client, BUS_MAIN, lane_of(client, publish->priority), GROVE_BUS_PUBLISH, &publication,
                             5 * GROVE_SECOND);
}

/* ---- all that was sent ---- */

int grove_bus_flush(struct grove_session *session, uint64_t timeout_ns) {
    struct bus_client *client = NULL;
    uint64_t deadline_ns = deadline_after(timeout_ns);
    int status = bus_client_of(session, &client);
    for (unsigned which = BUS_MAIN; status == 0 && which <= BUS_DEFERRED; which++) {
        uint64_t now_ns = grove_now_ns();
        if (client->channels[which] != NULL)
            status = grove_channel_flush(client->channels[which], deadline_ns > now_ns ? deadline_ns - now_ns : 1);
    }
    return status;
}

uint64_t grove_bus_dropped(struct grove_session *session) {
    struct bus_client *client = NULL;
    return bus_client_of(session, &client) < 0 ? 0 : client->dropped;
}
