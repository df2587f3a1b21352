/* Messages in and out: fixed heads and entries. What comes in is copied or checked before it is used. */
#include "servers/config/config.h"

#include <string.h>

#include "lib/journal/crc32c.h"

int wire_read(struct grove_request *request, void *copy, size_t bytes) {
    uint32_t version;
    if (grove_request_bytes(request) < bytes) {
        (void)grove_fail(request, GROVE_INVALID, "the request has %zu bytes, and %zu are needed",
                         grove_request_bytes(request), bytes);
        return GROVE_INVALID;
    }
    memcpy(copy, grove_request_data(request), bytes);
    memcpy(&version, copy, sizeof version);
    if (version != GROVE_CONFIG_PROTOCOL) {
        (void)grove_fail(request, GROVE_VERSION, "the configuration service speaks version %u of its protocol, not %u",
                         GROVE_CONFIG_PROTOCOL, version);
        return GROVE_VERSION;
    }
    return 0;
}

static uint32_t put_bytes(uint8_t **at, const void *bytes, size_t length) {
    if (bytes != NULL && length > 0)
        memcpy(*at, bytes, length);
    *at += bytes != NULL ? length : 0;
    return bytes != NULL ? (uint32_t)length : 0;
}

static size_t text_bytes(const char *text) {
    return text != NULL ? strlen(text) + 1 : 0;
}

bool wire_put(uint8_t *room, size_t room_bytes, size_t *used, const struct wire_entry *entry) {
    struct grove_config_entry head = {
        .flags = entry->flags, .kind = entry->kind, .source = entry->source, .line = entry->line};
    size_t length = sizeof head + text_bytes(entry->service) + text_bytes(entry->key) + text_bytes(entry->note) +
                    (entry->before != NULL ? entry->before_bytes : 0) + (entry->after != NULL ? entry->after_bytes : 0);
    size_t padded = (length + 7) & ~(size_t)7;
    if (padded > room_bytes - *used)
        return false;
    uint8_t *begin = room + *used, *at = begin + sizeof head;
    memset(begin, 0, padded);
    head.bytes = (uint32_t)padded;
    head.service_bytes = put_bytes(&at, entry->service, text_bytes(entry->service));
    head.key_bytes = put_bytes(&at, entry->key, text_bytes(entry->key));
    head.before_bytes = put_bytes(&at, entry->before, entry->before_bytes);
    head.after_bytes = put_bytes(&at, entry->after, entry->after_bytes);
    head.note_bytes = put_bytes(&at, entry->note, text_bytes(entry->note));
    memcpy(begin, &head, sizeof head);
    *used += padded;
    return true;
}

/* A text with its zero byte at its end and nowhere else. */
static bool take_text(const char **at, uint32_t bytes, const char **text) {
    *text = bytes > 0 ? *at : NULL;
    *at += bytes;
    return bytes == 0 || memchr(*text, '\0', bytes) == *text + bytes - 1;
}

static bool take_value(const char **at, uint32_t bytes, const void **value, size_t *value_bytes) {
    *value = bytes > 0 ? *at : NULL;
    *value_bytes = bytes;
    *at += bytes;
    return bytes == 0 || (*at)[-1] == '\0';
}

bool wire_take(const void *data, size_t bytes, size_t *offset, struct wire_entry *entry) {
    struct grove_config_entry head;
    if (bytes < sizeof head || *offset > bytes - sizeof head)
        return false;
    const char *at = (const char *)data + *offset;
    memcpy(&head, at, sizeof head);
    uint64_t needed = sizeof head + (uint64_t)head.service_bytes + head.key_bytes + head.before_bytes +
                      head.after_bytes + head.note_bytes;
    if (head.bytes > bytes - *offset || needed > head.bytes)
        return false;
    at += sizeof head;
    *entry = (struct wire_entry){.flags = head.flags, .kind = head.kind, .source = head.source, .line = head.line};
    bool is_good = take_text(&at, head.service_bytes, &entry->service) && take_text(&at, head.key_bytes, &entry->key) &&
                   take_value(&at, head.before_bytes, &entry->before, &entry->before_bytes) &&
                   take_value(&at, head.after_bytes, &entry->after, &entry->after_bytes) &&
                   take_text(&at, head.note_bytes, &entry->note);
    *offset += head.bytes;
    return is_good;
}

void wire_mark(const struct config *config, const struct grove_request *request, uint64_t *client, uint64_t *number) {
    uint64_t sum = crc32c(0, grove_request_data(request), grove_request_bytes(request));
    *client = grove_request_client_id(request) ^ config->boot_id;
    *number = grove_request_number(request) ^ sum << 32;
}
