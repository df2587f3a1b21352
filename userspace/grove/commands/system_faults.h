/*
 * Why the system services themselves do not run: what the kernel's audit log and its own log say, for a person who waits
 * for them in vain.
 */
#ifndef GROVE_SYSTEM_FAULTS_H
#define GROVE_SYSTEM_FAULTS_H

#include "userspace/grove/command.h"

/* Now, as the audit log tells time. */
uint64_t system_faults_clock_ns(void);
/* Has this system service failed so often since then that it is in vain to wait for it? */
bool system_faults_are_final(const struct invocation *invocation, const char *service, uint64_t since_ns);
/* Print a line for each system service that failed since then, and what groved wrote about it. */
void system_faults_print(const struct invocation *invocation, uint64_t since_ns);

#endif
