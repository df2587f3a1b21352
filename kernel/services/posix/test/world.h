/*
 * Processes for unit tests: threads that run when the test says so, memory that is made of pages of this computer, and one
 * process 1. The file system is that of vfs/test/world.h, whose memory accounts are compared at the end.
 *
 * A test acts as one thread after the other (posix_become) and makes system calls as that. A call that would sleep runs
 * `on_sleep`, in which the test lets others do something; without it the thread is interrupted.
 */
#ifndef GROVE_POSIX_TEST_WORLD_H
#define GROVE_POSIX_TEST_WORLD_H

#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/vfs/test/world.h"

#define POSIX_CALL_NONE (-1)
#define POSIX_DATA UINT64_C(0x100000) /* 64 KiB that process 1 and its children may read and write */
#define POSIX_DATA_BYTES UINT64_C(0x10000)

struct thread_registers {
    int64_t call, result;
    uint64_t arguments[6];
    uint64_t entry, stack, pointer;
    bool is_again, is_restarted; /* the call is to be made again; as restart_syscall */
};

struct posix_thread {
    struct thread thread; /* first */
    struct thread_registers registers;
    bool is_started;
    void (*function)(void *argument); /* of one that begins in the kernel */
    void *argument;
    struct frame_plan frames[8]; /* handlers that it is to run, the last one first */
    uint32_t frame_count;
};

/* A structure, so that it can be kept and put back. */
struct posix_way_out {
    jmp_buf registers;
};

struct posix_world {
    struct world files;
    struct posix_thread *current;
    struct process *first;
    void (*on_sleep)(struct posix_world *world); /* called once for each sleep */
    uint32_t sleeps;
    uint64_t now_ns;
    bool refuses_frames; /* machine_frame_push fails */
    uint32_t threads; /* that are not given back */
    bool has_ended; /* process 1 has */
    int32_t end_status;
    struct posix_way_out exit; /* where a thread goes that ends */
};
extern struct posix_world posix_world;

void posix_begin(void);
/* Process 1 ends, and with it all others; fails the test if anything is left. */
void posix_end(void);

/* How often all processors were asked for a barrier. */
extern uint32_t posix_barriers;
/* Act as the thread of this number from now on. */
void posix_become(int32_t number);
/* Make a call as the current thread, and go back to user mode. False: the thread ended. */
bool posix_call(system_call *call, int64_t number, const uint64_t arguments[6], int64_t *result);
/* The same for calls from which the thread comes back. */
int64_t posix_do(system_call *call, uint64_t first, uint64_t second, uint64_t third, uint64_t fourth);
/* The current thread goes to user mode, as after an interrupt. False: it ended there. */
bool posix_go_to_user(void);
/* The thread of this number, which began in the kernel, runs until it goes to user mode. False: it ended instead. */
bool posix_begin_program(int32_t number);
/* fork, and the child's number. */
int32_t posix_fork(void);
/* The thread of this number ends its process. */
void posix_exit(int32_t number, int status);
/* Set an action of the current process. */
void posix_handle(int signal, uint64_t handler, uint64_t flags);

#endif
