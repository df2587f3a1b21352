/* System calls that are about anything but memory, and their dispatch: see calls.h. */
#include "kernel/machine/x86_64/process/calls.h"

#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/random/random.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/thread/machine.h"
#include "kernel/services/posix/clone.h"
#include "kernel/services/posix/missing.h"
#include "kernel/services/posix/signal_mask.h"

#define NUMBERS 512u
enum { SET_GS_BASE = 0x1001, SET_FS_BASE = 0x1002, GET_FS_BASE = 0x1003, GET_GS_BASE = 0x1004 };
#define RANDOM_BYTES_MAX (1u << 20) /* in one call; Linux allows fewer than were asked for */
#define RANDOM_PIECE_BYTES 256u
#define RANDOM_INSECURE 4u
#define RANDOM_FLAGS (RANDOM_INSECURE | 3u) /* not to wait, and from the pool itself: both mean nothing here */

void system_call_entry(void);

static system_call *const calls[NUMBERS] = {
#define ROW(name, x86_64, aarch64) [x86_64] = system_call_##name,
    SYSTEM_CALLS(ROW)
#undef ROW
};

void system_calls_enable(void) {
    write_msr(MSR_STAR, (uint64_t)SELECTOR_KERNEL_CODE << 32 | (uint64_t)(SELECTOR_KERNEL_DATA | 3) << 48);
    write_msr(MSR_LSTAR, (uint64_t)system_call_entry);
    write_msr(MSR_SYSCALL_MASK, FLAG_TRAP | FLAG_INTERRUPTS | FLAG_DIRECTION | FLAG_NESTED | FLAG_ACCESS_USER);
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SYSCALL);
}

_Static_assert(offsetof(struct interrupt_frame, rdi) + 5 * sizeof(uint64_t) == offsetof(struct interrupt_frame, r9),
               "the arguments lie side by side");

static system_call *const grove_calls[GROVE_CALLS] = {
#define ROW(name, number) [(number)-GROVE_CALL_FIRST] = system_call_##name,
    GROVE_SYSTEM_CALLS(ROW)
#undef ROW
};

static int64_t answer_missing(uint64_t number) {
    missing_count((uint32_t)number);
    return -LINUX_ENOSYS;
}

/* Calls that only Grove has lie far behind Linux's. */
static system_call *call_of(uint64_t number) {
    if (number < NUMBERS)
        return calls[number];
    return number - GROVE_CALL_FIRST < GROVE_CALLS ? grove_calls[number - GROVE_CALL_FIRST] : NULL;
}

bool system_call_dispatch(struct interrupt_frame *frame) {
    interrupts_on();
    system_call *call = call_of(frame->rax);
    frame->rax = (uint64_t)(call != NULL ? call(&frame->rdi) : answer_missing(frame->rax));
    if (signal_mask_is_other())
        thread_interrupt(thread_current());
    interrupts_off();
    if (threads_must_leave())
        threads_leave();
    return (frame->vector & VECTOR_CHANGED) != 0;
}

/* ---- the process ---- */

/* The order of arguments is this processor's. */
int64_t system_call_clone(const uint64_t arguments[6]) {
    const struct clone_plan plan = {.flags = arguments[0] & ~LINUX_CLONE_SIGNAL,
                                    .exit_signal = arguments[0] & LINUX_CLONE_SIGNAL,
                                    .stack = arguments[1],
                                    .parent_number = arguments[2],
                                    .pid_file = arguments[2],
                                    .child_number = arguments[3],
                                    .pointer = arguments[4]};
    return process_clone(&plan);
}

int64_t system_call_arch_prctl(const uint64_t arguments[6]) {
    struct thread *self = thread_current();
    const struct machine_thread *machine = machine_thread_of(self);
    const uint64_t base = arguments[0] == GET_FS_BASE ? machine->fs_base : machine->gs_base;
    switch (arguments[0]) {
    case SET_FS_BASE:
    case SET_GS_BASE:
        if (arguments[1] >= LAYOUT_USER_END)
            return -LINUX_EPERM;
        if (arguments[0] == SET_FS_BASE)
            thread_set_pointer(self, arguments[1]);
        else
            thread_set_other_pointer(self, arguments[1]);
        return 0;
    case GET_FS_BASE:
    case GET_GS_BASE:
        return process_write(arguments[1], &base, sizeof(base)) ? 0 : -LINUX_EFAULT;
    default:
        return -LINUX_EINVAL;
    }
}

/* ---- chance ---- */

/*
 * What is given out is good enough for a program's secrets, or is asked for as what need not be. A pool that is not ready has
 * nobody to wait for: no device may ever come.
 */
int64_t system_call_getrandom(const uint64_t arguments[6]) {
    uint8_t piece[RANDOM_PIECE_BYTES];
    uint64_t count = arguments[1] < RANDOM_BYTES_MAX ? arguments[1] : RANDOM_BYTES_MAX;
    if ((arguments[2] & ~(uint64_t)RANDOM_FLAGS) != 0)
        return -LINUX_EINVAL;
    if ((arguments[2] & RANDOM_INSECURE) == 0 && !random_is_ready(&random_kernel))
        return -LINUX_ENOSYS;
    for (uint64_t done = 0; done < count;) {
        uint64_t size = count - done < sizeof(piece) ? count - done : sizeof(piece);
        random_fill(&random_kernel, piece, size);
        if (!process_write(arguments[0] + done, piece, size))
            return done > 0 ? (int64_t)done : -LINUX_EFAULT;
        done += size;
    }
    return (int64_t)count;
}
