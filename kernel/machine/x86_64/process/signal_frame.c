/*
 * Handlers of signals on x86-64: the frame that lies on the program's stack while one runs, as Linux lays it out.
 *
 *     stack pointer -> address of the restorer | struct user_context | siginfo_t | ... | vector registers (aligned to 64)
 *
 * What the program finds there it may change, and sigreturn loads it again: so nothing of it is believed (thread_make_safe,
 * vector_check). A frame that cannot be laid or read changes nothing.
 */
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/thread/machine.h"
#include "kernel/machine/x86_64/thread/vector.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define RED_ZONE_BYTES 128u /* below the stack pointer, the program's without asking */
#define CONTEXT_FLAGS 7u /* vector state of XSAVE; SS is there, and counts */
#define CONTEXT_FLAGS_PLAIN 6u
#define FLAG_DIRECTION_BIT (UINT64_C(1) << 10)
#define FLAG_TRAP_BIT (UINT64_C(1) << 8)
#define FLAG_RESUME_BIT (UINT64_C(1) << 16)
#define CALL_BYTES 2u /* of the instruction SYSCALL */
#define CALL_RESTART 219u /* restart_syscall */

#define LEGACY_BYTES 512u
#define HEADER_BYTES 64u
#define NOTE_AT 464u /* in the legacy area: what of it the kernel says about the rest */
#define MAGIC_FIRST 0x46505853u
#define MAGIC_LAST 0x46505845u
#define LEGACY_STATE UINT64_C(3)

struct user_context {
    uint64_t flags, link;
    uint64_t stack_start;
    uint32_t stack_flags, unused;
    uint64_t stack_bytes;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error, trap, old_mask, cr2;
    uint64_t vector_at;
    uint64_t reserved[8];
    uint64_t blocked;
};
_Static_assert(sizeof(struct user_context) == 304, "as Linux lays it out");

struct signal_frame {
    uint64_t restorer;
    struct user_context context;
    uint8_t info[SIGNAL_INFO_BYTES];
};

/* Behind the vector registers the program finds MAGIC_LAST, if all of them are there. */
struct vector_note {
    uint32_t magic, all_bytes;
    uint64_t state;
    uint32_t bytes, unused[7];
};
_Static_assert(sizeof(struct vector_note) == LEGACY_BYTES - NOTE_AT, "up to the end of the legacy area");

/* Without marking it as changed. */
static struct interrupt_frame *frame_of(struct thread *thread) {
    return &((struct thread_registers *)machine_thread_of(thread)->stack_end - 1)->frame;
}

static struct interrupt_frame *changed_frame_of(struct thread *thread) {
    return &thread_user_registers(thread)->frame;
}

/* ---- the call that the thread is in ---- */

int64_t machine_call_number(struct thread *thread) {
    const struct interrupt_frame *frame = frame_of(thread);
    return (frame->vector & VECTOR_SYSTEM_CALL) != 0 ? (int64_t)frame->error : -1;
}

int64_t machine_call_result(struct thread *thread) {
    return (int64_t)frame_of(thread)->rax;
}

const uint64_t *machine_call_arguments(struct thread *thread) {
    return &frame_of(thread)->rdi;
}

void machine_call_again(struct thread *thread, bool as_restart) {
    struct interrupt_frame *frame = changed_frame_of(thread);
    frame->rip -= CALL_BYTES;
    frame->rax = as_restart ? CALL_RESTART : frame->error;
}

void machine_call_forget(struct thread *thread) {
    frame_of(thread)->vector &= ~(uint64_t)VECTOR_SYSTEM_CALL;
}

bool machine_is_on_stack(struct thread *thread, uint64_t start, uint64_t bytes) {
    uint64_t stack = frame_of(thread)->rsp;
    return stack > start && stack - start <= bytes;
}

/* ---- vector registers ---- */

/* The current thread's, onto its stack. */
static bool put_vector(struct thread *thread, uint64_t at) {
    void *area = machine_thread_of(thread)->vector;
    uint32_t bytes = vector_bytes(), last = MAGIC_LAST;
    struct vector_note note = {.magic = MAGIC_FIRST, .all_bytes = bytes + 4, .state = vector_state(), .bytes = bytes};
    hold_begin(); /* what is in the processor is this thread's only as long as it stays there */
    vector_save(area);
    hold_end();
    if (!process_write(at, area, bytes))
        return false;
    if (vector_state() == 0)
        return true;
    return process_write(at + NOTE_AT, &note, sizeof(note)) && process_write(at + bytes, &last, sizeof(last));
}

static bool has_all(uint64_t at) {
    struct vector_note note;
    uint32_t last;
    return vector_state() != 0 && process_read(&note, at + NOTE_AT, sizeof(note)) && note.magic == MAGIC_FIRST &&
           note.bytes == vector_bytes() && process_read(&last, at + note.bytes, sizeof(last)) && last == MAGIC_LAST;
}

