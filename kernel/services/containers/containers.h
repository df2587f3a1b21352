/*
 * The kernel core at work on the bare machines: this serves the operations of kernel/core/machine.h. Open this first.
 *
 * The core is used by one thread at a time: whoever holds the lock of containers, which may be held while waiting. A request
 * on a kernel port is decoded and done in the context of the program that sends it, so it costs its sender's time and no
 * switch; its answer lies in the port when the send returns. What no program asks for (work that is left, deadlines, the
 * ends of programs) is done by one thread of the kernel's, containers_run.
 *
 * What others tell of programs and ports never takes the lock: it is noted, and the thread tells the core. A program that
 * speaks before the core has heard that it runs makes the core hear of it first.
 */
#ifndef GROVE_CONTAINERS_H
#define GROVE_CONTAINERS_H

#include "kernel/core/core.h"
#include "kernel/services/containers/host.h"
#include "kernel/services/net/unix/unix.h"

enum containers_machine { CONTAINERS_X86_64 = 2, CONTAINERS_AARCH64 = 3 }; /* as grove_kernel_record has it */

struct containers_plan {
    struct vfs *vfs;
    struct unix_domain
        *sockets; /* of programs, where they say that they are ready. NULL: a spec that wants to cannot start */
    const struct containers_host *host;
    struct caller caller; /* the kernel's own: the root of all files, all capabilities. Copied; references are taken */
    struct core_limits limits; /* 0: what containers.c has for each */
    uint32_t objects; /* numbers for open files of the core; 0: 8192 */
    enum containers_machine machine;
};

/* -LINUX_ENOMEM; errors of making the devices of containers. On failure nothing is left. */
int containers_init(const struct containers_plan *plan);
/* Nothing runs any more. */
void containers_deinit(void);

/*
 * Start init from the spec in this file, of the kernel's own files. GROVE_NOT_FOUND, GROVE_IO: the file; errors of core_boot.
 * *problem (may be NULL) is a constant sentence, for people.
 */
int containers_boot(const char *path, const char **problem);
/* Stop everything; containers_run returns when that is done, at the latest at the deadline (monotonic). */
void containers_shut_down(uint64_t deadline_ns);
/* The thread: returns when all is down. */
void containers_run(void);
/*
 * One turn of it: what was noted, and a step of the core's work. True: there is more now. Else *until_ns says when there will
 * be, unless something is noted before.
 */
bool containers_turn(uint64_t *until_ns);
bool containers_are_down(void);

/*
 * A shell: a client of the core's with all rights that a person in front of the machine has. *port is its end of its kernel
 * port, whose last reference ends it. `process` is its number, for people. -LINUX_ENOMEM, EAGAIN: no more of them now.
 */
int containers_connect(const char *name, uint32_t user, uint32_t process, struct open_file **port);

/* ---- what the host tells of an instance: in any context without spin locks; each is told at most once ---- */

/* Its program was loaded and begins. */
void instance_runs(struct instance *instance);
/* It could not be, or what it needs before that could not be set up, as the layer says: Linux's error number, positive. Its processes are gone. */
void instance_failed(struct instance *instance, enum grove_layer layer, int32_t error);
/* After `freeze`: all of it stands still. May be told again after a thaw. The lock of processes may be held. */
void instance_frozen(struct instance *instance);
/* Its last process is gone. */
struct instance_end {
    bool is_signal; /* `value` is a signal, else an exit status; of its first process */
    bool lacked_memory; /* it was killed because there was no more for it */
    int32_t value;
};
void instance_ended(struct instance *instance, const struct instance_end *end);

/* ---- for a panic: without locks, never waits, and may therefore see a record that is half written ---- */

/* The last audit records, the oldest first, whose checks are right. Returns how many, at most `count`. */
uint32_t containers_last_audit(struct grove_audit_record *records, uint32_t count);

#endif
