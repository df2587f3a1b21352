/*
 * The durable audit log. machine_audit_write (machine.h) hands records in; the main loop calls audit_file_flush once a turn.
 */
#ifndef GROVE_LINUX_AUDIT_H
#define GROVE_LINUX_AUDIT_H

#include "grove/abi/audit.h"
#include "kernel/machine/linux/loop/loop.h"

#include <stddef.h>

/*
 * Open audit.log in the folder, cut a torn tail, and find the sequence number that comes next. Never fails: where the
 * folder cannot be written the log is off, that is said once on standard error and counted, and the system goes on with
 * the records the core keeps in memory. folder NULL: off, on purpose.
 */
void audit_file_open(struct loop *loop, const char *folder, uint64_t *next_sequence);
/* Write what has gathered, in one call. Cheap when nothing has. */
void audit_file_flush(void);
/* Close and open again, for programs that move the file away (SIGHUP). */
void audit_file_reopen(void);
/* Flush, make durable, close. */
void audit_file_close(void);
/* The accounts of the log for KERNEL_READ. */
void audit_file_describe(struct grove_kernel_record *record);

/* The check that a record must carry: FNV-1a of it with check as 0. */
uint64_t audit_file_check(const struct grove_audit_record *record);

/* For tests: how large a file may grow before it is moved to audit.log.1; 0 is the default of 16 MiB. */
void audit_file_limit(uint64_t bytes);

#endif
