/*
 * Exceptions of programs, and copies of their memory: see fault.h and user_memory.h.
 *
 * A page may have to be filled in, for which the thread may sleep: so interrupts are on meanwhile. Where the kernel touches a
 * program's memory with a spin lock held (words of futexes), nothing is filled in, and it is told that there is nothing.
 */
#include "kernel/machine/x86_64/process/fault.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/process/process.h"
#include "kernel/services/vfs/errors.h"

#define ERROR_WRITE 2u
#define ERROR_FETCH 16u
#define SIGNAL_STATUS 128
#define CODE_NOT_MAPPED 1 /* si_code of SIGSEGV and SIGBUS, as Linux numbers them */
#define CODE_KERNEL 0x80 /* SI_KERNEL */
#define CODE_DIVISION 1
#define CODE_FLOATING 3
#define CODE_INSTRUCTION 2
#define CODE_BREAKPOINT 1

uint64_t user_copy(void *to, const void *from, uint64_t count);
extern const char user_copy_begin[], user_copy_end[], user_words_begin[], user_words_end[], user_words_failed[];

/* ---- copies ---- */

static bool allows(uint64_t start, size_t size, uint32_t access) {
    struct process *process = process_current();
    process_take_memory(process);
    bool is_allowed = space_allows(&process->space, start, size, access);
    process_give_memory_up(process);
    return is_allowed;
}

bool process_read(void *to, uint64_t from, size_t size) {
    return allows(from, size, AREA_READ) && user_copy(to, (const void *)from, size) == 0;
}

bool process_write(uint64_t to, const void *from, size_t size) {
    return allows(to, size, AREA_WRITE) && user_copy((void *)to, from, size) == 0;
}

int process_read_text(char *to, uint64_t from, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (!process_read(&to[i], from + i, 1))
            return -LINUX_EFAULT;
        if (to[i] == 0)
            return (int)i;
    }
    return -LINUX_ENAMETOOLONG;
}

/* ---- exceptions ---- */

static const struct {
    uint8_t vector;
    int signal, code;
} signals[] = {
    {0, LINUX_SIGFPE, CODE_DIVISION},
    {VECTOR_DEBUG, LINUX_SIGTRAP, CODE_BREAKPOINT},
    {VECTOR_BREAKPOINT, LINUX_SIGTRAP, CODE_KERNEL},
    {6, LINUX_SIGILL, CODE_INSTRUCTION},
    {VECTOR_PAGE_FAULT, LINUX_SIGSEGV, CODE_NOT_MAPPED},
    {16, LINUX_SIGFPE, CODE_FLOATING},
    {17, LINUX_SIGBUS, CODE_NOT_MAPPED},
    {19, LINUX_SIGFPE, CODE_FLOATING},
};

static void end_by_exception(const struct interrupt_frame *frame, uint64_t address) {
    int signal = LINUX_SIGSEGV, code = CODE_KERNEL;
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (signals[i].vector == frame->vector) {
            signal = signals[i].signal;
            code = signals[i].code;
        }
    console_print("process: %s ended by %s at %016lx, address %016lx\n", process_current()->name,
                  interrupts_exception_name(frame->vector), frame->rip, address);
    (void)process_fault(thread_current(), signal, code, address);
}

static bool lies_in(uint64_t address, const char *begin, const char *end) {
    return address >= (uint64_t)begin && address < (uint64_t)end;
}

/* Where the kernel goes on that touched what is not there; 0: it must never have. */
static uint64_t way_out(const struct interrupt_frame *frame) {
    if (lies_in(frame->rip, user_copy_begin, user_copy_end))
        return (uint64_t)user_copy_end;
    return lies_in(frame->rip, user_words_begin, user_words_end) ? (uint64_t)user_words_failed : 0;
}

static uint32_t access_of(uint64_t error) {
    if ((error & ERROR_FETCH) != 0)
        return AREA_EXECUTE;
    return (error & ERROR_WRITE) != 0 ? AREA_WRITE : AREA_READ;
}

/* Fill the page in. True: the access may be tried again, or the program ends anyway. */
static bool is_mended(uint64_t address, uint64_t error) {
    struct process *process = process_current();
    process_take_memory(process);
    int status = space_fault(&process->space, address, access_of(error));
    process_give_memory_up(process);
    if (status == GROVE_NO_MEMORY) {
        console_print("process: %s ended for want of memory\n", process->name);
        process_end(SIGNAL_STATUS + LINUX_SIGKILL);
    }
    return status == 0;
}

bool process_exception(struct interrupt_frame *frame) {
    bool is_from_user = interrupt_is_from_user(frame), is_page_fault = frame->vector == VECTOR_PAGE_FAULT;
    uint64_t address = is_page_fault ? read_cr2() : 0, out = is_page_fault ? way_out(frame) : 0;
    if (frame->vector == VECTOR_NOT_MASKABLE || frame->vector == VECTOR_DOUBLE_FAULT ||
        frame->vector == VECTOR_MACHINE_CHECK)
        return false; /* the machine's fault, and no program's */
    if (!is_from_user && (out == 0 || thread_current() == NULL || process_current() == NULL))
        return false;
    if (!is_from_user && (frame->rflags & FLAG_INTERRUPTS) == 0) {
        frame->rip = out;
        return true;
    }
    interrupts_on();
    bool is_good = is_page_fault && address < LAYOUT_USER_END && is_mended(address, frame->error);
    if (!is_good && is_from_user && !__atomic_load_n(&process_current()->is_ending, __ATOMIC_RELAXED))
        end_by_exception(frame, address);
    interrupts_off();
    if (!is_good && !is_from_user)
        frame->rip = out;
    return true;
}
