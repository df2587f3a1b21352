/*
 * What this layer needs of the machine besides its threads (kernel/machine/bare/thread/thread.h) and its copies of a
 * program's memory (kernel/machine/bare/process/user_memory.h). Each machine defines these; so do the unit tests.
 *
 * Memory for this layer's own objects comes from the file system layer's machine (vfs/machine.h).
 */
#ifndef GROVE_POSIX_MACHINE_H
#define GROVE_POSIX_MACHINE_H

#include "kernel/services/posix/process.h"

struct memory_account;

/* Process 1 has ended, and all others: so will the machine. `status` as wait tells it. The last thread only has to go yet. */
void machine_end(int32_t status);
/* reboot(2): begin again, or switch the machine off. */
_Noreturn void machine_leave(bool is_restart);
uint64_t machine_chance(void);
/* Nanoseconds that a thread ran, in all. The lock of processes is held. */
uint64_t machine_thread_time(struct thread *thread);
/* Memory as sysinfo tells it, in bytes. */
void machine_memory_facts(uint64_t *total_bytes, uint64_t *free_bytes);
/* Every processor passes a full memory barrier between the beginning and the end of this. Without locks; may wait. */
void machine_barrier(void);

/* ---- address spaces: without locks, may wait ---- */

struct machine_layout {
    uint64_t start, end; /* addresses that a program may have */
    uint64_t movable; /* where programs that may lie anywhere are put, before chance moves them */
    uint16_t elf_machine;
    uint64_t capabilities; /* AT_HWCAP */
    uint64_t more_capabilities; /* AT_HWCAP2 */
    const char *platform; /* AT_PLATFORM, and what uname calls the machine */
};
const struct machine_layout *machine_layout(void);

/* An empty one, charged to this account; NULL: to nobody. -LINUX_ENOMEM. */
int machine_space_create(struct memory_account *account, struct space **space);
/* A copy for a child: private memory is copied, at the latest when it is written to. */
int machine_space_fork(struct space *from, struct space **to);
/* No thread uses it. */
void machine_space_destroy(struct space *space);
/*
 * Private memory [start, end), whole pages, that begins with `bytes` bytes of the file from `offset` on (a multiple of a
 * page) and goes on with zeros; without a file, or with bytes 0, all zeros. `protection`: enum area_protection. Errors of
 * mmap.
 */
int machine_space_map(struct space *space, uint64_t start, uint64_t end, uint32_t protection, struct inode *file,
                      uint64_t offset, uint64_t bytes);
/* What was mapped of the file of this place, whoever did it, is told by this name. */
void machine_space_name(const struct path *path);
/* What a process may have of it, from now on. */
void machine_space_set_limits(struct space *space, const struct limits *limits);
/* The stack: private memory that ends at `top` and may grow downwards to this size. Errors of mmap. */
int machine_space_map_stack(struct space *space, uint64_t top, uint64_t bytes);
/* Where brk begins, and below which address mmap looks for room, downwards. */
void machine_space_set_room(struct space *space, uint64_t break_start, uint64_t room_end);
/* Map from what programs read the time; *header is its address (AT_SYSINFO_EHDR), 0: there is no such thing. Errors of mmap. */
int machine_space_map_clock(struct space *space, uint64_t *header);
/* ---- what the current thread was doing in user mode ---- */

/* The number of the system call it is in; -1: an interrupt or exception brought it into the kernel. */
int64_t machine_call_number(struct thread *thread);
int64_t machine_call_result(struct thread *thread);
const uint64_t *machine_call_arguments(struct thread *thread); /* as it was made with */
/* Make the call again on return to user mode, with its number or as restart_syscall. */
void machine_call_again(struct thread *thread, bool as_restart);
/* From now on it is in no system call: what was decided about its result is not decided again. */
void machine_call_forget(struct thread *thread);

/* How a handler is entered. */
struct frame_plan {
    struct signal_action action;
    struct signal_info info;
    uint64_t blocked; /* what sigreturn sets back */
    uint64_t stack_start, stack_bytes; /* the alternate stack; 0 bytes: there is none */
    uint32_t stack_flags; /* as sigaltstack tells them */
    bool is_on_alternate; /* the frame begins at the end of that stack */
};
/*
 * Lay a frame on the current thread's stack and let it go on in the handler. -LINUX_EFAULT: there is no such memory, or no
 * such handler; nothing else changed then.
 */
int machine_frame_push(struct thread *thread, const struct frame_plan *plan);
/*
 * sigreturn: let it go on as before; *plan gets `blocked` and the alternate stack. -LINUX_EFAULT: it is no frame. Returns the
 * value that its result register is to have, by *result.
 */
int machine_frame_pop(struct thread *thread, struct frame_plan *plan, int64_t *result);
/* Is the program's stack pointer in [start, start + bytes)? */
bool machine_is_on_stack(struct thread *thread, uint64_t start, uint64_t bytes);

#endif
