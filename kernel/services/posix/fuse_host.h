/* Processes for file systems of programs (kernel/services/fuse). */
#ifndef GROVE_POSIX_FUSE_HOST_H
#define GROVE_POSIX_FUSE_HOST_H

struct fuse_host;

extern const struct fuse_host posix_fuse_host;

#endif
