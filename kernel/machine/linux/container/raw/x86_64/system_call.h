/*
 * A system call without the C library, x86_64 (System V ABI, A.2.1): the result or a negative error number.
 *
 * The starting child may share its memory with groved, so it must not touch the C library's errno.
 */
#ifndef GROVE_LINUX_SYSTEM_CALL_H
#define GROVE_LINUX_SYSTEM_CALL_H

static inline long system_call(long number, long a, long b, long c, long d, long e) {
    long result;
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory");
    return result;
}

#endif
