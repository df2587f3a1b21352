/* See poll_message.h. */
#include "servers/bus/poll_message.h"

#include <string.h>

static int take(struct poll_message *message, void *part, size_t part_bytes) {
    if (part_bytes > message->left_bytes)
        return GROVE_INVALID;
    memcpy(part, message->at, part_bytes);
    message->at += part_bytes;
    message->left_bytes -= part_bytes;
    return 0;
}

int poll_message_open(const void *bytes, size_t length_bytes, struct poll_message *message,
                      struct grove_bus_poll *head) {
    *message = (struct poll_message){.at = bytes, .left_bytes = length_bytes};
    if (take(message, head, sizeof *head) < 0 || head->version != GROVE_BUS_PROTOCOL_VERSION ||
        head->acknowledgements > GROVE_BUS_POLL_ENTRIES_MAX || head->places > GROVE_BUS_POLL_ENTRIES_MAX)
        return GROVE_INVALID;
    return 0;
}

int poll_message_acknowledgement(struct poll_message *message, struct grove_bus_acknowledgement *told, char *sentence) {
    char padded[(GROVE_BUS_ERROR_MAX + 7u) & ~7u];
    if (take(message, told, sizeof *told) < 0 || told->sentence_bytes > GROVE_BUS_ERROR_MAX ||
        take(message, padded, (told->sentence_bytes + 7u) & ~7u) < 0)
        return GROVE_INVALID;
    memcpy(sentence, padded, told->sentence_bytes);
    sentence[told->sentence_bytes] = '\0';
    return 0;
}

int poll_message_place(struct poll_message *message, struct grove_bus_place *place) {
    return take(message, place, sizeof *place);
}
