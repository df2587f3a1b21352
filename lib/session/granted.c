/*
 * Regions that parts of this library are granted by the system services they speak with.
 *
 * A service grants a region and then says which one in its answer, so the kernel's notice arrives before the answer does,
 * inside whatever the program is doing. Notices from the names that were asked for here are kept, and taken by the object
 * id in the answer; all others go to the program's own handler. What nobody takes (a region that the next answer
 * replaced, or one that the kernel announces to a new instance) is dropped when GRANTED_MAX of them wait. The bus is
 * granted the direct rings of publishers (grove/bus_protocol.h), and keeps them here in the same way.
 */
#include "grove/bus_protocol.h"
#include "lib/session/session.h"

#include <string.h>
#include <unistd.h>

#define GRANTED_MAX 16u

static bool is_expected(const struct grove_session *session, const struct grove_notice_region *notice) {
    for (unsigned index = 0; index < session->granter_count; index++)
        if (strncmp(session->granters[index].text, notice->from.text, sizeof notice->from.text) == 0)
            return true;
    return false;
}

int session_expect_regions(struct grove_session *session, const char *from) {
    struct grove_notice_region notice = {0};
    if (strlen(from) > GROVE_NAME_MAX)
        return error_set(GROVE_INVALID, "%s is no name", from);
    memcpy(notice.from.text, from, strlen(from) + 1);
    if (is_expected(session, &notice))
        return 0;
    if (session->granter_count == SESSION_GRANTERS_MAX)
        return error_set(GROVE_EXHAUSTED, "no more than %u services can grant regions to the library",
                         SESSION_GRANTERS_MAX);
    session->granters[session->granter_count++] = notice.from;
    return 0;
}

/* A direct ring counts for the container as long as its handle is there: other regions end with who granted them. */
static void drop(struct grove_session *session, struct packet *packet) {
    const struct grove_region_reply *region = &packet->message.body.region_granted.region;
    if (region->tag == GROVE_BUS_DIRECT_TAG)
        (void)session_post_handle(session, GROVE_REQUEST_REGION_DESTROY, region->region);
    packet_close_objects(packet);
}

static void drop_first(struct grove_session *session) {
    struct packet packet;
    packet_queue_take(&session->granted, &packet);
    drop(session, &packet);
}

static bool is_of_bus(const struct grove_session *session, const struct grove_notice_region *notice) {
    return notice->region.tag == GROVE_BUS_DIRECT_TAG && strcmp(session->identity.name.text, GROVE_BUS_ENDPOINT) == 0;
}

bool granted_keep(struct grove_session *session, struct packet *packet) {
    const struct grove_notice_region *notice = &packet->message.body.region_granted;
    if (packet->message.operation != GROVE_NOTICE_REGION_GRANTED)
        return false;
    if (!is_expected(session, notice) && !is_of_bus(session, notice)) {
        bool is_left = notice->region.tag == GROVE_BUS_DIRECT_TAG; /* by an earlier instance, which wrote or read it */
        if (is_left)
            drop(session, packet);
        return is_left;
    }
    if (session->granted.count == GRANTED_MAX)
        drop_first(session);
    (void)packet_queue_put(&session->granted, packet); /* without memory it is as if it had been dropped */
    return true;
}

void granted_close(struct grove_session *session) {
    while (session->granted.count > 0)
        drop_first(session);
}

int session_take_region(struct grove_session *session, grove_object_id id, struct grove_region **region) {
    return session_take_region_from(session, id, NULL, region);
}

static bool is_from(const struct packet *packet, const char *from) {
    const struct grove_name *name = &packet->message.body.region_granted.from;
    return from == NULL || strncmp(name->text, from, sizeof name->text) == 0;
}

int session_take_region_from(struct grove_session *session, grove_object_id id, const char *from,
                             struct grove_region **region) {
    struct packet packet, found = {.object_count = 0};
    int status = session_read(session);
    if (status < 0)
        return status;
    for (unsigned left = session->granted.count; left > 0; left--) {
        packet_queue_take(&session->granted, &packet);
        if (packet.message.body.region_granted.region.id == id && found.message.operation == 0 &&
            is_from(&packet, from))
            found = packet;
        else
            (void)packet_queue_put(&session->granted, &packet);
    }
    if (found.message.operation == 0)
        return error_set(GROVE_NOT_FOUND, "the region that was granted did not come");
    int memory = packet_take_object(&found, 0);
    packet_close_objects(&found);
    return grove_region_accept(session, &found.message, memory, region);
}
