/*
 * Pipes, with and without a name: see pipe(7). A ring of PIPE_PAGES pages, each taken when it is needed and given back when
 * it is empty. Up to PIPE_ATOMIC bytes are written whole or not at all.
 */
#ifndef GROVE_VFS_PIPE_H
#define GROVE_VFS_PIPE_H

#include "kernel/services/vfs/file.h"

#define PIPE_PAGES 16u
#define PIPE_BYTES (PIPE_PAGES * VFS_PAGE_BYTES)
#define PIPE_ATOMIC 4096u /* PIPE_BUF */

/*
 * pipe2: two open files, one reference each. `flags` are O_NONBLOCK; -LINUX_EINVAL for others (O_CLOEXEC is the
 * descriptor's), -LINUX_ENOMEM.
 */
int pipe_create(struct vfs *vfs, uint32_t flags, struct open_file **reading, struct open_file **writing);
/*
 * A file of the kind FIFO is opened: for reading it waits for a writer, for writing for a reader. -LINUX_ENXIO: for writing
 * with O_NONBLOCK, and nobody reads; -LINUX_EINTR, -LINUX_ENOMEM.
 */
int pipe_open_named(struct open_file *file);
/* Is it an end of a pipe, with or without a name? */
bool pipe_is(const struct open_file *file);
/* For who has no open file of it: the pipe of one, which stays until it is given up. With the tree's lock held; without locks. */
struct pipe *pipe_hold(const struct open_file *file);
void pipe_give_up(struct vfs *vfs, struct pipe *pipe);
/* How many bytes lie in the pipe of a file: ioctl's FIONREAD. */
uint32_t pipe_filled(const struct open_file *file);

#endif
