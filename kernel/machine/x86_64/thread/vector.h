/*
 * The vector and floating-point registers of programs: all of them that the processor has and this kernel lets be used (SSE,
 * AVX, AVX-512). They are saved whole whenever a program's thread is replaced; the kernel itself uses none.
 */
#ifndef GROVE_X86_64_VECTOR_H
#define GROVE_X86_64_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

#define VECTOR_BYTES_MAX 2696u
#define VECTOR_ALIGNMENT 64u

/* On each processor, before it runs a program. */
void vector_enable(void);
/* How much memory they take, up to VECTOR_BYTES_MAX: in the layout of XSAVE, or of FXSAVE where that is all there is. */
uint32_t vector_bytes(void);
/* Which state is in there, as XCR0 says it; 0: the layout is that of FXSAVE. */
uint64_t vector_state(void);
/* As a program begins with. */
void vector_init(void *area);
/* Save into memory with undefined contents, aligned to VECTOR_ALIGNMENT. */
void vector_save_first(void *area);
/* `area` holds what was saved or initialised before. The second may leave out what has not changed since it was loaded from there. */
void vector_save(void *area);
void vector_save_changed(void *area);
/* What lies there came from vector_save or vector_init, or was looked at by vector_check. */
void vector_load(const void *area);
/* Make what a program gave harmless: only known state, no reserved bits. False: it is no such area. */
bool vector_check(void *area);

#endif
