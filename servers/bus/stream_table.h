/*
 * Which streams there are, as the file `streams.table` has it, and what their patterns mean to each other. Pure: bytes in memory.
 *
 *     offset 0: "GSTR" 4 | version 4 | count 4 | is_apart 4 | CRC-32C of what follows 4 | 0 4 | count times struct stream_entry
 */
#ifndef SERVERS_BUS_STREAM_TABLE_H
#define SERVERS_BUS_STREAM_TABLE_H

#include "grove/bus.h"

#define STREAMS_MAX 16u
#define STREAM_TABLE_HEAD_BYTES 24u
#define STREAM_TABLE_BYTES_MAX (STREAM_TABLE_HEAD_BYTES + STREAMS_MAX * sizeof(struct stream_entry))
/* The first one: what no other stream takes. It cannot be removed, and its pattern is ">". */
#define STREAM_USUAL "durable"
/* In its place for the limits: they were never set, and are the configured ones. */
#define STREAM_AS_CONFIGURED UINT64_MAX

struct stream_entry {
    char name[GROVE_BUS_GROUP_MAX + 1];
    char pattern[GROVE_SUBJECT_MAX + 1];
    uint64_t retain_bytes, retain_ns; /* 0: no limit */
};
_Static_assert(sizeof(struct stream_entry) == 336, "an entry has one size on every machine");

struct stream_table {
    struct stream_entry entries[STREAMS_MAX];
    unsigned count;
    bool is_apart; /* there was a second log once, so numbers of events are not those of their records */
};

/* Letters, digits, "_" and "-": it names a folder. */
bool stream_name_is_valid(const char *name);
/*
 * Bytes of a table that begins with STREAM_USUAL, and whose names and patterns are valid, different and apart. GROVE_CORRUPT,
 * GROVE_VERSION.
 */
int stream_table_read(const void *bytes, size_t length_bytes, struct stream_table *table);
/* Returns how many bytes it is; there is room for STREAM_TABLE_BYTES_MAX. */
size_t stream_table_write(const struct stream_table *table, void *bytes);

#endif
