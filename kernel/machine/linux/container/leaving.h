/*
 * leaving.c: the mount namespace of an instance, held for a moment longer than the instance.
 */
#ifndef GROVE_LINUX_LEAVING_H
#define GROVE_LINUX_LEAVING_H

#include <sys/types.h>

/* The mount namespace of a running process; -1 if it cannot be had, which costs nothing but time. */
int leaving_hold(pid_t process, int process_descriptor);
/* Let go of it a moment later. -1 is allowed. */
void leaving_let_go(int mount_namespace);
void leaving_end_all(void);

#endif
