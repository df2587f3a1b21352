/*
 * Why the system services themselves do not run: what the kernel's audit log and its own log say, for a person who waits
 * for them in vain.
 */
#ifndef GROVE_SYSTEM_FAULTS_H
#define GROVE_SYSTEM_FAULTS_H

#include "userspace/grove/command.h"

/* Now, as the audit log tells time. */
uint64_t system_faults_clock_ns(void);
/* How often a start of init failed since then; init is what starts all others. */
unsigned system_faults_of_init(const struct invocation *invocation, uint64_t since_ns);
/* Print a line for each system service that failed since then, and what groved wrote about it. */
void system_faults_print(const struct invocation *invocation, uint64_t since_ns);

#endif
