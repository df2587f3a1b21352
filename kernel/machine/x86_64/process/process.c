/* The first programs: see process.h. Runs on the processor that booted, with interrupts off in the kernel. */
#include "kernel/machine/x86_64/process/process.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/elf.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/process/stack.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define STACK_BYTES (UINT64_C(1) << 20)
#define GUARD_BYTES (UINT64_C(16) << 20) /* below it, so that a stack that is too deep meets nothing else */
#define MOVABLE_BASE UINT64_C(0x555555554000)
#define FLAGS_FOR_PROGRAM (FLAG_INTERRUPTS | 2u) /* bit 1 is always set */

#define ERROR_PRESENT 1u
#define ERROR_WRITE 2u
#define ERROR_FETCH 16u
#define SIGNAL_STATUS 128

uint64_t process_enter(struct interrupt_frame *frame, uint64_t *context);
_Noreturn void process_leave(uint64_t context, uint64_t value);
uint64_t user_copy(void *to, const void *from, uint64_t count);
extern const char user_copy_begin[], user_copy_end[];

static struct process *current;

struct process *process_current(void) {
    return current;
}

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

static uint32_t access_of(uint64_t error) {
    uint32_t hint = (error & ERROR_PRESENT) != 0 ? SPACE_FAULT_PRESENT : 0;
    if ((error & ERROR_FETCH) != 0)
        return AREA_EXECUTE | hint;
    return ((error & ERROR_WRITE) != 0 ? AREA_WRITE : AREA_READ) | hint;
}

static int signal_of(uint64_t vector) {
    switch (vector) {
    case 0: /* division */
    case 16: /* floating point */
    case 19: /* vector floating point */
        return LINUX_SIGFPE;
    case 6: /* invalid instruction */
        return LINUX_SIGILL;
    case VECTOR_DEBUG:
    case VECTOR_BREAKPOINT:
        return LINUX_SIGTRAP;
    case 17: /* alignment */
        return LINUX_SIGBUS;
    default:
        return LINUX_SIGSEGV;
    }
}

static _Noreturn void end_by_exception(const struct interrupt_frame *frame, uint64_t address, int signal) {
    console_print("process: %s ended by %s at %016lx, address %016lx\n", current->name,
                  interrupts_exception_name(frame->vector), frame->rip, address);
    process_end(SIGNAL_STATUS + signal);
}

static bool is_copying(const struct interrupt_frame *frame) {
    return frame->rip >= (uint64_t)user_copy_begin && frame->rip < (uint64_t)user_copy_end;
}

bool process_exception(struct interrupt_frame *frame) {
    bool is_from_user = interrupt_is_from_user(frame);
    bool is_page_fault = frame->vector == VECTOR_PAGE_FAULT;
    uint64_t address = is_page_fault ? read_cr2() : 0;
    if (frame->vector == VECTOR_NOT_MASKABLE || frame->vector == VECTOR_DOUBLE_FAULT ||
        frame->vector == VECTOR_MACHINE_CHECK)
        return false; /* the machine's fault, and no program's */
    if (current == NULL || (!is_from_user && !(is_page_fault && is_copying(frame))))
        return false;
    int signal = signal_of(frame->vector);
    if (is_page_fault && address < LAYOUT_USER_END) {
        int status = space_fault(&current->space, address, access_of(frame->error));
        if (status == 0)
            return true;
        if (status == -LINUX_ENOMEM) {
            console_print("process: %s ended for want of memory\n", current->name);
            process_end(SIGNAL_STATUS + LINUX_SIGKILL);
        }
        signal = status == -LINUX_ENXIO ? LINUX_SIGBUS : signal;
    }
    if (is_from_user)
        end_by_exception(frame, address, signal);
    frame->rip = (uint64_t)user_copy_end;
    return true;
}

/* ---- from the beginning to the end ---- */

static int add_segments(struct process *process, const struct elf_program *program, const uint8_t *image,
                        uint64_t base) {
    for (uint32_t i = 0; i < program->count; i++) {
        const struct elf_segment *segment = &program->segments[i];
        int status = space_add(&process->space, base + segment->start, base + segment->end, segment->protection,
                               image + segment->file_offset, segment->file_bytes);
        if (status < 0)
            return status;
        process->space.break_start = base + segment->end;
    }
    process->space.break_end = process->space.break_start;
    uint64_t stack = LAYOUT_USER_END - STACK_BYTES;
    int status = space_add(&process->space, stack, LAYOUT_USER_END, AREA_READ | AREA_WRITE, NULL, 0);
    return status == 0 ? space_add(&process->space, stack - GUARD_BYTES, stack, 0, NULL, 0) : status;
}

static int run(struct process *process, const struct elf_program *program, uint64_t base, const char *line,
               int *exit_status) {
    struct interrupt_frame frame = {.rip = base + program->entry,
                                    .cs = SELECTOR_USER_CODE | 3,
                                    .rflags = FLAGS_FOR_PROGRAM,
                                    .ss = SELECTOR_USER_DATA | 3};
    space_use(&process->space);
    current = process;
    int status = stack_fill(process->name, line, program, base, &frame.rsp);
    if (status == 0)
        *exit_status = (int)process_enter(&frame, &process->context);
    current = NULL;
    space_use(NULL);
    write_msr(MSR_FS_BASE, 0);
    return status;
}

int process_run(const char *name, const uint8_t *image, size_t size, const char *line, int *exit_status) {
    struct process process = {.name = name};
    struct elf_program program;
    int status = elf_read(image, size, ELF_MACHINE_X86_64, LAYOUT_USER_END - MOVABLE_BASE, &program);
    if (status == 0)
        status = space_create(&process.space);
    if (status < 0)
        return status;
    uint64_t base = program.is_movable ? MOVABLE_BASE : 0;
    status = add_segments(&process, &program, image, base);
    if (status == 0)
        status = run(&process, &program, base, line, exit_status);
    space_destroy(&process.space);
    return status;
}

void process_end(int exit_status) {
    process_leave(current->context, (uint64_t)(uint32_t)exit_status);
}
