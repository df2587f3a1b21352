/* The state file, byte by byte (docs/formats.md). */
#ifndef SERVERS_CONFIG_STATE_FILE_H
#define SERVERS_CONFIG_STATE_FILE_H

#include "grove/config_wire.h"

#define STATE_MAGIC 0x53464347u /* "GCFS" */
#define STATE_VERSION 1u

struct state_header {
    uint32_t magic, version;
    uint64_t body_bytes; /* all that follows */
    uint32_t checksum; /* CRC-32C of it */
    uint32_t reserved;
};
struct state_body {
    uint64_t number;
    uint32_t sources, records, restarts, reserved;
};
struct state_source {
    uint32_t kind, count;
    char name[128];
};
struct state_setting {
    char service[GROVE_NAME_MAX + 1];
    char key[GROVE_CONFIG_KEY_MAX + 1];
    uint32_t line, bytes;
};
struct state_record {
    uint64_t number, time_ns, client, request;
    uint32_t source, silent, count, reserved;
    char who[GROVE_NAME_MAX + 1];
    char why[GROVE_CONFIG_WHY_BYTES];
};
enum state_entry_flags { STATE_ENTRY_SECRET = 1u << 0, STATE_ENTRY_BEFORE = 1u << 1, STATE_ENTRY_AFTER = 1u << 2 };
struct state_entry {
    char service[GROVE_NAME_MAX + 1];
    char key[GROVE_CONFIG_KEY_MAX + 1];
    uint32_t flags, before_bytes, after_bytes, reserved;
};

#endif
