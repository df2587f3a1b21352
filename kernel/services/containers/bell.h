/*
 * Doorbells: two open files; who writes to one makes the other one readable. A bell counts bytes and keeps none: what is
 * read is zeros. Up to BELL_RINGS are kept; with more the ringer loses nothing by EAGAIN, for the bell has rung already.
 *
 * As with a pair of datagram sockets, which stand there on Linux, the end of one is no news for the other: writing says
 * ECONNREFUSED, reading still waits.
 */
#ifndef GROVE_CONTAINERS_BELL_H
#define GROVE_CONTAINERS_BELL_H

#include "kernel/services/vfs/file.h"

#define BELL_RINGS 64u

/* Both ends with one reference each, without waiting (O_NONBLOCK). -LINUX_ENOMEM. */
int bell_create(struct vfs *vfs, struct open_file *ends[2]);

#endif
