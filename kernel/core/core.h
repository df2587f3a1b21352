/*
 * The portable kernel core, as a machine calls it.
 *
 * One thread calls the core (on linux groved's event loop, on the bare machines whoever holds the core lock). Every
 * function returns after a bounded amount of work; what is left goes on in core_work. All memory comes from pools whose
 * sizes core_create is told; nothing is allocated later.
 */
#ifndef GROVE_KERNEL_CORE_H
#define GROVE_KERNEL_CORE_H

#include "kernel/core/machine.h"

/* Sizes of the pools. Zero takes the default in brackets. */
struct core_limits {
    uint32_t containers; /* [16384] */
    uint32_t endpoints; /* [32768] */
    uint32_t channels; /* [32768] */
    uint32_t regions; /* [16384] */
    uint32_t projects; /* [1024] */
    uint32_t capabilities; /* [524288] slots over all tables */
    uint32_t text_bytes; /* [16 MiB] names and arguments, interned */
    uint32_t spec_bytes; /* [64 MiB] copies of specs */
    uint32_t pending; /* [8192] requests and notices that wait */
    uint32_t audit; /* [8192] records kept in memory for AUDIT_READ */
};

struct core;

/* The bytes core_create needs for these limits. The machine gives zeroed memory that costs nothing until touched. */
size_t core_bytes(const struct core_limits *limits);
/* Lay the core out in `memory` (64-aligned, core_bytes long). next_audit: sequence number after the last one on disk. */
int core_create(void *memory, const struct core_limits *limits, uint64_t boot_id, uint64_t next_audit,
                struct core **core);

/*
 * The root of all authority: make the first container (init) from a checked spec, holding every permission kind without
 * argument and the rights to grant them. `machine` receives the index to use with the machine operations. The core
 * starts it at once and, being its owner, starts it again with back-off whenever it ends (reason RESTARTED), until
 * core_shut_down.
 */
int core_boot(struct core *core, const void *spec, size_t spec_bytes, machine_container *machine);

/*
 * A shell connected from outside: a container in ring 3 with no process of its own and the given permissions (each with
 * GROVE_RIGHT_EXTERNAL). It gets its INIT notice. Gone with core_port_closed.
 */
int core_client_create(struct core *core, const char *name, uint32_t user, uint32_t process,
                       const struct grove_capability *capabilities, uint32_t count, machine_container *machine);

/*
 * One packet from a container's port. The core takes over all `count` objects, whatever the outcome. Replies go out
 * through machine_port_send, now or later. A malformed packet is answered with GROVE_INVALID and never harms others.
 */
void core_request(struct core *core, machine_container container, const struct grove_message *message,
                  uint32_t message_bytes, const machine_object *objects, uint32_t count);

/* Events from the machine. */
void core_container_started(struct core *core, machine_container container, int status, enum grove_layer layer,
                            int32_t detail);
void core_container_ready(struct core *core, machine_container container); /* READY=1 on its notify socket */
void core_container_exited(struct core *core, machine_container container, enum grove_exit_cause cause, int32_t detail);
void core_container_frozen(struct core *core, machine_container container);
/* A limit is near or in the way: the container is told, its owner, and the audit log. At a bounded rate, please. */
void core_container_over_budget(struct core *core, machine_container container, enum grove_resource resource,
                                uint64_t used, uint64_t limit);
/* The same for a limit that the members of a project have together: all of them that run are told. */
void core_project_over_budget(struct core *core, machine_project project, enum grove_resource resource, uint64_t used,
                              uint64_t limit);
void core_port_writable(struct core *core, machine_container container); /* after GROVE_AGAIN */
void core_port_closed(struct core *core, machine_container container); /* a shell hung up */

/*
 * A system call that the machine takes to the kernel (network on linux): may this container do it? 0 or GROVE_DENIED;
 * a refusal is audited with `operation` (the machine's system call number) and counted. Bounded; changes nothing else.
 */
int core_check(struct core *core, machine_container container, const struct grove_capability *wanted,
               uint16_t operation);
/* A GROVE_SPEC_LEARN container used this: tell its creator, once. */
void core_learned(struct core *core, machine_container container, const struct grove_capability *used);

/* The machine has ended `count` containers that an earlier kernel left behind: audited. */
void core_recovered(struct core *core, uint32_t count);

/* Do a bounded piece of waiting work (revocations, restarts due, deadlines). Returns true while more is ready now. */
bool core_work(struct core *core);
/* When core_work wants to be called again, monotonic; UINT64_MAX for not at all. */
uint64_t core_next_deadline(const struct core *core);

/* Stop starting anything, ask init to stop, and kill what is left at the deadline. True from core_is_down when done. */
void core_shut_down(struct core *core, uint64_t deadline_ns);
bool core_is_down(const struct core *core);

#endif
