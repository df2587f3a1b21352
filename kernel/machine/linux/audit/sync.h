/*
 * Making the audit log durable beside the kernel: fdatasync may take as long as the disk likes, so a child does it.
 */
#ifndef GROVE_LINUX_AUDIT_SYNC_H
#define GROVE_LINUX_AUDIT_SYNC_H

#include <stdbool.h>

/* Begin to make what was written to this file durable. False while the last one is not done, or without a process. */
bool audit_sync_begin(int descriptor);
/* Whatever is under way goes on by itself. */
void audit_sync_end(void);

#endif
