/* The operations on Linux's tmpfs: see differential.h. In a child process, which leaves nothing behind. */
#include "kernel/services/vfs/test/differential.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOUNT_AT "/tmp"
#define IO_BYTES_MAX 20000

bool linux_begin(void) {
    char options[80];
    snprintf(options, sizeof(options), "size=%dk,nr_inodes=%d,mode=0777", DIFFERENTIAL_PAGES * 4, DIFFERENTIAL_INODES);
    (void)umask(022);
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", MOUNT_AT, "tmpfs", 0, options) == 0 && chroot(MOUNT_AT) == 0 && chdir("/") == 0 &&
           setgroups(0, NULL) == 0;
}

static int64_t answer(int64_t returned) {
    return returned < 0 ? -errno : returned;
}

static void put_status(const struct stat *status, struct result *result) {
    bool has_size = S_ISREG(status->st_mode) || S_ISDIR(status->st_mode) || S_ISLNK(status->st_mode);
    result->values[0] = status->st_mode;
    result->values[1] = status->st_nlink;
    result->values[2] = has_size ? (uint64_t)status->st_size : 0;
    result->values[3] = status->st_uid;
    result->values[4] = status->st_gid;
    result->values[5] = S_ISREG(status->st_mode) ? (uint64_t)status->st_blocks : 0;
}

static int64_t open_and(const struct operation *operation, struct result *result) {
    static uint8_t bytes[IO_BYTES_MAX];
    struct stat status;
    int flags = operation->kind == OPEN ? (int)operation->x : operation->kind == WRITE ? O_WRONLY : O_RDONLY;
    /* A pipe's other end never comes. */
    int file = (int)syscall(SYS_openat, AT_FDCWD, operation->a, flags | O_NONBLOCK, operation->y & 07777);
    int64_t returned;
    if (file < 0)
        return -errno;
    if (fstat(file, &status) != 0 || (operation->kind != OPEN && !S_ISREG(status.st_mode))) {
        returned = -EISDIR; /* what is done with those is not compared here */
    } else if (operation->kind == WRITE) {
        memset(bytes, (int)(operation->x % 251), sizeof(bytes));
        returned = answer(pwrite(file, bytes, operation->y, (off_t)operation->x));
    } else if (operation->kind == READ) {
        returned = answer(pread(file, bytes, operation->y, (off_t)operation->x));
        result->values[0] = returned > 0 ? sum_of(bytes, (uint64_t)returned) : 0;
    } else if (operation->kind == SEEK) {
        returned = answer(lseek(file, (off_t)operation->x, operation->y != 0 ? SEEK_HOLE : SEEK_DATA));
    } else {
        returned = 0;
        put_status(&status, result);
    }
    (void)close(file);
    return returned;
}

static int64_t list(const char *path, struct result *result) {
    DIR *folder = opendir(path);
    if (folder == NULL)
        return -errno;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        result->values[0]++;
        result->values[1] += sum_of(entry->d_name, strlen(entry->d_name)) * (entry->d_type + 1u);
    }
    (void)closedir(folder);
    return 0;
}

static int64_t apply(const struct operation *operation, struct result *result) {
    const char *a = operation->a, *b = operation->b;
    struct stat status;
    char text[256];
    int64_t returned;
    switch (operation->kind) {
    case MAKE_FOLDER:
        return answer(mkdir(a, (mode_t)operation->x));
    case MAKE_NODE:
        return answer(mknod(a, (mode_t)operation->x, 0));
    case MAKE_LINK:
        return answer(symlink(a, b));
    case LINK:
        return answer(linkat(AT_FDCWD, a, AT_FDCWD, b, (int)operation->x));
    case UNLINK:
        return answer(unlink(a));
    case REMOVE_FOLDER:
        return answer(rmdir(a));
    case RENAME:
        return answer(syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, (unsigned)operation->x));
    case CHANGE_MODE:
        return answer(chmod(a, (mode_t)operation->x));
    case CHANGE_OWNER:
        return answer(lchown(a, (uid_t)operation->x, (gid_t)operation->y));
    case TRUNCATE:
        return answer(truncate(a, (off_t)operation->x));
    case READ_LINK:
        returned = answer(readlink(a, text, sizeof(text)));
        result->values[0] = returned > 0 ? sum_of(text, (uint64_t)returned) : 0;
        return returned;
    case STATUS:
        returned = answer(operation->x != 0 ? stat(a, &status) : lstat(a, &status));
        if (returned == 0)
            put_status(&status, result);
        return returned;
    case ACCESS:
        return answer(syscall(SYS_faccessat2, AT_FDCWD, a, (int)operation->x, AT_EACCESS));
    case LIST:
        return list(a, result);
    default:
        return open_and(operation, result);
    }
}

void linux_apply(const struct operation *operation, struct result *result) {
    (void)setfsgid(operation->user);
    (void)setfsuid(operation->user);
    result->status = apply(operation, result);
    (void)setfsuid(0);
    (void)setfsgid(0);
}
