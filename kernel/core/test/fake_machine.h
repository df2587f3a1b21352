/*
 * A machine for the tests of the core: memory objects, ports and instances as plain data, a clock that the test moves,
 * and failures on demand. Nothing happens by itself: the test reads what the core did and plays the machine's part with
 * the functions of core.h, or lets fake_play do the usual thing.
 */
#ifndef GROVE_CORE_TEST_FAKE_MACHINE_H
#define GROVE_CORE_TEST_FAKE_MACHINE_H

#include "kernel/core/core.h"

#define FAKE_CONTAINERS 64u
#define FAKE_OBJECTS 4096u
#define FAKE_PROJECTS 64u

struct fake_packet {
    struct grove_message message;
    machine_object objects[GROVE_PORT_OBJECTS]; /* as named by the core: not duplicates */
    struct fake_packet *next;
};

struct fake_object {
    enum fake_kind { FAKE_FREE, FAKE_MEMORY, FAKE_BELL, FAKE_BLOB, FAKE_STREAM } kind;
    uint8_t *bytes;
    uint64_t size_bytes;
    bool is_sealed;
};

struct fake_container {
    struct fake_packet *first, *last;
    uint32_t packets;
    uint32_t port_limit; /* 0: none */
    bool is_full; /* the core was told GROVE_AGAIN */
    bool is_start_asked, is_running, is_kill_asked, is_freeze_asked;
    bool is_destroyed;
    uint32_t signal;
    uint32_t starts;
    machine_project project;
    struct grove_budget budget;
    struct grove_schedule schedule;
};

struct fake_project {
    bool is_open;
    machine_project parent;
    uint32_t children;
    struct grove_budget budget;
};

struct fake {
    uint64_t clock_ns;
    uint64_t random;
    uint32_t fail_memory; /* n: the n-th memory operation from now fails; 0: none does */
    int fail_start; /* a status that the next starts return at once */
    int fail_project; /* a status that setting projects returns */
    uint32_t fail_project_count; /* how many times it does; 0: never */
    uint32_t objects_open, pages_open, projects_open;
    uint32_t destroyed; /* containers that the machine was told to forget */
    uint64_t audit_records;
    struct grove_audit_record last_audit;
    struct grove_audit_record last_refusal;
    struct fake_object objects[FAKE_OBJECTS];
    struct fake_container containers[FAKE_CONTAINERS];
    struct fake_project projects[FAKE_PROJECTS];
};

extern struct fake fake;

/* Empty everything; memory still open is freed, so that a test that fails leaks nothing into the next. */
void fake_reset(void);
machine_object fake_blob(const void *bytes, uint64_t size_bytes);
machine_object fake_stream(void);
/* The first packet of a container's port with this operation and sequence (0: any notice); false if there is none. */
bool fake_take(machine_container container, uint16_t operation, uint64_t sequence, struct fake_packet *packet);
void fake_drop_packets(machine_container container);
/* Play the machine: starts succeed, kills end, freezes hold, full ports that were emptied become writable. */
bool fake_play(struct core *core);

#endif
