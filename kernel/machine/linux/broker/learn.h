/*
 * Learning: what an open container (GROVE_SPEC_LEARN) uses of the file system is told to the core as the permission it
 * would need, and the call goes on. Only what will succeed counts: a file that is searched for in vain is no need.
 */
#ifndef GROVE_LINUX_BROKER_LEARN_H
#define GROVE_LINUX_BROKER_LEARN_H

#include "kernel/machine/linux/broker/broker.h"

/* The handler of every file call, also of containers that are explained (explain.h). It always lets the call go on. */
struct outcome learn_file_call(const struct broker_request *request);
/* A path of an AF_UNIX socket, as the caller gave it. */
void learn_local(const struct broker_request *request, const char *path, bool is_bind);
/* Ports that Linux chose (bind to port 0): a listen on one needs the right to any port. */
void learn_chosen_port(struct broker *broker, uint16_t port);
bool learn_is_chosen_port(const struct broker *broker, uint16_t port);
void learn_forget(struct broker *broker);

/*
 * X(name, argument of the folder descriptor or -1, argument of the path, use)
 * Names that a processor does not have are left out by libseccomp.
 */
#define LEARN_CALLS(X) \
    X(open, -1, 0, USE_OPEN) \
    X(openat, 0, 1, USE_OPEN) \
    X(openat2, 0, 1, USE_OPEN2) \
    X(creat, -1, 0, USE_CREATE) \
    X(execve, -1, 0, USE_EXECUTE) \
    X(execveat, 0, 1, USE_EXECUTE) \
    X(mkdir, -1, 0, USE_MAKE) \
    X(mkdirat, 0, 1, USE_MAKE) \
    X(mknod, -1, 0, USE_MAKE) \
    X(mknodat, 0, 1, USE_MAKE) \
    X(rmdir, -1, 0, USE_REMOVE) \
    X(unlink, -1, 0, USE_REMOVE) \
    X(unlinkat, 0, 1, USE_REMOVE) \
    X(rename, -1, 0, USE_RENAME) \
    X(renameat, 0, 1, USE_RENAMEAT) \
    X(renameat2, 0, 1, USE_RENAMEAT) \
    X(link, -1, 0, USE_RENAME) \
    X(linkat, 0, 1, USE_RENAMEAT) \
    X(symlink, -1, 1, USE_MAKE) \
    X(symlinkat, 1, 2, USE_MAKE) \
    X(truncate, -1, 0, USE_CHANGE) \
    X(chmod, -1, 0, USE_CHANGE) \
    X(fchmodat, 0, 1, USE_CHANGE) \
    X(fchmodat2, 0, 1, USE_CHANGE) \
    X(chown, -1, 0, USE_CHANGE) \
    X(lchown, -1, 0, USE_CHANGE) \
    X(fchownat, 0, 1, USE_CHANGE) \
    X(utimensat, 0, 1, USE_CHANGE) \
    X(utimes, -1, 0, USE_CHANGE) \
    X(futimesat, 0, 1, USE_CHANGE) \
    X(utime, -1, 0, USE_CHANGE) \
    X(chdir, -1, 0, USE_ENTER) \
    X(stat, -1, 0, USE_LOOK) \
    X(lstat, -1, 0, USE_LOOK) \
    X(newfstatat, 0, 1, USE_LOOK) \
    X(statx, 0, 1, USE_LOOK) \
    X(access, -1, 0, USE_LOOK) \
    X(faccessat, 0, 1, USE_LOOK) \
    X(faccessat2, 0, 1, USE_LOOK) \
    X(readlink, -1, 0, USE_LOOK) \
    X(readlinkat, 0, 1, USE_LOOK)

#endif
