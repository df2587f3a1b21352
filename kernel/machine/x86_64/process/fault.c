/*
 * Exceptions of programs, and copies of their memory: see fault.h and user_memory.h.
 *
 * A page may have to be filled in, for which the thread may sleep: so interrupts are on meanwhile. Where the kernel touches a
 * program's memory with a spin lock held, nothing is filled in, and it is told that there is nothing.
 */
#include "kernel/machine/x86_64/process/fault.h"

#include "grove/abi/status.h"
#include "kernel/core/machine.h"
#include "kernel/machine/bare/mm/space.h"
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/thread/machine.h"
#include "kernel/services/posix/process.h"
#include "kernel/services/vfs/errors.h"

#define ERROR_PRESENT 1u
#define ERROR_WRITE 2u
#define ERROR_FETCH 16u
#define CODE_NOT_MAPPED 1 /* si_code of SIGSEGV and SIGBUS, as Linux numbers them */
#define CODE_NOT_ALLOWED 2 /* of SIGSEGV */
#define CODE_NO_ADDRESS 2 /* of SIGBUS */
#define CODE_KERNEL 0x80 /* SI_KERNEL */
#define CODE_DIVISION 1
#define CODE_FLOATING 3
#define CODE_INSTRUCTION 2
#define CODE_BREAKPOINT 1

#define TEXT_PIECE_BYTES 64u /* a page is a multiple of it */

uint64_t user_copy(void *to, const void *from, uint64_t count);
uint64_t user_load_word(uint64_t address);
extern const char user_load_word_begin[], user_load_word_end[];
extern const char user_copy_begin[], user_copy_bytes[], user_copy_end[];

/* ---- copies ---- */

/* The processor refuses what the program may not touch there: pages without access for it are not there for the kernel. */
static bool is_users(uint64_t start, size_t size) {
    return start < SPACE_END && size <= SPACE_END - start;
}

bool process_read(void *to, uint64_t from, size_t size) {
    return is_users(from, size) && user_copy(to, (const void *)from, size) == 0;
}

bool process_write(uint64_t to, const void *from, size_t size) {
    return is_users(to, size) && user_copy((void *)to, from, size) == 0;
}

/* The kernel's own memory lies above; where a program says that its own does, nothing is copied. */
size_t process_copy_present(void *to, const void *from, size_t size) {
    uint64_t address = (uint64_t)to < SPACE_END ? (uint64_t)to : (uint64_t)from;
    if (address >= SPACE_END)
        return 0;
    if (size > SPACE_END - address)
        size = SPACE_END - address;
    return size - user_copy(to, from, size);
}

bool process_load_present(uint64_t address, uint32_t *value) {
    uint64_t loaded = user_load_word(address);
    if (loaded > UINT32_MAX)
        return false;
    *value = (uint32_t)loaded;
    return true;
}

bool process_bring_in(uint64_t address, bool is_write) {
    struct space *space = process_space(process_current());
    /* It may be there and shared with a child, to be copied before it is written. */
    uint32_t access = (is_write ? AREA_WRITE : AREA_READ) | SPACE_FAULT_PRESENT;
    return address < SPACE_END && space_fault(space, address, access) == 0;
}

/* In pieces that lie in one page each, so that nothing behind the text's own page is touched. */
int process_read_text(char *to, uint64_t from, size_t size) {
    for (size_t done = 0; done < size;) {
        size_t piece = TEXT_PIECE_BYTES - (from + done) % TEXT_PIECE_BYTES;
        piece = piece < size - done ? piece : size - done;
        if (!process_read(to + done, from + done, piece))
            return -LINUX_EFAULT;
        for (size_t end = done + piece; done < end; done++)
            if (to[done] == 0)
                return (int)done;
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

/* `status` is what filling the page in came to, if it was tried. */
static void end_by_exception(const struct interrupt_frame *frame, uint64_t address, int status) {
    int signal = LINUX_SIGSEGV, code = CODE_KERNEL;
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (signals[i].vector == frame->vector) {
            signal = signals[i].signal;
            code = signals[i].code;
        }
    if (status == -LINUX_EACCES)
        code = CODE_NOT_ALLOWED;
    if (status == -LINUX_ENXIO) {
        signal = LINUX_SIGBUS;
        code = CODE_NO_ADDRESS;
    }
    if (!signal_is_handled(signal))
        console_print("process: %s ended by %s at %016lx, address %016lx\n", process_current()->name,
                      interrupts_exception_name(frame->vector), frame->rip, address);
    (void)process_fault(thread_current(), signal, code, address);
}

static bool lies_in(uint64_t address, const char *begin, const char *end) {
    return address >= (uint64_t)begin && address < (uint64_t)end;
}

/* Where the kernel goes on that touched what is not there; 0: it must never have. */
static uint64_t way_out(const struct interrupt_frame *frame) {
    if (lies_in(frame->rip, user_copy_begin, user_copy_bytes))
        return (uint64_t)user_copy_bytes;
    if (frame->rip == (uint64_t)user_load_word_begin)
        return (uint64_t)user_load_word_end;
    return lies_in(frame->rip, user_copy_bytes, user_copy_end) ? (uint64_t)user_copy_end : 0;
}

static uint32_t access_of(uint64_t error) {
    uint32_t hint = (error & ERROR_PRESENT) != 0 ? SPACE_FAULT_PRESENT : 0;
    if ((error & ERROR_FETCH) != 0)
        return AREA_EXECUTE | hint;
    return ((error & ERROR_WRITE) != 0 ? AREA_WRITE : AREA_READ) | hint;
}

/* Fill the page in, with the results of space_fault. Without memory the program ends. */
static int mend(uint64_t address, uint64_t error) {
    struct process *process = process_current();
    struct space *space = process_space(process);
    if (machine_thread_of(thread_current())->space != space)
        machine_panic("a thread does not use its process's memory");
    hold_begin();
    bool is_loaded = processor_here()->space == space && read_cr3() == space->tables.root;
    hold_end();
    if (!is_loaded)
        machine_panic("a thread's memory is not the one that its processor has loaded");
    int status = space_fault(space, address, access_of(error));
    if (status == -LINUX_ENOMEM) {
        console_print("process: %s ended for want of memory\n", process->name);
        process_end_without_memory();
    }
    return status;
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
    int status = is_page_fault && address < LAYOUT_USER_END ? mend(address, frame->error) : -LINUX_EFAULT;
    bool is_good = status == 0;
    if (!is_good && is_from_user && process_current()->state == PROCESS_LIVES)
        end_by_exception(frame, address, status);
    interrupts_off();
    if (!is_good && !is_from_user)
        frame->rip = out;
    return true;
}
