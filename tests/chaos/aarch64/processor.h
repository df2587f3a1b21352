/* The registers of a system call, and what stands in for the clock of the vDSO, on AArch64. */
#ifndef GROVE_CHAOS_PROCESSOR_H
#define GROVE_CHAOS_PROCESSOR_H

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>

#define CLOCK_SYMBOL "__kernel_clock_gettime"
#define DAY_SYMBOL "__kernel_gettimeofday"

/* mov x8, #number; svc #0; ret: the arguments are where the function has them. */
static const unsigned char clock_code[12] = {0x28, 0x0e, 0x80, 0xd2, 0x01, 0, 0, 0xd4, 0xc0, 0x03, 0x5f, 0xd6};
static const unsigned char day_code[12] = {0x28, 0x15, 0x80, 0xd2, 0x01, 0, 0, 0xd4, 0xc0, 0x03, 0x5f, 0xd6};

/* The call that a stopped thread is about to make is not made. */
static inline int skip_call(pid_t thread) {
    int number = -1;
    struct iovec part = {&number, sizeof number};
    return ptrace(PTRACE_SETREGSET, thread, NT_ARM_SYSTEM_CALL, &part) < 0 ? -1 : 0;
}

static inline int set_result(pid_t thread, long result) {
    struct user_regs_struct registers;
    struct iovec part = {&registers, sizeof registers};
    if (ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &part) < 0)
        return -1;
    registers.regs[0] = (unsigned long long)result;
    return ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &part) < 0 ? -1 : 0;
}

#endif
