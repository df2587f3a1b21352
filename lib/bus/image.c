/* An event's bytes, checked. What decides anything is this program's own copy of what the bus wrote. Pure. */
#include "lib/bus/bus.h"

#include <string.h>

/* A text of that length with its zero byte, and none before; at moves behind it. */
static const char *take_text(const uint8_t *image, size_t *at, size_t room_bytes, size_t length_bytes) {
    const char *text = (const char *)image + *at;
    if (length_bytes + 1 > room_bytes - *at || memchr(text, '\0', length_bytes + 1) != text + length_bytes)
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

/* Where a trace leads, at the end of the room, if the flags say that it is there. False: there is no room for it. */
static bool take_span(const uint8_t *image, size_t at, size_t *room_bytes, uint32_t flags,
                      struct grove_trace_context *span) {
    if ((flags & GROVE_BUS_IMAGE_TRACED) == 0)
        return true;
    if (*room_bytes < at + sizeof *span)
        return false;
    *room_bytes -= sizeof *span;
    memcpy(span, image + *room_bytes, sizeof *span);
    return true;
}

/* The head is this program's own, wherever the rest lies. */
static int describe(const struct grove_bus_image *head, const uint8_t *image, struct grove_event *event) {
    size_t at = sizeof *head, room_bytes = head->size_bytes;
    const char *subject = take_text(image, &at, room_bytes, head->subject_bytes);
    const char *publisher = subject != NULL ? take_text(image, &at, room_bytes, head->publisher_bytes) : NULL;
    const char *reply_to = publisher != NULL ? take_text(image, &at, room_bytes, head->reply_bytes) : NULL;
    const void *headers = reply_to != NULL ? take_bytes(image, &at, room_bytes, head->headers_bytes) : NULL;
    struct grove_trace_context span = {0};
    at = (at + 7u) & ~(size_t)7u;
    if (!take_span(image, at, &room_bytes, head->flags, &span))
        return GROVE_CORRUPT;
    if (headers == NULL || at > room_bytes || head->data_bytes > room_bytes - at || head->subject_bytes == 0)
        return GROVE_CORRUPT;
    /* Field by field: clearing the whole structure first would be a good part of an event. */
    event->subject = subject;
    event->data = image + at;
    event->length_bytes = head->data_bytes;
    event->headers = head->headers_bytes > 0 ? headers : NULL;
    event->headers_bytes = head->headers_bytes;
    event->reply_to = head->reply_bytes > 0 ? reply_to : NULL;
    event->time_ns = head->time_ns;
    event->sequence = head->sequence;
    event->subject_sequence = head->subject_sequence;
    event->durable_sequence = head->durable_sequence;
    event->kernel_version = (struct grove_version){0};
    event->publisher = publisher;
    event->publisher_id = head->publisher_id;
    event->publisher_ring = head->publisher_ring;
    event->attempt = head->attempt;
    event->flags = head->flags & ~GROVE_BUS_IMAGE_TRACED;
    event->missed = head->missed;
    for (size_t i = 0; i < sizeof event->internal / sizeof event->internal[0]; i++)
        event->internal[i] = NULL;
    event->internal[EVENT_TRACE] = (void *)(uintptr_t)span.trace;
    event->internal[EVENT_SPAN] = (void *)(uintptr_t)span.span;
    return 0;
}

int bus_image_read(const void *bytes, size_t room_bytes, struct grove_event *event) {
    struct grove_bus_image head;
    if (room_bytes < sizeof head)
        return GROVE_CORRUPT;
    memcpy(&head, bytes, sizeof head);
    return head.size_bytes < sizeof head || head.size_bytes > room_bytes ? GROVE_CORRUPT
                                                                         : describe(&head, bytes, event);
}

int bus_image_describe(const struct grove_bus_image *image, struct grove_event *event) {
    return describe(image, (const uint8_t *)image, event);
}

/* The subject of the event before, as most are, has been looked at. */
static const char *take_subject(const uint8_t *image, size_t *at, size_t room_bytes, size_t length_bytes,
                                const char *known, size_t known_bytes) {
    const char *text = (const char *)image + *at;
    if (length_bytes != known_bytes || length_bytes + 1 > room_bytes - *at ||
        memcmp(text, known, length_bytes + 1) != 0)
        return take_text(image, at, room_bytes, length_bytes);
    *at += length_bytes + 1;
    return text;
}

int bus_image_describe_direct(const struct grove_bus_direct_image *head, const char *known, uint16_t known_bytes,
                              struct grove_event *event, uint16_t *subject_bytes) {
    const uint8_t *image = (const uint8_t *)head;
    size_t at = sizeof *head, room_bytes = head->size_bytes;
    const char *subject = take_subject(image, &at, room_bytes, head->subject_bytes, known, known_bytes);
    const char *reply_to = subject != NULL ? take_text(image, &at, room_bytes, head->reply_bytes) : NULL;
    const void *headers = reply_to != NULL ? take_bytes(image, &at, room_bytes, head->headers_bytes) : NULL;
    struct grove_trace_context span = {0};
    at = (at + 7u) & ~(size_t)7u;
    if (!take_span(image, at, &room_bytes, head->flags, &span))
        return GROVE_CORRUPT;
    if (headers == NULL || at > room_bytes || head->data_bytes > room_bytes - at || head->subject_bytes == 0 ||
        head->subject_bytes > GROVE_SUBJECT_MAX || head->reply_bytes > GROVE_SUBJECT_MAX)
        return GROVE_CORRUPT;
    event->subject = subject;
    event->data = image + at;
    event->length_bytes = head->data_bytes;
    event->headers = head->headers_bytes > 0 ? headers : NULL;
    event->headers_bytes = head->headers_bytes;
    event->reply_to = head->reply_bytes > 0 ? reply_to : NULL;
    event->time_ns = head->time_ns;
    event->sequence = head->token + 1;
    event->subject_sequence = event->durable_sequence = 0;
    event->attempt = 1;
    event->flags = GROVE_EVENT_DIRECT;
    event->missed = 0;
    for (size_t i = 0; i < sizeof event->internal / sizeof event->internal[0]; i++)
        event->internal[i] = NULL;
    event->internal[EVENT_TRACE] = (void *)(uintptr_t)span.trace;
    event->internal[EVENT_SPAN] = (void *)(uintptr_t)span.span;
    *subject_bytes = head->subject_bytes;
    return 0;
}
