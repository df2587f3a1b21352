/* For how long interrupts are off at most. Measured in the kernel that holds tests only: see traced/hold.h. */
#ifndef GROVE_X86_64_TRACE_H
#define GROVE_X86_64_TRACE_H

/* Begin anew. */
void hold_trace_reset(void);
/* A line on the console: cycles, processor, and the functions in which it began and ended. */
void hold_trace_print(void);

#endif
