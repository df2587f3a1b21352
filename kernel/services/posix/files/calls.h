/* The system calls of this folder: arguments as they came in, in registers; a negative Linux error or the result. */
#ifndef GROVE_POSIX_FILES_CALLS_H
#define GROVE_POSIX_FILES_CALLS_H

#include <stdint.h>

#define FILE_CALLS(X) \
    X(read) \
    X(write) \
    X(open) \
    X(close) \
    X(stat) \
    X(fstat) \
    X(lstat) X(poll) X(lseek) X(ioctl) X(pread64) X(pwrite64) X(readv) X(writev) X(access) X(pipe) X(select) X(dup) \
        X(dup2) X(sendfile) X(fcntl) X(flock) X(fsync) X(fdatasync) X(truncate) X(ftruncate) X(getdents) X(getcwd) \
            X(chdir) X(fchdir) X(rename) X(mkdir) X(rmdir) X(creat) X(link) X(unlink) X(symlink) X(readlink) X(chmod) \
                X(fchmod) X(chown) X(fchown) X(lchown) X(umask) X(utime) X(mknod) X(statfs) X(fstatfs) X(chroot) \
                    X(sync) X(mount) X(umount2) X(readahead) X(setxattr) X(lsetxattr) X(fsetxattr) X(getxattr) \
                        X(lgetxattr) X(fgetxattr) X(listxattr) X(llistxattr) X(flistxattr) X(removexattr) \
                            X(lremovexattr) X(fremovexattr) X(epoll_create) X(getdents64) X(fadvise64) X(epoll_wait) \
                                X(epoll_ctl) X(utimes) X(openat) X(mkdirat) X(mknodat) X(fchownat) X(futimesat) \
                                    X(newfstatat) X(unlinkat) X(renameat) X(linkat) X(symlinkat) X(readlinkat) \
                                        X(fchmodat) X(faccessat) X(pselect6) X(ppoll) X(splice) X(tee) \
                                            X(sync_file_range) X(vmsplice) X(utimensat) X(epoll_pwait) \
                                                X(timerfd_create) X(eventfd) X(fallocate) X(timerfd_settime) \
                                                    X(timerfd_gettime) X(eventfd2) X(epoll_create1) X(dup3) X(pipe2) \
                                                        X(preadv) X(pwritev) X(syncfs) X(renameat2) X(copy_file_range) \
                                                            X(preadv2) X(pwritev2) X(statx) X(close_range) X(openat2) \
                                                                X(faccessat2) X(epoll_pwait2) X(fchmodat2)

#define DECLARE_FILE_CALL(name) int64_t system_call_##name(const uint64_t arguments[6]);
FILE_CALLS(DECLARE_FILE_CALL)
#undef DECLARE_FILE_CALL

#endif
