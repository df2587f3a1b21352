/* System calls that are about anything but memory, and their dispatch: see calls.h. */
#include "kernel/machine/x86_64/process/calls.h"

#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/process/process.h"
#include "kernel/machine/x86_64/time/clock.h"

#define NUMBERS 512u
#define OUTPUT 1u
#define ERRORS 2u
#define PIECE_BYTES 256u
#define WRITE_BYTES_MAX 16384u
#define PIECES_MAX 1024u
#define SEGMENT_BASE_FS 0x1002u
#define CLOCK_MONOTONIC 1u
#define CLOCK_MONOTONIC_RAW 4u
#define CLOCK_BOOT 7u
#define NS_PER_SECOND UINT64_C(1000000000)
#define FIRST_PROCESS 1
#define STATUS_MASK 0xffu
#define RANDOM_BYTES_MAX 256u

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

void system_call_dispatch(struct interrupt_frame *frame) {
    const uint64_t arguments[6] = {frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9};
    system_call *call = frame->rax < NUMBERS ? calls[frame->rax] : NULL;
    frame->rax = (uint64_t)(call != NULL ? call(arguments) : -LINUX_ENOSYS);
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

int64_t system_call_exit(const uint64_t arguments[6]) {
    process_end((int)(arguments[0] & STATUS_MASK));
}

int64_t system_call_exit_group(const uint64_t arguments[6]) {
    process_end((int)(arguments[0] & STATUS_MASK));
}

int64_t system_call_getpid(const uint64_t arguments[6]) {
    (void)arguments;
    return FIRST_PROCESS;
}

/* Its one thread ends with the process, so nobody is left to be woken at that address. */
int64_t system_call_set_tid_address(const uint64_t arguments[6]) {
    (void)arguments;
    return FIRST_PROCESS;
}

int64_t system_call_arch_prctl(const uint64_t arguments[6]) {
    if (arguments[0] != SEGMENT_BASE_FS || arguments[1] >= LAYOUT_USER_END)
        return -LINUX_EINVAL;
    write_msr(MSR_FS_BASE, arguments[1]);
    return 0;
}

/* ---- time and chance ---- */

int64_t system_call_clock_gettime(const uint64_t arguments[6]) {
    /* What day it is, this kernel does not know yet. */
    if (arguments[0] != CLOCK_MONOTONIC && arguments[0] != CLOCK_MONOTONIC_RAW && arguments[0] != CLOCK_BOOT)
        return -LINUX_EINVAL;
    uint64_t now = clock_now_ns();
    const uint64_t time[2] = {now / NS_PER_SECOND, now % NS_PER_SECOND};
    return process_write(arguments[1], time, sizeof(time)) ? 0 : -LINUX_EFAULT;
}

/* Only what the processor itself makes is good enough for a program's secrets. */
int64_t system_call_getrandom(const uint64_t arguments[6]) {
    uint64_t count = arguments[1] < RANDOM_BYTES_MAX ? arguments[1] : RANDOM_BYTES_MAX;
    if (!processor_features.has_random)
        return -LINUX_ENOSYS;
    for (uint64_t done = 0; done < count;) {
        uint64_t random = processor_random();
        uint64_t size = count - done < sizeof(random) ? count - done : sizeof(random);
        if (!process_write(arguments[0] + done, &random, size))
            return -LINUX_EFAULT;
        done += size;
    }
    return (int64_t)count;
}
