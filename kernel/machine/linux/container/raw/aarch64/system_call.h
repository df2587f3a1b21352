/*
 * A system call without the C library, aarch64 (number in x8, arguments in x0 to x5): the result or a negative error
 * number.
 *
 * The starting child may share its memory with groved, so it must not touch the C library's errno.
 */
#ifndef GROVE_LINUX_SYSTEM_CALL_H
#define GROVE_LINUX_SYSTEM_CALL_H

static inline long system_call(long number, long a, long b, long c, long d, long e) {
    register long first __asm__("x0") = a;
    register long second __asm__("x1") = b;
    register long third __asm__("x2") = c;
    register long fourth __asm__("x3") = d;
    register long fifth __asm__("x4") = e;
    register long which __asm__("x8") = number;
    __asm__ volatile("svc 0" : "+r"(first) : "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(which) : "memory");
    return first;
}

#endif
