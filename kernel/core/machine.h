/*
 * Machine operations: the only thing the kernel core calls.
 *
 * Each machine (kernel/machine/NAME) defines every function below; the build links one of them. The core's unit tests
 * link a fake one. Objects that user space can hold (memory, doorbells, streams) are named by machine_object: a
 * descriptor number on linux, an object index on the bare machines. The core owns each machine_object that it was given
 * by a create call or with a request until it calls machine_object_close; sending one duplicates it.
 *
 * No operation waits for a container: what takes time (a start) is completed by calling back into the core
 * (kernel/core/core.h) from the machine's event loop.
 */
#ifndef GROVE_KERNEL_MACHINE_H
#define GROVE_KERNEL_MACHINE_H

#include "grove/abi/audit.h"
#include "grove/abi/port.h"
#include "grove/abi/spec.h"

typedef int32_t machine_object;
#define MACHINE_OBJECT_NONE ((machine_object)-1)

/* What the machine keeps for one container: an index the core chose, dense from 0, below the pool's size. */
typedef uint32_t machine_container;
/* The same for a project. One that the machine was never told of (the root of all) limits nothing. */
typedef uint32_t machine_project;

/* ---- memory ---- */

/*
 * Memory shared with containers, zeroed, of fixed size (sealed against growing and shrinking). `charge` is the container
 * it is made for. GROVE_NO_MEMORY, GROVE_NO_DESCRIPTORS.
 */
int machine_memory_create(uint64_t size_bytes, machine_container charge, machine_object *memory);
/* New memory with the contents of `from`; only pages in use are copied. Same errors. */
int machine_memory_clone(machine_object from, uint64_t size_bytes, machine_container charge, machine_object *memory);
/* No new writable mapping of it can be made from now on; existing ones stay. GROVE_IO. */
int machine_memory_seal(machine_object memory);
/* Set `bits` in the 32-bit word at `offset_bytes` (inside the first page) and wake all who sleep on it. Works sealed. */
void machine_memory_signal(machine_object memory, uint64_t offset_bytes, uint32_t bits);
/* Add 1 to that word instead, and wake; what its owner stores at the same moment may take the place of the sum. */
void machine_memory_count(machine_object memory, uint64_t offset_bytes);
/* The kernel page of a container: made once, written by the kernel through this mapping. */
int machine_kernel_page_create(machine_object *memory, struct grove_kernel_page **page);
void machine_kernel_page_wake(struct grove_kernel_page *page);
void machine_kernel_page_destroy(machine_object memory, struct grove_kernel_page *page);

/* Read a blob handed in with a request (a spec) into kernel memory. GROVE_INVALID if it is shorter or can change. */
int machine_blob_read(machine_object blob, void *buffer, uint64_t size_bytes);

/* The two ends of a doorbell. GROVE_NO_DESCRIPTORS. */
int machine_bell_create(machine_object ends[2]);
/* Does nothing for MACHINE_OBJECT_NONE. */
void machine_object_close(machine_object object);

/* ---- the kernel port ---- */

/*
 * Send one packet to a container's port, with duplicates of `count` objects; never blocks. GROVE_AGAIN if its queue is
 * full, GROVE_CLOSED if nobody will read it.
 */
int machine_port_send(machine_container container, const struct grove_message *message, const machine_object *objects,
                      uint32_t count);

/* ---- projects ---- */

/*
 * What runs in a project and in those below it stays within `budget` together, in memory, processor and processes: made
 * by the first call, changed by later ones. `parent` was set before. GROVE_OK also where the installation does without
 * the layer that would do it; GROVE_LAYER_MISSING, GROVE_NO_MEMORY, GROVE_NO_DESCRIPTORS: nothing has changed.
 */
int machine_project_set(machine_project project, machine_project parent, const struct grove_budget *budget);
/* No container and no project is left in it. Nothing happens for one that was never set. */
void machine_project_destroy(machine_project project);

/* ---- containers ---- */

struct machine_start {
    machine_container container;
    machine_project project;
    grove_object_id id;
    uint32_t generation;
    const struct grove_spec *spec; /* checked; valid until the core destroys the container */
    machine_object streams[3]; /* MACHINE_OBJECT_NONE where the spec does not pass one; the machine takes them over */
    struct grove_budget budget; /* the limits that hold now: those of its projects are in it */
    struct grove_schedule schedule;
    uint32_t caller_user, caller_group; /* for GROVE_SPEC_CALLER_IDENTITY */
};
/*
 * Make the address space, file view and limits, and run the program. Returns at once: 0 and later
 * core_container_started, or an error now (nothing is left behind).
 */
int machine_container_start(const struct machine_start *start);
/* Kill every process of the instance; core_container_exited follows. */
void machine_container_kill(machine_container container);
int machine_container_signal(machine_container container, uint32_t signal);
/* core_container_frozen follows when all of it stands still. GROVE_UNSUPPORTED without a freezer. */
int machine_container_freeze(machine_container container);
int machine_container_thaw(machine_container container);
/* Forget the container: no instance runs. Removes its cgroup, scratch space and streams. */
void machine_container_destroy(machine_container container);
/* Of a running instance; later ones are started with what holds then. */
int machine_container_budget(machine_container container, const struct grove_budget *budget);
int machine_container_schedule(machine_container container, const struct grove_schedule *schedule);
int machine_container_usage(machine_container container, struct grove_usage *usage);
/* What its running instance keeps on disk, where it has a limit for that; else 0. */
uint64_t machine_container_disk(machine_container container);
/* What it has sent and received, where it has a limit on that; else 0. */
uint64_t machine_container_network(machine_container container);
/* Machine's number of its first process, for people. */
int32_t machine_container_process(machine_container container);
/* Read ends of the log streams; MACHINE_OBJECT_NONE where there is none. Still owned by the machine. */
void machine_container_streams(machine_container container, machine_object streams[2]);

/* ---- the rest ---- */

uint64_t machine_clock_ns(void); /* monotonic */
uint64_t machine_wall_clock_ns(void); /* since 1970 */
void machine_random(void *buffer, size_t size_bytes);
/* Append to the durable audit log; failures are counted and reported by the machine, never returned. */
void machine_audit_write(const struct grove_audit_record *record);
/* Fill in the machine's part of the record: machine, rootless, layers, cgroup and Landlock versions. */
void machine_describe(struct grove_kernel_record *record);
/* The bug check: print and stop. Never for input. */
_Noreturn void machine_panic(const char *sentence);

#endif
