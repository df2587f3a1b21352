/*
 * A booted core over the fake machine, and short ways to ask it things: what the tests of the core and the fuzz target
 * of the kernel port stand on.
 */
#ifndef GROVE_CORE_TEST_WORLD_H
#define GROVE_CORE_TEST_WORLD_H

#include "kernel/core/state.h"
#include "kernel/core/test/fake_machine.h"

struct world {
    struct core *core;
    void *memory;
    machine_container init;
    uint64_t sequence;
};

/* A permission in a spec: `text` for paths and patterns, NULL for the whole range, `quantity` for amounts. */
struct world_permission {
    uint16_t kind;
    const char *text;
    uint64_t quantity;
    uint16_t rights; /* 0: USE, DERIVE and GRANT */
};

struct world_spec {
    const char *name;
    const struct world_permission *permissions;
    uint32_t count;
    uint8_t ring; /* 0: 2 */
    uint32_t flags; /* 0: native */
    struct grove_budget budget;
    struct grove_schedule schedule;
    uint8_t streams[3];
    const char *const *provides;
    uint32_t provides_count;
};

#define SPEC_BUFFER_WORDS 2048u
/* Build the blob; returns its size in bytes. */
uint32_t world_build(const struct world_spec *spec, uint64_t buffer[SPEC_BUFFER_WORDS]);

extern const struct core_limits world_small_limits;
/* Boots init, which is running and has INIT taken. limits NULL: small ones. */
void world_open(struct world *world, const struct core_limits *limits);
/* Checks the invariants, ends everything and checks that nothing is left. */
void world_close(struct world *world);
/* Work and play until nothing more happens. */
void world_settle(struct world *world);
/* Let time pass. */
void world_pass(struct world *world, uint64_t ns);

/* Send a request; returns its sequence number. */
uint64_t world_send(struct world *world, machine_container from, uint16_t operation, const void *body, size_t bytes,
                    const machine_object *objects, uint32_t count);
/* Send, settle and take the reply; returns its status. GROVE_AGAIN + 1000 if there is none. */
int world_ask(struct world *world, machine_container from, uint16_t operation, const void *body, size_t bytes,
              struct fake_packet *reply);
#define WORLD_NO_REPLY 1000

int world_create(struct world *world, machine_container owner, const struct world_spec *spec,
                 struct grove_container_reply *reply);
/* Create and start; the container runs and its INIT is taken. Aborts the test if anything fails. */
machine_container world_service(struct world *world, machine_container owner, const struct world_spec *spec,
                                grove_handle *handle);
/* CONTAINER_LAUNCH; streams follow the spec. */
int world_launch(struct world *world, machine_container owner, const struct world_spec *spec, uint32_t flags,
                 const machine_object *streams, uint32_t stream_count, struct grove_container_reply *reply);
machine_container world_machine(const struct world *world, grove_object_id id);
int world_start(struct world *world, machine_container owner, grove_handle handle);
int world_control(struct world *world, machine_container from, grove_handle handle, uint32_t action);
int world_endpoint(struct world *world, machine_container from, const char *name, grove_handle container,
                   grove_handle *endpoint);
int world_connect(struct world *world, machine_container from, const char *endpoint, struct fake_packet *reply);
int world_attach(struct world *world, machine_container from, grove_handle channel);
int world_handle_request(struct world *world, machine_container from, uint16_t operation, grove_handle handle);
int world_derive(struct world *world, machine_container from, grove_handle source, uint16_t kind, const char *text,
                 grove_handle *child);
int world_revoke(struct world *world, machine_container from, grove_handle handle, bool itself, uint64_t *count);
/* The handle of the first entry of a kind in a container's table; 0 if there is none. */
grove_handle world_find(struct world *world, machine_container container, uint16_t kind);
machine_container world_client(struct world *world, const char *name, const struct world_permission *permissions,
                               uint32_t count);
/* The instance of a container ends. */
void world_exit(struct world *world, machine_container container, enum grove_exit_cause cause, int32_t detail);
void world_permission(const struct world_permission *from, struct grove_capability *capability);
struct grove_name world_name(const char *text);

/* What is in use, to compare before and after. */
struct world_accounts {
    uint32_t containers, endpoints, channels, regions, projects, capabilities, pending, text, specs, objects, timers;
};
void world_count(const struct world *world, struct world_accounts *accounts);

/* check.c: every list, tree, count and reference of the core, verified the slow way. NULL, or what is wrong. */
const char *core_find_fault(const struct core *core);

#endif