/* What lies at `at` (0: as a program begins) becomes the current thread's. */
static bool take_vector(struct thread *thread, uint64_t at) {
    uint8_t bytes[VECTOR_BYTES_MAX] __attribute__((aligned(VECTOR_ALIGNMENT)));
    uint32_t size = vector_bytes();
    vector_init(bytes);
    if (at != 0 && has_all(at)) {
        if (!process_read(bytes, at, size))
            return false;
    } else if (at != 0) {
        uint64_t state = LEGACY_STATE;
        if (!process_read(bytes, at, LEGACY_BYTES))
            return false;
        if (vector_state() != 0)
            memcpy(bytes + LEGACY_BYTES, &state, sizeof(state));
    }
    if (!vector_check(bytes))
        return false;
    hold_begin();
    memcpy(machine_thread_of(thread)->vector, bytes, size);
    vector_load(machine_thread_of(thread)->vector);
    hold_end();
    return true;
}

/* ---- into the handler ---- */

static void fill_context(const struct interrupt_frame *frame, const struct frame_plan *plan, struct user_context *context) {
    bool is_exception = (frame->vector & (VECTOR_SYSTEM_CALL | 0xe0u)) == 0;
    *context = (struct user_context){
        .flags = vector_state() != 0 ? CONTEXT_FLAGS : CONTEXT_FLAGS_PLAIN,
        .stack_start = plan->stack_start,
        .stack_flags = plan->stack_flags,
        .stack_bytes = plan->stack_bytes,
        .r8 = frame->r8,
        .r9 = frame->r9,
        .r10 = frame->r10,
        .r11 = frame->r11,
        .r12 = frame->r12,
        .r13 = frame->r13,
        .r14 = frame->r14,
        .r15 = frame->r15,
        .rdi = frame->rdi,
        .rsi = frame->rsi,
        .rbp = frame->rbp,
        .rbx = frame->rbx,
        .rdx = frame->rdx,
        .rax = frame->rax,
        .rcx = frame->rcx,
        .rsp = frame->rsp,
        .rip = frame->rip,
        .rflags = frame->rflags,
        .cs = SELECTOR_USER_CODE | 3,
        .ss = SELECTOR_USER_DATA | 3,
        .error = is_exception ? frame->error : 0,
        .trap = is_exception ? frame->vector & 0xff : 0,
        .cr2 = is_exception && (frame->vector & 0xff) == VECTOR_PAGE_FAULT ? plan->info.fault.address : 0,
        .blocked = plan->blocked,
    };
}

int machine_frame_push(struct thread *thread, const struct frame_plan *plan) {
    const struct interrupt_frame *before = frame_of(thread);
    struct signal_frame signal = {.restorer = plan->action.restorer};
    uint64_t top = plan->is_on_alternate ? plan->stack_start + plan->stack_bytes : before->rsp - RED_ZONE_BYTES;
    if (plan->action.handler >= LAYOUT_USER_END || (plan->action.flags & LINUX_SA_RESTORER) == 0)
        return -LINUX_EFAULT;
    uint64_t vector_at = (top - vector_bytes() - 4) & ~(uint64_t)(VECTOR_ALIGNMENT - 1);
    uint64_t at = ((vector_at - sizeof(signal)) & ~UINT64_C(15)) - 8; /* as if it was called */
    if (top > LAYOUT_USER_END || at > top || (plan->is_on_alternate && at < plan->stack_start))
        return -LINUX_EFAULT;
    fill_context(before, plan, &signal.context);
    signal.context.vector_at = vector_at;
    memcpy(signal.info, &plan->info, sizeof(plan->info));
    if (!put_vector(thread, vector_at) || !process_write(at, &signal, sizeof(signal)))
        return -LINUX_EFAULT;
    struct interrupt_frame *frame = changed_frame_of(thread);
    frame->rip = plan->action.handler;
    frame->rsp = at;
    frame->rdi = (uint64_t)plan->info.signal;
    frame->rsi = at + offsetof(struct signal_frame, info);
    frame->rdx = at + offsetof(struct signal_frame, context);
    frame->rax = 0;
    frame->rflags &= ~(FLAG_DIRECTION_BIT | FLAG_TRAP_BIT | FLAG_RESUME_BIT);
    machine_call_forget(thread);
    return 0;
}

/* ---- and back ---- */

static void restore_registers(struct interrupt_frame *frame, const struct user_context *context) {
    *frame = (struct interrupt_frame){
        .r8 = context->r8,
        .r9 = context->r9,
        .r10 = context->r10,
        .r11 = context->r11,
        .r12 = context->r12,
        .r13 = context->r13,
        .r14 = context->r14,
        .r15 = context->r15,
        .rdi = context->rdi,
        .rsi = context->rsi,
        .rbp = context->rbp,
        .rbx = context->rbx,
        .rdx = context->rdx,
        .rax = context->rax,
        .rcx = context->rcx,
        .rsp = context->rsp,
        .rip = context->rip,
        .rflags = context->rflags,
        .cs = SELECTOR_USER_CODE | 3,
        .ss = SELECTOR_USER_DATA | 3,
        .vector = VECTOR_CHANGED,
    };
}

int machine_frame_pop(struct thread *thread, struct frame_plan *plan, int64_t *result) {
    struct user_context context;
    uint64_t at = frame_of(thread)->rsp; /* the restorer's address was taken off */
    if (!process_read(&context, at, sizeof(context)) || !take_vector(thread, context.vector_at))
        return -LINUX_EFAULT;
    restore_registers(changed_frame_of(thread), &context);
    *plan = (struct frame_plan){.blocked = context.blocked,
                                .stack_start = context.stack_start,
                                .stack_bytes = context.stack_bytes,
                                .stack_flags = context.stack_flags};
    *result = (int64_t)context.rax;
    return 0;
}
