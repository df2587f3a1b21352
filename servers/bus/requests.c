/*
 * Request and reply: a request is an event with a reply_to of the bus's making, and a call that waits here for the first
 * answer published to that.
 *
 * The subject for the answer holds 128 random bits, so whoever knows it got it from the request: that is the right to
 * answer. After a crash the request comes again and is published again, with another subject.
 */
#include "servers/bus/points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define INBOXES_MAX 4096u
#define BUCKETS 64u

struct inbox {
    struct inbox *next;
    uint64_t token[2];
    struct grove_request *request;
    uint64_t due_ns;
};

/* "_INBOX." and the token in 32 digits, as add() writes them. */
static int find_token(const char *subject, uint64_t token[2]) {
    static const char before[] = "_INBOX.", digits[] = "0123456789abcdef";
    const char *text = subject + sizeof before - 1;
    uint64_t found[2] = {0};
    if (strncmp(subject, before, sizeof before - 1) != 0 || strspn(text, digits) != 32 || text[32] != '\0')
        return GROVE_NOT_FOUND;
    for (unsigned index = 0; index < 32; index++)
        found[index / 16] = found[index / 16] << 4 | (uint64_t)(strchr(digits, text[index]) - digits);
    token[0] = found[0];
    token[1] = found[1];
    return 0;
}

static struct inbox **bucket_of(struct bus *bus, const uint64_t token[2]) {
    return &bus->inboxes[token[0] % BUCKETS];
}

static void drop(struct inbox **place) {
    struct inbox *inbox = *place;
    *place = inbox->next;
    grove_request_finish(inbox->request);
    free(inbox);
}

/* Requests whose caller has given up are forgotten whenever another one comes. */
static unsigned drop_overdue(struct bus *bus, uint64_t now_ns) {
    unsigned count = 0;
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++)
        for (struct inbox **place = &bus->inboxes[bucket]; *place != NULL;) {
            if ((*place)->due_ns > now_ns && grove_request_client_runs((*place)->request)) {
                place = &(*place)->next;
                count++;
                continue;
            }
            (void)grove_fail((*place)->request, GROVE_TIMED_OUT, "nobody answered in time");
            drop(place);
        }
    return count;
}

static int add(struct bus *bus, struct grove_request *request, struct incoming *incoming, struct inbox ***place) {
    uint64_t now_ns = grove_now_ns(), deadline_ns = grove_request_deadline_ns(request);
    struct inbox *inbox = drop_overdue(bus, now_ns) < INBOXES_MAX ? calloc(1, sizeof *inbox) : NULL;
    if (inbox == NULL)
        return grove_fail(request, GROVE_EXHAUSTED, "%u requests wait for their answers already", INBOXES_MAX);
    if (getrandom(inbox->token, sizeof inbox->token, 0) != (ssize_t)sizeof inbox->token ||
        request_defer(bus, request) < 0) {
        free(inbox);
        return grove_fail(request, GROVE_IO, "the bus has no random numbers for a subject to answer to");
    }
    inbox->request = request;
    inbox->due_ns = deadline_ns != 0 ? deadline_ns : now_ns + 5 * GROVE_SECOND;
    int length = snprintf(incoming->reply_to, sizeof incoming->reply_to, "_INBOX.%016lx%016lx",
                          (unsigned long)inbox->token[0], (unsigned long)inbox->token[1]);
    incoming->reply_bytes = (uint16_t)length;
    struct inbox **bucket = bucket_of(bus, inbox->token);
    inbox->next = *bucket;
    *bucket = inbox;
    *place = bucket;
    return 0;
}

int on_request(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct incoming incoming;
    struct client *client;
    struct subject *subject;
    struct inbox **place = NULL;
    int status = 0;
    if (points_hold(bus, request, on_request, &status))
        return status;
    status = publish_begin(bus, request, &incoming, &client, &subject);
    if (status != 0)
        return status;
    if (subject->target_count == 0)
        return grove_fail(request, GROVE_NOT_FOUND, "nobody subscribes to %s", incoming.subject);
    status = add(bus, request, &incoming, &place);
    if (status < 0)
        return status;
    status = publish_event(bus, client, subject, &incoming, 0);
    if (status < 0) {
        (void)grove_fail(request, status, "the bus has no room for the request: subscribers do not keep up");
        drop(place);
    }
    return 0;
}

/* The answer is an image as events are, so that a client reads both in the same way. */
static void reply(struct inbox *inbox, const struct client *client, const struct incoming *incoming) {
    uint32_t before = (uint32_t)sizeof(struct grove_bus_image) + incoming->subject_bytes + incoming->reply_bytes +
                      (uint32_t)strlen(client->name.text) + 3u + incoming->headers_bytes;
    struct grove_bus_image head = {.size_bytes = (((before + 7u) & ~7u) + incoming->data_bytes + 15u) & ~15u,
                                   .subject_bytes = incoming->subject_bytes,
                                   .publisher_bytes = (uint16_t)strlen(client->name.text),
                                   .reply_bytes = incoming->reply_bytes,
                                   .headers_bytes = incoming->headers_bytes,
                                   .data_bytes = incoming->data_bytes,
                                   .publisher_ring = client->ring,
                                   .publisher_id = client->id,
                                   .time_ns = wall_ns(),
                                   .attempt = 1};
    uint8_t *image = malloc(head.size_bytes);
    if (image == NULL) {
        (void)grove_fail(inbox->request, GROVE_NO_MEMORY, "the bus has no memory for the answer");
        return;
    }
    image_fill(image, &head, incoming, client->name.text);
    struct grove_loan loan;
    int status = grove_reply(inbox->request, image, head.size_bytes);
    if (status == GROVE_TOO_LARGE && grove_request_loan(inbox->request, head.size_bytes, 1, &loan) == 0) {
        memcpy(loan.data, image, head.size_bytes);
        if (grove_reply_loan(inbox->request, NULL, 0, &loan) < 0)
            grove_loan_return(&loan);
    } else if (status == GROVE_TOO_LARGE) {
        (void)grove_fail(inbox->request, GROVE_EXHAUSTED, "no room is left to lend the answer in");
    }
    free(image);
}

bool request_answered(struct bus *bus, struct client *client, const struct incoming *incoming) {
    uint64_t token[2];
    if (incoming->subject[0] != '_' || find_token(incoming->subject, token) < 0)
        return false;
    struct inbox **place = bucket_of(bus, token);
    while (*place != NULL && memcmp((*place)->token, token, sizeof token) != 0)
        place = &(*place)->next;
    if (*place == NULL)
        return false; /* answered already, or given up: nobody subscribes to it, and it is dropped as any such event */
    reply(*place, client, incoming);
    drop(place);
    return true;
}
