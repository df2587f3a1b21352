/* A program that does what it must not: `attack NAME`. It must be ended for it, and the kernel must not. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UPPER_HALF UINT64_C(0xffff800000000000)
#define IMAGE UINT64_C(0xffffffff80100000)

static void read_kernel(void) {
    printf("%d\n", *(volatile int *)(uintptr_t)UPPER_HALF);
}

static void write_kernel(void) {
    *(volatile int *)(uintptr_t)IMAGE = 0;
}

static void jump_to_kernel(void) {
    ((void (*)(void))(uintptr_t)IMAGE)();
}

static void privileged(void) {
    __asm__ volatile("cli");
}

static void use_a_port(void) {
    __asm__ volatile("outb %0, %1" : : "a"((unsigned char)0x10), "Nd"((unsigned short)0xf4));
}

static void write_text(void) {
    *(volatile char *)(uintptr_t)write_text = 0;
}

static void execute_stack(void) {
    volatile unsigned char code[] = {0xc3};
    ((void (*)(void))(uintptr_t)code)();
}

static void divide(void) {
    volatile int number = 7, zero = 0;
    printf("%d\n", number / zero); // cppcheck-suppress zerodiv
}

static unsigned deeper(unsigned depth) {
    volatile char room[4096] = {0};
    room[depth % sizeof(room)] = 1;
    return depth == 0 ? 0 : deeper(depth - 1) + (unsigned)room[7];
}

static void overflow_stack(void) {
    printf("%u\n", deeper(100000));
}

static void take_all_memory(void) {
    for (;;) {
        unsigned char *block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED)
            _exit(1);
        memset(block, 1, 1 << 20);
    }
}

/* Flags and segments that an entry of the kernel could trip over. */
static void wild_flags(void) {
    __asm__ volatile(
        "pushfq\n\t"
        "orq $0x44500, (%%rsp)\n\t" /* direction, trap, nested, alignment: the first instruction then traps */
        "popfq\n\t"
        "syscall"
        :
        : "a"(39)
        : "rcx", "r11", "memory");
}

/* Pointers into the kernel as arguments are refused, every one; then it ends by itself. */
static void pass_kernel_pointers(void) {
    static const uint64_t addresses[] = {UPPER_HALF, IMAGE, UINT64_MAX - 8, UINT64_C(0x7ffffffffff8), 8};
    int refused = 0;
    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        refused += syscall(SYS_write, 1, addresses[i], 16) == -1;
        refused += syscall(SYS_writev, 1, addresses[i], 2) == -1;
        refused += syscall(SYS_clock_gettime, 1, addresses[i]) == -1;
        refused += syscall(SYS_getrandom, addresses[i], 16, 0) == -1;
    }
    refused += syscall(SYS_arch_prctl, 0x1002, UPPER_HALF) == -1;
    refused += syscall(SYS_mmap, UPPER_HALF, 4096, 3, 0x32, -1, 0) == -1;
    refused += syscall(SYS_munmap, UPPER_HALF, 4096) == -1;
    refused += syscall(SYS_mprotect, UPPER_HALF, 4096, 1) == -1;
    refused += syscall(9999) == -1;
    refused += syscall(-1L) == -1;
    printf("refused %d of 26\n", refused);
    exit(refused == 26 ? 0 : 1);
}

static const struct {
    const char *name;
    void (*run)(void);
} attacks[] = {
    {"read-kernel", read_kernel},       {"write-kernel", write_kernel},
    {"jump-to-kernel", jump_to_kernel}, {"privileged", privileged},
    {"use-a-port", use_a_port},         {"write-text", write_text},
    {"execute-stack", execute_stack},   {"divide", divide},
    {"overflow-stack", overflow_stack}, {"take-all-memory", take_all_memory},
    {"wild-flags", wild_flags},         {"pass-kernel-pointers", pass_kernel_pointers},
};

int main(int count, char **arguments) {
    for (size_t i = 0; count == 2 && i < sizeof(attacks) / sizeof(attacks[0]); i++)
        if (strcmp(arguments[1], attacks[i].name) == 0)
            attacks[i].run();
    return 99;
}
