/* Faults made on purpose: see tests.h. A table of them. */
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/machine/x86_64/smp/processors.h"
#include "kernel/machine/x86_64/test/tests.h"

#include <stddef.h>
#include <string.h>

#define STEPS 1000000u

extern const char image_start[], image_rodata_end[];

static void try_panic(void) {
    panic("somebody asked for it");
}

static void try_invalid_instruction(void) {
    __asm__ volatile("ud2");
}

static void try_no_address(void) {
    volatile int *address = (volatile int *)(uintptr_t)0x10;
    __asm__ volatile("" : "+r"(address)); /* else the compiler sees that this is no object */
    *address = 1;
}

static void try_write_text(void) {
    *(volatile char *)(uintptr_t)image_start = 0;
}

static void try_write_constant(void) {
    *(volatile char *)((uintptr_t)image_rodata_end - 1) = 0;
}

static void try_execute_data(void) {
    static const unsigned char code = 0xc3; /* ret */
    unsigned char *copy = memory_take(1);
    *copy = code;
    ((void (*)(void))(uintptr_t)copy)();
}

/* Deeper than any stack; the array keeps the compiler from making a loop of it. */
static unsigned go_deeper(unsigned depth) {
    volatile char room[256] = {0};
    room[depth % sizeof(room)] = 1;
    return depth > STEPS ? 0 : go_deeper(depth + 1) + (unsigned)room[7];
}

static void try_stack_overflow(void) {
    console_print("%u\n", go_deeper(0));
}

static void try_canary(void) {
    volatile char room[16];
    volatile char *behind = room;
    __asm__ volatile("" : "+r"(behind)); /* the compiler must not see how far it goes */
    for (unsigned i = 0; i < 64; i++)
        behind[i] = 'x';
}

static void try_give_back_twice(void) {
    void *piece = memory_take(100);
    memory_give_back(piece);
    memory_give_back(piece);
}

static void panic_there(void *argument) {
    (void)argument;
    panic("on another processor");
}

static void try_other_processor(void) {
    if (processors_count() < 2)
        return;
    processors_call(1, panic_there, NULL);
    processors_wait(1);
}

static void say_last_words(void) {
    console_print("last words, and a fault in them\n");
    try_no_address();
}

static void try_last_words(void) {
    panic_set_last_words(say_last_words);
    panic("somebody wants to be heard");
}

static const struct {
    const char *name;
    void (*run)(void);
} trials[] = {
    {"panic", try_panic},
    {"invalid-instruction", try_invalid_instruction},
    {"no-address", try_no_address},
    {"write-text", try_write_text},
    {"write-constant", try_write_constant},
    {"execute-data", try_execute_data},
    {"stack-overflow", try_stack_overflow},
    {"canary", try_canary},
    {"give-back-twice", try_give_back_twice},
    {"other-processor", try_other_processor},
    {"last-words", try_last_words},
};

void trial_run(const char *name) {
    for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
        if (strcmp(trials[i].name, name) == 0)
            trials[i].run();
    console_print("trial: %s was stopped by nothing, or is not known\n", name);
    machine_exit(EXIT_FAILED);
}
