/* See stream_table.h. */
#include "servers/bus/stream_table.h"

#include <string.h>

#include "lib/journal/crc32c.h"

#define MAGIC 0x52545347u /* "GSTR" */
#define VERSION 1u

struct head {
    uint32_t magic, version, count, is_apart, check, reserved;
};
_Static_assert(sizeof(struct head) == STREAM_TABLE_HEAD_BYTES, "the head has one size on every machine");

bool stream_name_is_valid(const char *name) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t length_bytes = strlen(name);
    return length_bytes > 0 && length_bytes <= GROVE_BUS_GROUP_MAX && strspn(name, allowed) == length_bytes;
}

static bool is_sound(const struct stream_entry *entries, unsigned at) {
    const struct stream_entry *entry = &entries[at];
    if (memchr(entry->name, '\0', sizeof entry->name) == NULL ||
        memchr(entry->pattern, '\0', sizeof entry->pattern) == NULL || !stream_name_is_valid(entry->name) ||
        grove_pattern_check(entry->pattern) < 0)
        return false;
    if (at == 0)
        return strcmp(entry->name, STREAM_USUAL) == 0 && strcmp(entry->pattern, ">") == 0;
    for (unsigned other = 0; other < at; other++)
        if (strcmp(entry->name, entries[other].name) == 0 ||
            (other > 0 && grove_patterns_overlap(entry->pattern, entries[other].pattern)))
            return false;
    return true;
}

int stream_table_read(const void *bytes, size_t length_bytes, struct stream_table *table) {
    struct head head;
    if (length_bytes < sizeof head)
        return GROVE_CORRUPT;
    memcpy(&head, bytes, sizeof head);
    if (head.magic != MAGIC)
        return GROVE_CORRUPT;
    if (head.version != VERSION)
        return GROVE_VERSION;
    size_t entries_bytes = length_bytes - sizeof head;
    if (head.count == 0 || head.count > STREAMS_MAX || entries_bytes != head.count * sizeof table->entries[0])
        return GROVE_CORRUPT;
    memcpy(table->entries, (const char *)bytes + sizeof head, entries_bytes);
    if (head.check != crc32c(0, table->entries, entries_bytes))
        return GROVE_CORRUPT;
    for (unsigned at = 0; at < head.count; at++)
        if (!is_sound(table->entries, at))
            return GROVE_CORRUPT;
    table->count = head.count;
    table->is_apart = head.is_apart != 0 || head.count > 1;
    return 0;
}

size_t stream_table_write(const struct stream_table *table, void *bytes) {
    size_t entries_bytes = table->count * sizeof table->entries[0];
    const struct head head = {.magic = MAGIC,
                              .version = VERSION,
                              .count = table->count,
                              .is_apart = table->is_apart,
                              .check = crc32c(0, table->entries, entries_bytes)};
    memcpy(bytes, &head, sizeof head);
    memcpy((char *)bytes + sizeof head, table->entries, entries_bytes);
    return sizeof head + entries_bytes;
}
