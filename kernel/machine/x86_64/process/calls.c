/* System calls that are about anything but memory, and their dispatch: see calls.h. */
#include "kernel/machine/x86_64/process/calls.h"

#include "kernel/machine/bare/random/random.h"
#include "kernel/machine/bare/thread/clone.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/process/process.h"
#include "kernel/machine/x86_64/thread/machine.h"

#define NUMBERS 512u
#define OUTPUT 1u
#define ERRORS 2u
#define PIECE_BYTES 256u
#define WRITE_BYTES_MAX 16384u
#define PIECES_MAX 1024u
enum { SET_GS_BASE = 0x1001, SET_FS_BASE = 0x1002, GET_FS_BASE = 0x1003, GET_GS_BASE = 0x1004 };
#define FIRST_PROCESS 1
#define STATUS_MASK 0xffu
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

bool system_call_dispatch(struct interrupt_frame *frame) {
    interrupts_on();
    system_call *call = frame->rax < NUMBERS ? calls[frame->rax] : NULL;
    frame->rax = (uint64_t)(call != NULL ? call(&frame->rdi) : -LINUX_ENOSYS);
    interrupts_off();
    if (threads_must_leave())
        threads_leave();
    return (frame->vector & VECTOR_CHANGED) != 0;
}

/* ---- output ---- */

/*
 * At most WRITE_BYTES_MAX at once, so that a call is bounded; Linux allows a short write. Through a buffer: nothing of the
 * program's is read while the console's lock is held.
 */
static int64_t write_bytes(uint64_t from, uint64_t count) {
    char piece[PIECE_BYTES];
    uint64_t done = 0;
    if (count > WRITE_BYTES_MAX)
        count = WRITE_BYTES_MAX;
    while (done < count) {
        uint64_t size = count - done < sizeof(piece) ? count - done : sizeof(piece);
        if (!process_read(piece, from + done, size))
            return done > 0 ? (int64_t)done : -LINUX_EFAULT;
        console_write(piece, size);
        done += size;
    }
    return (int64_t)done;
}

static bool is_output(uint64_t descriptor) {
    return descriptor == OUTPUT || descriptor == ERRORS;
}

int64_t system_call_write(const uint64_t arguments[6]) {
    return is_output(arguments[0]) ? write_bytes(arguments[1], arguments[2]) : -LINUX_EBADF;
}

int64_t system_call_writev(const uint64_t arguments[6]) {
    int64_t sum = 0;
    if (!is_output(arguments[0]))
        return -LINUX_EBADF;
    if (arguments[2] > PIECES_MAX)
        return -LINUX_EINVAL;
    for (uint64_t i = 0; i < arguments[2]; i++) {
        uint64_t piece[2]; /* where, how much */
        if (!process_read(piece, arguments[1] + i * sizeof(piece), sizeof(piece)))
            return sum > 0 ? sum : -LINUX_EFAULT;
        int64_t written = write_bytes(piece[0], piece[1]);
        if (written < 0)
            return sum > 0 ? sum : written;
        sum += written;
        if ((uint64_t)written < piece[1] || sum >= WRITE_BYTES_MAX)
            break;
    }
    return sum;
}

/* No descriptor is a terminal yet. */
int64_t system_call_ioctl(const uint64_t arguments[6]) {
    return is_output(arguments[0]) ? -LINUX_ENOTTY : -LINUX_EBADF;
}

/* ---- the process ---- */

int64_t system_call_exit_group(const uint64_t arguments[6]) {
    process_end((int)(arguments[0] & STATUS_MASK));
    return 0;
}

int64_t system_call_getpid(const uint64_t arguments[6]) {
    (void)arguments;
    return FIRST_PROCESS;
}

/* The order of arguments is this processor's. */
int64_t system_call_clone(const uint64_t arguments[6]) {
    if ((arguments[0] & CLONE_THREAD) == 0)
        return -LINUX_ENOSYS; /* there is one process */
    return thread_clone(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4]);
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
