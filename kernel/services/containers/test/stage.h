/*
 * A whole kernel for the tests of containers: the real core and file system layer over the fake host, with init running, and
 * short ways to ask the kernel what a program asks.
 */
#ifndef GROVE_CONTAINERS_TEST_STAGE_H
#define GROVE_CONTAINERS_TEST_STAGE_H

#include "kernel/services/containers/inside.h"
#include "kernel/services/containers/kernel_port.h"
#include "kernel/services/containers/test/fake_host.h"

#define STAGE_SPEC_WORDS 2048u
#define STAGE_NO_REPLY 1000

struct stage_permission {
    uint16_t kind;
    const char *text; /* NULL: the whole range, or `quantity` */
    uint64_t quantity;
    struct grove_address address; /* with a family, transport or last port */
    uint16_t flags; /* enum grove_spec_capability_flags */
};

struct stage_spec {
    const char *name;
    const struct stage_permission *permissions;
    uint32_t count;
    uint32_t flags; /* enum grove_spec_flags; 0: native */
    uint8_t ring; /* 0: 2 */
    uint8_t streams[3];
    const char *directory;
    struct grove_budget budget;
    struct grove_schedule schedule;
};

struct stage {
    struct world world; /* files */
    struct unix_domain sockets;
    uint64_t sequence;
    machine_container init;
    struct open_file *port; /* of init; counted */
    void (*on_begin)(
        struct container_record *record); /* a program has begun, and the core has not heard of it; may be NULL */
};
extern struct stage stage;

/* Everything is set up, nothing is booted. */
void stage_set_up(void);
/* The same, and init runs and has heard INIT. */
void stage_open(void);
/* Ends everything and fails the test if anything is left of memory, files, objects or programs. */
void stage_close(void);
/* Do what is to be done until nothing more is, with programs that begin at once and die when they are killed. */
void stage_settle(void);
/* Only the kernel's turns: programs do nothing. */
void stage_turn(void);
void stage_pass(uint64_t ns);

uint32_t stage_build(const struct stage_spec *spec, uint64_t buffer[STAGE_SPEC_WORDS]);
/* A request through a port: its reply's status, or STAGE_NO_REPLY; the rest of it in *reply (may be NULL). Files are taken over. */
int stage_ask(struct open_file *port, uint16_t operation, const void *body, size_t bytes, struct open_file **files,
              uint32_t count, struct port_packet **reply);
/* The next packet of this operation and sequence, the ones before it are dropped; NULL: none. To be given back. */
struct port_packet *stage_take(struct open_file *port, uint16_t operation, uint64_t sequence);
void stage_drop(struct port_packet *packet);

/* By init: make a container, start it. The status of the request. */
int stage_create(const struct stage_spec *spec, struct grove_container_reply *reply);
int stage_start(grove_handle container, struct open_file **streams, uint32_t count,
                struct grove_container_reply *reply);
int stage_control(grove_handle container, uint32_t action);
/* Made, started and running; its port is in *port, counted, if it is not NULL. */
machine_container stage_service(const struct stage_spec *spec, grove_handle *handle, struct open_file **port);
/* The core's index of a container. */
machine_container stage_index(grove_object_id id);
/* The open file of a program's number, without a reference. */
struct open_file *stage_file(struct program *program, uint32_t number);

struct stage_accounts {
    uint64_t taken, pages, objects, memories;
};
void stage_count(struct stage_accounts *accounts);

#endif
