/*
 * Regions that parts of this library are granted by the system services they speak with.
 *
 * A service grants a region and then says which one in its answer, so the kernel's notice arrives before the answer does,
 * inside whatever the program is doing. Notices from the names that were asked for here are kept, and taken by the object
 * id in the answer; all others go to the program's own handler. What nobody takes (a region that the next answer
 * replaced, or one that the kernel announces to a new instance) is dropped when GRANTED_MAX of them wait.
 */
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

static void drop_first(struct packet_queue *queue) {
    struct packet packet;
    packet_queue_take(queue, &packet);
    packet_close_objects(&packet);
}

bool granted_keep(struct grove_session *session, struct packet *packet) {
    if (packet->message.operation != GROVE_NOTICE_REGION_GRANTED || session->granter_count == 0 ||
        !is_expected(session, &packet->message.body.region_granted))
        return false;
    if (session->granted.count == GRANTED_MAX)
        drop_first(&session->granted);
    (void)packet_queue_put(&session->granted, packet); /* without memory it is as if it had been dropped */
    return true;
}

void granted_close(struct grove_session *session) {
    while (session->granted.count > 0)
        drop_first(&session->granted);
}

int session_take_region(struct grove_session *session, grove_object_id id, struct grove_region **region) {
    struct packet packet, found = {.object_count = 0};
    int status = session_read(session);
    if (status < 0)
        return status;
    for (unsigned left = session->granted.count; left > 0; left--) {
        packet_queue_take(&session->granted, &packet);
        if (packet.message.body.region_granted.region.id == id && found.message.operation == 0)
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
