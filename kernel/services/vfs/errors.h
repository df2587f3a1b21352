/*
 * What the file system layer answers: 0 or the negative of one of these, which are Linux's error numbers, because programs
 * made for Linux see them. They are the same on both processors. Inside the kernel they are not mixed with
 * enum grove_status; whoever calls one side from the other translates.
 */
#ifndef GROVE_VFS_ERRORS_H
#define GROVE_VFS_ERRORS_H

/* X(name, number, sentence) - the sentence completes "failed: ..." for a person. */
#define LINUX_ERROR_TABLE(X) \
    X(EPERM, 1, "only the owner or a capability allows it") \
    X(ENOENT, 2, "no file of that name exists") \
    X(ESRCH, 3, "no such process or thread") \
    X(EINTR, 4, "a signal came first") \
    X(EIO, 5, "a device reported an error") \
    X(ENXIO, 6, "no such device or offset") \
    X(EBADF, 9, "the descriptor is not open for that") \
    X(EAGAIN, 11, "it would wait") \
    X(ENOMEM, 12, "memory is exhausted") \
    X(EACCES, 13, "the file's mode denies it") \
    X(EFAULT, 14, "the address is not the program's") \
    X(EBUSY, 16, "something is mounted there or in use") \
    X(EEXIST, 17, "a file of that name exists") \
    X(EXDEV, 18, "it crosses from one mount to another") \
    X(ENODEV, 19, "no such device") \
    X(ENOTDIR, 20, "a part of the path is not a folder") \
    X(EISDIR, 21, "it is a folder") \
    X(EINVAL, 22, "an argument is malformed") \
    X(EMFILE, 24, "no descriptor is free") \
    X(ENOTTY, 25, "it is no terminal") \
    X(EFBIG, 27, "the file would be too large") \
    X(ENOSPC, 28, "the file system is full") \
    X(ESPIPE, 29, "a pipe has no positions") \
    X(EROFS, 30, "the mount is read-only") \
    X(EMLINK, 31, "the file has too many names") \
    X(EPIPE, 32, "nobody reads the pipe") \
    X(EDEADLK, 35, "the wait would never end") \
    X(ENAMETOOLONG, 36, "a name is too long") \
    X(ENOLCK, 37, "no record lock is free") \
    X(ENOSYS, 38, "this kernel has no such call") \
    X(ENOTEMPTY, 39, "the folder is not empty") \
    X(ELOOP, 40, "too many symbolic links") \
    X(EOVERFLOW, 75, "the number does not fit") \
    X(EOPNOTSUPP, 95, "it is not supported here") \
    X(ETIMEDOUT, 110, "its time is over") \
    X(EOWNERDEAD, 130, "the owner of the lock died")

enum linux_error {
#define LINUX_ERROR_ENUM(name, number, sentence) LINUX_##name = (number),
    LINUX_ERROR_TABLE(LINUX_ERROR_ENUM)
#undef LINUX_ERROR_ENUM
};

#endif
