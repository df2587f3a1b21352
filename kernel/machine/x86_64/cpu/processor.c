/* A processor's descriptor tables, protections and random numbers: see processor.h. */
#include "kernel/machine/x86_64/cpu/processor.h"

#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/interrupt/interrupts.h"

#define DESCRIPTOR_KERNEL_CODE UINT64_C(0x00af9a000000ffff)
#define DESCRIPTOR_KERNEL_DATA UINT64_C(0x00cf92000000ffff)
#define DESCRIPTOR_USER_DATA UINT64_C(0x00cff2000000ffff)
#define DESCRIPTOR_USER_CODE UINT64_C(0x00affa000000ffff)
#define DESCRIPTOR_TASK_KIND UINT64_C(0x89) /* present, available 64-bit task state */

#define TRIES_FOR_RANDOM 16u

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct processor processors[PROCESSORS_MAX];
struct processor_features processor_features;

static void load_descriptors(struct processor *self) {
    uint64_t base = (uint64_t)&self->task, limit = sizeof(self->task) - 1;
    uint64_t *descriptors = self->descriptors;
    descriptors[SELECTOR_KERNEL_CODE / 8] = DESCRIPTOR_KERNEL_CODE;
    descriptors[SELECTOR_KERNEL_DATA / 8] = DESCRIPTOR_KERNEL_DATA;
    descriptors[SELECTOR_USER_DATA / 8] = DESCRIPTOR_USER_DATA;
    descriptors[SELECTOR_USER_CODE / 8] = DESCRIPTOR_USER_CODE;
    descriptors[SELECTOR_TASK / 8] =
        limit | (base & 0xffffff) << 16 | DESCRIPTOR_TASK_KIND << 40 | (base >> 24 & 0xff) << 56;
    descriptors[SELECTOR_TASK / 8 + 1] = base >> 32;
    self->task.ports_offset = sizeof(self->task); /* no program may use a port */
    struct table_pointer pointer = {.limit = sizeof(self->descriptors) - 1, .base = (uint64_t)descriptors};
    /* The code segment is loaded by a far return; the others are not looked at in 64-bit mode, but must be valid. */
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %2, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%ss\n\t"
                     "ltr %w3"
                     :
                     : "m"(pointer), "i"(SELECTOR_KERNEL_CODE), "i"(SELECTOR_KERNEL_DATA), "r"(SELECTOR_TASK)
                     : "rax", "memory");
}

static void find_features(void) {
    struct cpuid basic = cpuid(1, 0);
    struct cpuid limits = cpuid(0, 0);
    struct cpuid structured = limits.a >= 7 ? cpuid(7, 0) : (struct cpuid){0};
    processor_features.has_smep = (structured.b >> 7 & 1) != 0;
    processor_features.has_smap = (structured.b >> 20 & 1) != 0;
    processor_features.has_umip = (structured.c >> 2 & 1) != 0;
    processor_features.has_random = (basic.c >> 30 & 1) != 0;
    processor_features.has_large_pages = (cpuid(0x80000001, 0).d >> 26 & 1) != 0;
}

void processor_init(struct processor *self, uint32_t number) {
    if (number == 0)
        find_features();
    self->self = self;
    self->holds = 1; /* interrupts are off until it runs threads */
    self->number = number;
    load_descriptors(self);
    interrupts_load_table();
    write_msr(MSR_GS_BASE, (uint64_t)self);
    write_msr(MSR_KERNEL_GS_BASE, 0);
    write_cr4(read_cr4() | CR4_GLOBAL_PAGES | CR4_DEVICE_VECTOR_STATE | (processor_features.has_smep ? CR4_SMEP : 0) |
              (processor_features.has_smap ? CR4_SMAP : 0) | (processor_features.has_umip ? CR4_UMIP : 0));
}

uint64_t processor_random(void) {
    uint64_t value = 0;
    bool is_good = false;
    for (unsigned i = 0; processor_features.has_random && !is_good && i < TRIES_FOR_RANDOM; i++)
        __asm__ volatile("rdrand %0" : "=r"(value), "=@ccc"(is_good));
    if (!is_good) {
        value = (value ^ read_cycles()) * UINT64_C(0x9e3779b97f4a7c15);
        value ^= value >> 29;
    }
    return value;
}
