/* The kernel's last words: see panic.h. Nothing here allocates, takes a lock or trusts what it reads. */
#include "kernel/machine/x86_64/panic/panic.h"

#include "kernel/core/machine.h"
#include "kernel/machine/bare/boot/power.h"
#include "kernel/machine/bare/module/module.h"
#include "kernel/machine/bare/text/format.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/interrupt/apic.h"
#include "kernel/machine/x86_64/panic/symbols.h"

#include <stddef.h>

#define CALLS_MAX 32u
#define STACK_BYTES_MAX 65536u /* callers further up than that are not believed */
#define SENTENCE_BYTES 200u

static uint16_t exit_port;
static void (*last_words)(void); /* atomic */
static uint32_t is_in_panic; /* the number of the processor that panics, and one */

void machine_set_exit_port(uint16_t port) {
    exit_port = port;
}

bool machine_has_exit_port(void) {
    return exit_port != 0;
}

void machine_exit(uint8_t code) {
    interrupts_off();
    console_flush();
    if (exit_port != 0)
        out8(exit_port, code);
    if (code != EXIT_PANIC) /* else what was said stays to be read */
        power_switch_off();
    for (;;)
        halt();
}

extern const char image_start[];

static void print_image(void) {
    console_print("  image at %016lx\n", (uint64_t)image_start);
}

/* In the image or in a module. *module is empty for the image. */
static const char *find_name(uint64_t address, uint64_t *offset, const char **module) {
    *module = "";
    const char *name = symbols_find(address, offset);
    return name != NULL ? name : module_find_function(address, offset, module);
}

static void print_place(uint64_t address) {
    uint64_t offset = 0;
    const char *module, *name = find_name(address, &offset, &module);
    if (name != NULL)
        console_print("    %016lx %s+0x%lx%s%s\n", address, name, offset, *module != 0 ? " of module " : "", module);
    else
        console_print("    %016lx ?\n", address);
}

/*
 * Follow the frame pointers: each frame begins with its caller's pointer, then the address to return to. A chain that
 * does not go strictly upwards within one stack ends there.
 */
static void print_callers(uint64_t frame) {
    const uint64_t begin = frame;
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        if (frame < LAYOUT_DIRECT || frame % 8 != 0 || frame < begin || frame - begin > STACK_BYTES_MAX)
            break;
        const uint64_t *words = (const uint64_t *)frame;
        uint64_t offset;
        const char *module;
        if (find_name(words[1] - 1, &offset, &module) == NULL)
            break;
        print_place(words[1] - 1);
        if (words[0] <= frame)
            break;
        frame = words[0];
    }
}

static void print_registers(const struct interrupt_frame *frame) {
    console_print("  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", frame->rax, frame->rbx, frame->rcx, frame->rdx);
    console_print("  rsi %016lx  rdi %016lx  rbp %016lx  rsp %016lx\n", frame->rsi, frame->rdi, frame->rbp, frame->rsp);
    console_print("  r8  %016lx  r9  %016lx  r10 %016lx  r11 %016lx\n", frame->r8, frame->r9, frame->r10, frame->r11);
    console_print("  r12 %016lx  r13 %016lx  r14 %016lx  r15 %016lx\n", frame->r12, frame->r13, frame->r14, frame->r15);
    console_print("  rip %016lx  cs %lx  ss %lx  flags %lx  error %lx\n", frame->rip, frame->cs, frame->ss,
                  frame->rflags, frame->error);
    console_print("  cr2 %016lx  cr3 %016lx  cr4 %lx\n", read_cr2(), read_cr3(), read_cr4());
}

bool panic_is_going_on(void) {
    return __atomic_load_n(&is_in_panic, __ATOMIC_SEQ_CST) != 0;
}

void panic_stop_here(void) {
    for (;;) {
        interrupts_off();
        halt();
    }
}

/*
 * Stop the other processors. Only the first one that comes here goes on: another one waits for the first to finish, and
 * the first one itself, if telling of a fault has made another, ends without a word.
 */
static void begin(void) {
    interrupts_off();
    uint32_t expected = 0;
    if (__atomic_compare_exchange_n(&is_in_panic, &expected, processor_here()->number + 1, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST)) {
        console_enter_panic();
        apic_stop_others();
        return;
    }
    if (expected == processor_here()->number + 1)
        machine_exit(EXIT_PANIC);
    panic_stop_here();
}

void panic_set_last_words(void (*say)(void)) {
    __atomic_store_n(&last_words, say, __ATOMIC_RELEASE);
}

static _Noreturn void end(void) {
    void (*say)(void) = __atomic_load_n(&last_words, __ATOMIC_ACQUIRE);
    if (say != NULL)
        say();
    machine_exit(EXIT_PANIC);
}

void panic(const char *format, ...) {
    char sentence[SENTENCE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_text(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    begin();
    console_print("\npanic on processor %u: %s\n", processor_here()->number, sentence);
    print_image();
    print_callers((uint64_t)__builtin_frame_address(0));
    end();
}

void panic_exception(const struct interrupt_frame *frame, const char *name) {
    begin();
    console_print("\npanic on processor %u: %s in %s\n", processor_here()->number, name,
                  interrupt_is_from_user(frame) ? "a program" : "the kernel");
    print_registers(frame);
    print_image();
    print_place(frame->rip);
    print_callers(frame->rbp);
    end();
}

/* What kernel/core and kernel/machine/bare call. */
void machine_panic(const char *sentence) {
    panic("%s", sentence);
}

/* The compiler's call when the canary of a stack was overwritten. */
_Noreturn void __stack_chk_fail(void);
void __stack_chk_fail(void) {
    panic("a stack was overwritten: its canary is gone");
}
