/* Reading the process behind a notified call, see target.h. */
#include "kernel/machine/linux/broker/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
#define THREAD_DESCRIPTOR ((unsigned)O_EXCL) /* PIDFD_THREAD, from Linux 6.9; older kernels answer EINVAL */

int target_read(pid_t thread, uint64_t address, void *buffer, size_t bytes) {
    struct iovec here = {buffer, bytes}, there = {(void *)(uintptr_t)address, bytes};
    return process_vm_readv(thread, &here, 1, &there, 1, 0) == (ssize_t)bytes ? 0 : -EFAULT;
}

int target_write(pid_t thread, uint64_t address, const void *buffer, size_t bytes) {
    struct iovec here = {(void *)(uintptr_t)buffer, bytes}, there = {(void *)(uintptr_t)address, bytes};
    return process_vm_writev(thread, &here, 1, &there, 1, 0) == (ssize_t)bytes ? 0 : -EFAULT;
}

int target_read_text(pid_t thread, uint64_t address, char *text, size_t bytes) {
    size_t done = 0;
    /* Page by page: the text may end just before memory that cannot be read. */
    while (done < bytes) {
        size_t part = PAGE_BYTES - (size_t)((address + done) % PAGE_BYTES);
        if (part > bytes - done)
            part = bytes - done;
        if (target_read(thread, address + done, text + done, part) < 0)
            return -EFAULT;
        const char *end = memchr(text + done, '\0', part);
        if (end != NULL)
            return (int)(end - text);
        done += part;
    }
    return -ENAMETOOLONG;
}

int target_read_address(pid_t thread, uint64_t address, uint64_t bytes, struct socket_address *copy) {
    memset(copy, 0, sizeof *copy);
    if (bytes > sizeof copy->u || (int)bytes < 0)
        return -EINVAL;
    copy->bytes = (socklen_t)bytes;
    return bytes == 0 ? 0 : target_read(thread, address, &copy->u, bytes);
}

static FILE *open_status(pid_t thread) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/status", (long)thread);
    return fopen(path, "re");
}

static void take_groups(const char *text, struct target_identity *identity) {
    char *end;
    for (identity->group_count = 0; identity->group_count < TARGET_GROUPS_MAX; text = end) {
        unsigned long group = strtoul(text, &end, 10);
        if (end == text)
            return;
        identity->groups[identity->group_count++] = (gid_t)group;
    }
}

/* The number at `index` behind "Name:". False: the line is another one. */
static bool read_field(const char *line, const char *name, unsigned index, int base, unsigned long *value) {
    size_t length = strlen(name);
    if (strncmp(line, name, length) != 0)
        return false;
    const char *at = line + length;
    for (unsigned i = 0; i <= index; i++) {
        char *end;
        *value = strtoul(at, &end, base);
        if (end == at)
            return false;
        at = end;
    }
    return true;
}

int target_identity(pid_t thread, struct target_identity *identity) {
    memset(identity, 0, sizeof *identity);
    identity->umask = 022;
    FILE *status = open_status(thread);
    if (status == NULL)
        return -ESRCH;
    char line[1024];
    unsigned found = 0;
    while (fgets(line, sizeof line, status) != NULL) {
        unsigned long value;
        if (read_field(line, "Tgid:", 0, 10, &value)) {
            identity->process = (pid_t)value;
            found++;
        } else if (read_field(line, "Uid:", 1, 10, &value)) {
            identity->user = (uid_t)value;
            found++;
        } else if (read_field(line, "Gid:", 1, 10, &value)) {
            identity->group = (gid_t)value;
            found++;
        } else if (read_field(line, "Umask:", 0, 8, &value)) {
            identity->umask = (mode_t)value;
        } else if (strncmp(line, "Groups:", 7) == 0) {
            take_groups(line + 7, identity);
        }
    }
    fclose(status);
    return found == 3 ? 0 : -ESRCH;
}

static int open_process(pid_t thread) {
    long opened = syscall(SYS_pidfd_open, thread, THREAD_DESCRIPTOR);
    if (opened >= 0)
        return (int)opened;
    /* The process's table then, which its threads share unless one unshared it on purpose and harms itself. */
    struct target_identity identity;
    int status = target_identity(thread, &identity);
    if (status < 0)
        return status;
    opened = syscall(SYS_pidfd_open, identity.process, 0);
    return opened < 0 ? -errno : (int)opened;
}

int target_descriptor(pid_t thread, int descriptor) {
    int process = open_process(thread);
    if (process < 0)
        return process == -EMFILE || process == -ENFILE ? -ENOBUFS : -ESRCH;
    long copy = syscall(SYS_pidfd_getfd, process, descriptor, 0);
    int error = errno;
    close(process);
    if (copy >= 0)
        return (int)copy;
    return error == EMFILE || error == ENFILE ? -ENOBUFS : -error;
}

int target_open(pid_t thread, const char *link, int flags) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)thread, link);
    int opened = open(path, flags | O_CLOEXEC);
    return opened < 0 ? -errno : opened;
}
