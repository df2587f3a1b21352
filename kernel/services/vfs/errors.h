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
    X(E2BIG, 7, "the arguments are too long") \
    X(ENOEXEC, 8, "it is no program") \
    X(EBADF, 9, "the descriptor is not open for that") \
    X(ECHILD, 10, "there is no such child") \
    X(EAGAIN, 11, "it would wait") \
    X(ENOMEM, 12, "memory is exhausted") \
    X(EACCES, 13, "the file's mode denies it") \
    X(EFAULT, 14, "the address is not the program's") \
    X(ENOTBLK, 15, "it is no block device") \
    X(EBUSY, 16, "something is mounted there or in use") \
    X(EEXIST, 17, "a file of that name exists") \
    X(EXDEV, 18, "it crosses from one mount to another") \
    X(ENODEV, 19, "no such device") \
    X(ENOTDIR, 20, "a part of the path is not a folder") \
    X(EISDIR, 21, "it is a folder") \
    X(EINVAL, 22, "an argument is malformed") \
    X(ENFILE, 23, "no more files can be open") \
    X(EMFILE, 24, "no descriptor is free") \
    X(ENOTTY, 25, "it is no terminal") \
    X(ETXTBSY, 26, "the program is in use") \
    X(EFBIG, 27, "the file would be too large") \
    X(ENOSPC, 28, "the file system is full") \
    X(ESPIPE, 29, "a pipe has no positions") \
    X(EROFS, 30, "the mount is read-only") \
    X(EMLINK, 31, "the file has too many names") \
    X(EPIPE, 32, "nobody reads the pipe") \
    X(EDOM, 33, "the number makes no sense") \
    X(ERANGE, 34, "the room for the answer is too small") \
    X(EDEADLK, 35, "the wait would never end") \
    X(ENAMETOOLONG, 36, "a name is too long") \
    X(ENOLCK, 37, "no record lock is free") \
    X(ENOSYS, 38, "this kernel has no such call") \
    X(ENOTEMPTY, 39, "the folder is not empty") \
    X(ELOOP, 40, "too many symbolic links") \
    X(ENODATA, 61, "there is no such attribute") \
    X(ETIME, 62, "the time is over") \
    X(EPROTO, 71, "the other side broke the protocol") \
    X(EOVERFLOW, 75, "the number does not fit") \
    X(EBADFD, 77, "the descriptor is in no state for that") \
    X(ELIBBAD, 80, "the program's interpreter is no program") \
    X(EUSERS, 87, "there are too many users") \
    X(ENOTSOCK, 88, "it is no socket") \
    X(EDESTADDRREQ, 89, "it needs an address to send to") \
    X(EMSGSIZE, 90, "the message is too long") \
    X(EPROTOTYPE, 91, "the socket is of another kind") \
    X(ENOPROTOOPT, 92, "there is no such option") \
    X(EPROTONOSUPPORT, 93, "there is no such protocol") \
    X(ESOCKTNOSUPPORT, 94, "there is no such kind of socket") \
    X(EOPNOTSUPP, 95, "it is not supported here") \
    X(EAFNOSUPPORT, 97, "there are no addresses of that family") \
    X(EADDRINUSE, 98, "the address is in use") \
    X(EADDRNOTAVAIL, 99, "the address is not this machine's") \
    X(ENETUNREACH, 101, "no way leads to that network") \
    X(ECONNABORTED, 103, "the connection ended before it was accepted") \
    X(ECONNRESET, 104, "the other side ended the connection") \
    X(ENOBUFS, 105, "no room is left for messages") \
    X(EISCONN, 106, "the socket is connected") \
    X(ENOTCONN, 107, "the socket is not connected") \
    X(ESHUTDOWN, 108, "the socket sends no more") \
    X(ETOOMANYREFS, 109, "too many descriptors are on their way") \
    X(ETIMEDOUT, 110, "its time is over") \
    X(ECONNREFUSED, 111, "nobody listens there") \
    X(EALREADY, 114, "the same is in work") \
    X(EINPROGRESS, 115, "it goes on without waiting") \
    X(ESTALE, 116, "the file is another one by now") \
    X(ECANCELED, 125, "it was cancelled") \
    X(ENOKEY, 126, "it is not signed") \
    X(EKEYREJECTED, 129, "its signature is not good") \
    X(EOWNERDEAD, 130, "the owner of the lock died") \
    X(ENOTRECOVERABLE, 131, "what the lock guards is lost")

enum linux_error {
#define LINUX_ERROR_ENUM(name, number, sentence) LINUX_##name = (number),
    LINUX_ERROR_TABLE(LINUX_ERROR_ENUM)
#undef LINUX_ERROR_ENUM
};

#endif
