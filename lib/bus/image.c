/* An event's bytes, checked. The image is this program's own copy, of what the bus wrote. Pure. */
#include "lib/bus/bus.h"

#include <string.h>

/* A text of that length with its zero byte, and none before; at moves behind it. */
static const char *take_text(const uint8_t *image, size_t *at, size_t room_bytes, size_t length_bytes) {
    const char *text = (const char *)image + *at;
    if (length_bytes + 1 > room_bytes - *at || text[length_bytes] != '\0' || memchr(text, '\0', length_bytes) != NULL)
        return NULL;
    *at += length_bytes + 1;
    return text;
}

static const void *take_bytes(const uint8_t *image, size_t *at, size_t room_bytes, size_t length_bytes) {
    const void *place = image + *at;
    if (length_bytes > room_bytes - *at)
        return NULL;
    *at += length_bytes;
    return place;
}

int bus_image_read(const void *bytes, size_t room_bytes, struct grove_event *event) {
    const uint8_t *image = bytes;
    struct grove_bus_image head;
    size_t at = sizeof head;
    if (room_bytes < sizeof head)
        return GROVE_CORRUPT;
    memcpy(&head, image, sizeof head);
    if (head.size_bytes < sizeof head || head.size_bytes > room_bytes)
        return GROVE_CORRUPT;
    room_bytes = head.size_bytes;
    const char *subject = take_text(image, &at, room_bytes, head.subject_bytes);
    const char *publisher = subject != NULL ? take_text(image, &at, room_bytes, head.publisher_bytes) : NULL;
    const char *reply_to = publisher != NULL ? take_text(image, &at, room_bytes, head.reply_bytes) : NULL;
    const void *headers = reply_to != NULL ? take_bytes(image, &at, room_bytes, head.headers_bytes) : NULL;
    at = (at + 7u) & ~(size_t)7u;
    if (headers == NULL || at > room_bytes || head.data_bytes > room_bytes - at || head.subject_bytes == 0)
        return GROVE_CORRUPT;
    *event = (struct grove_event){.subject = subject,
                                  .data = image + at,
                                  .length_bytes = head.data_bytes,
                                  .headers = head.headers_bytes > 0 ? headers : NULL,
                                  .headers_bytes = head.headers_bytes,
                                  .reply_to = head.reply_bytes > 0 ? reply_to : NULL,
                                  .time_ns = head.time_ns,
                                  .sequence = head.sequence,
                                  .subject_sequence = head.subject_sequence,
                                  .durable_sequence = head.durable_sequence,
                                  .publisher = publisher,
                                  .publisher_id = head.publisher_id,
                                  .publisher_ring = head.publisher_ring,
                                  .attempt = head.attempt,
                                  .flags = head.flags,
                                  .missed = head.missed};
    return 0;
}
