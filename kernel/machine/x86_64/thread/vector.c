/* Vector registers: see vector.h, and Intel's manual, volume 1, chapter 13. */
#include "kernel/machine/x86_64/thread/vector.h"

#include "kernel/machine/x86_64/cpu/registers.h"

#include <string.h>

#define CR4_XSAVE (UINT64_C(1) << 18)
#define STATE_KNOWN UINT64_C(0xe7) /* x87, SSE, AVX, three parts of AVX-512 */
#define STATE_AVX512 UINT64_C(0xe0)
#define STATE_AVX UINT64_C(4)
#define STATE_LEGACY UINT64_C(3)
#define LEGACY_BYTES 512u
#define HEADER_BYTES 64u
#define CONTROL_AT 0u /* the x87 control word */
#define MXCSR_AT 24u
#define CONTROL_FIRST 0x37fu
#define MXCSR_FIRST 0x1f80u
#define MXCSR_ALLOWED 0xffffu
#define LEAF_STATE 0xdu

static uint64_t state; /* XCR0; 0: FXSAVE */
static uint32_t bytes = LEGACY_BYTES;
static bool has_save_changed;

static void write_xcr0(uint64_t value) {
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static uint64_t wanted_state(void) {
    struct cpuid leaf = cpuid(LEAF_STATE, 0);
    uint64_t wanted = (leaf.a | (uint64_t)leaf.d << 32) & STATE_KNOWN;
    /* The parts of AVX-512 come together, and none without AVX. */
    if ((wanted & STATE_AVX512) != STATE_AVX512 || (wanted & STATE_AVX) == 0)
        wanted &= ~STATE_AVX512;
    return wanted;
}

void vector_enable(void) {
    bool has_xsave = (cpuid(1, 0).c >> 26 & 1) != 0 && cpuid(0, 0).a >= LEAF_STATE;
    if (!has_xsave)
        return;
    write_cr4(read_cr4() | CR4_XSAVE);
    uint64_t wanted = wanted_state();
    write_xcr0(wanted);
    bytes = cpuid(LEAF_STATE, 0).b; /* of what is in XCR0 now */
    has_save_changed = (cpuid(LEAF_STATE, 1).a & 1) != 0;
    state = wanted;
}

uint32_t vector_bytes(void) {
    return bytes;
}

uint64_t vector_state(void) {
    return state;
}

void vector_init(void *area) {
    uint16_t control = CONTROL_FIRST;
    uint32_t mxcsr = MXCSR_FIRST;
    memset(area, 0, LEGACY_BYTES + (state != 0 ? HEADER_BYTES : 0));
    memcpy((uint8_t *)area + CONTROL_AT, &control, sizeof(control));
    memcpy((uint8_t *)area + MXCSR_AT, &mxcsr, sizeof(mxcsr));
}

void vector_save(void *area) {
    if (state != 0)
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"((uint32_t)state), "d"(0) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

/* The processor leaves most of the header as it is. */
void vector_save_first(void *area) {
    if (state != 0)
        memset((uint8_t *)area + LEGACY_BYTES, 0, HEADER_BYTES);
    vector_save(area);
}

void vector_save_changed(void *area) {
    if (has_save_changed)
        __asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"((uint32_t)state), "d"(0) : "memory");
    else
        vector_save(area);
}

void vector_load(const void *area) {
    if (state != 0)
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"((uint32_t)state), "d"(0) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

bool vector_check(void *area) {
    uint64_t header[HEADER_BYTES / 8];
    uint32_t mxcsr;
    memcpy(&mxcsr, (uint8_t *)area + MXCSR_AT, sizeof(mxcsr));
    mxcsr &= MXCSR_ALLOWED;
    memcpy((uint8_t *)area + MXCSR_AT, &mxcsr, sizeof(mxcsr));
    if (state == 0)
        return true;
    memcpy(header, (uint8_t *)area + LEGACY_BYTES, sizeof(header));
    for (uint32_t i = 1; i < HEADER_BYTES / 8; i++)
        if (header[i] != 0)
            return false;
    return (header[0] & ~state) == 0;
}
