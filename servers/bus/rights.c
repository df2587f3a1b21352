/*
 * Who may what. The kernel decides: the client's own table must cover the subject or the pattern (BUS_PUB, BUS_SUB). What it
 * said yes to is kept with the subject until a right is revoked anywhere; a refusal is never kept, and is in the audit log.
 *
 * The system's own subjects are for ring 1: nobody else can make a system event. An "_INBOX" subject needs no right to be
 * published: who knows it was asked.
 */
#include "servers/bus/directs.h"

#include <stdio.h>
#include <string.h>

#define KERNEL_TIMEOUT_NS (5 * GROVE_SECOND)
/* Rights are revoked whenever any container ends: looking at every subscription again has its price. */
#define LOOK_PERIOD_NS (100 * GROVE_MILLISECOND)

static bool is_permitted(const struct bus *bus, const struct subject *subject, grove_object_id client) {
    uint32_t epoch = grove_session_rights_epoch(bus->session);
    for (unsigned i = 0; i < BUS_PERMITS; i++)
        if (epoch != 0 && subject->permits[i].client == client && subject->permits[i].epoch == epoch)
            return true;
    return false;
}

int rights_publish(struct bus *bus, struct grove_request *request, struct subject *subject) {
    grove_object_id client = grove_request_client_id(request);
    if (subject->is_inbox || is_permitted(bus, subject, client))
        return 0;
    if (subject->is_reserved && grove_request_client_ring(request) > 1)
        return grove_fail(request, GROVE_DENIED,
                          "%s is a subject of the system's own, which only services of ring 1 publish; %s is in ring "
                          "%u. Use another first token",
                          subject->saved->text, grove_request_client(request), grove_request_client_ring(request));
    uint32_t epoch = grove_session_rights_epoch(bus->session); /* before: what is revoked meanwhile changes it */
    int status = grove_request_client_may(request, GROVE_CAP_BUS_PUB, subject->saved->text);
    if (status < 0)
        return grove_fail(request, status, "%s", grove_last_error());
    subject->permits[subject->permit_next++ % BUS_PERMITS] = (struct permit){.client = client, .epoch = epoch};
    return 0;
}

int rights_subscribe(struct bus *bus, struct grove_request *request, const char *pattern) {
    (void)bus;
    int status = grove_request_client_may(request, GROVE_CAP_BUS_SUB, pattern);
    return status < 0 ? grove_fail(request, status, "%s", grove_last_error()) : 0;
}

bool rights_see_all(const struct grove_request *request) {
    return grove_request_client_ring(request) != 2;
}

/* ---- revoked ---- */

bool rights_have_changed(const struct bus *bus) {
    return grove_session_rights_epoch(bus->session) != bus->rights_epoch;
}

static bool may_read(const struct bus *bus, const struct member *member) {
    const char *pattern = member->saved->pattern;
    size_t length_bytes = strlen(pattern);
    struct grove_message message = {.operation = GROVE_REQUEST_CAPABILITY_CHECK};
    struct grove_capability *capability = &message.body.check.capability;
    message.body.check.channel = member->client->channel;
    capability->kind = GROVE_CAP_BUS_SUB;
    capability->rights = GROVE_RIGHT_USE;
    capability->argument.kind = GROVE_ARGUMENT_PATTERN;
    capability->argument.length_bytes = (uint16_t)length_bytes;
    memcpy(capability->argument.value.text, pattern, length_bytes);
    return grove_kernel_request(bus->session, &message, NULL, 0, NULL, NULL, KERNEL_TIMEOUT_NS) != GROVE_DENIED;
}

/* Its ring stays mapped where it was, so the others get another one. */
static void end_unlawful(struct bus *bus, struct member *member) {
    struct feed *feed = member->feed;
    bool is_shared = feed != NULL && feed->members->next_in_owner != NULL;
    (void)fprintf(stderr, "bus: %s may not subscribe to %s any more\n", member->saved->client_name.text,
                  member->saved->pattern);
    directs_hide(bus, member);
    member_end(bus, member);
    if (is_shared && feed_renew(bus, feed, feed->writer.size_bytes) < 0)
        (void)fprintf(stderr, "bus: no memory is left for another ring of %s\n", feed->pattern);
}

void rights_look_again(struct bus *bus) {
    uint64_t now_ns = grove_now_ns();
    if (now_ns < bus->rights_looked_ns + LOOK_PERIOD_NS)
        return;
    bus->rights_looked_ns = now_ns;
    bus->rights_epoch = grove_session_rights_epoch(bus->session);
    for (uint32_t i = 0; i < bus->state.head->members_used; i++) {
        struct member *member = bus->members[i];
        if (member != NULL && member->client->channels > 0 && !may_read(bus, member))
            end_unlawful(bus, member);
    }
    directs_look_at_rights(bus);
}

/* ---- asked ---- */

int on_may_publish(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct grove_bus_text head;
    char text[GROVE_SUBJECT_MAX + 1];
    struct subject *subject;
    if (grove_request_bytes(request) < sizeof head)
        return grove_fail(request, GROVE_INVALID, "the message is too short");
    memcpy(&head, grove_request_data(request), sizeof head);
    if (head.version != GROVE_BUS_PROTOCOL_VERSION || head.length_bytes > GROVE_SUBJECT_MAX ||
        head.length_bytes > grove_request_bytes(request) - sizeof head)
        return grove_fail(request, GROVE_INVALID, "the message is malformed, or of another version");
    memcpy(text, (const char *)grove_request_data(request) + sizeof head, head.length_bytes);
    text[head.length_bytes] = '\0';
    if (!subject_is_valid(text, head.length_bytes))
        return grove_fail(request, GROVE_INVALID, "\"%.100s\" is no subject", text);
    int status = subject_find(bus, text, (uint16_t)head.length_bytes, subject_hash(text, head.length_bytes), &subject);
    if (status < 0)
        return grove_fail(request, status, "the bus has no room for another subject");
    return rights_publish(bus, request, subject);
}
