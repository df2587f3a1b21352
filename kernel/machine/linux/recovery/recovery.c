/*
 * Ends what an earlier kernel with the same run folder left behind, when it was killed and could not do so itself.
 *
 * Most of it ends by itself: the first process of each container asked to be killed with its parent, all others in its
 * process namespace end with it, and the namespaces take the mounts along. This file does not rely on it. groved keeps a
 * record in its run folder, written through a shared mapping, so that it holds whatever was stored when groved died:
 *
 *     +----------------------+  RUN/containers
 *     | struct head          |  whose record it is: of this boot of the machine, which kernel
 *     +----------------------+
 *     | struct entry [index] |  first process of the container and when it was started; 0 none
 *     | ...                  |
 *     +----------------------+
 *
 * The next groved reads it before it starts anything: it kills the processes that still are the ones meant (a process
 * number alone may belong to somebody else by now; with its start time it does not), then whatever is in the control
 * groups of that kernel, removes these, and begins a record of its own. A crash in the middle of that leaves the old
 * record in place, so the next one does it again; ending what has ended already does nothing.
 *
 * The record is in the kernel's own folder, but is checked as if a stranger had written it: a wrong size, magic or boot
 * makes it nobody's. One that cannot be read, though, stops the start: what it names may still run.
 *
 * All of the file is allotted when it is made. A store into a hole of it would end groved where the disk is full.
 */
#include "kernel/machine/linux/recovery/recovery.h"

#include "kernel/machine/linux/cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RECOVERY_MAGIC UINT64_C(0x3159524556434552) /* "RECVERY1" */
#define RECOVERY_ENTRIES 65536u
#define RECOVERY_WAIT_MS 2000

struct head {
    uint64_t magic;
    uint64_t kernel; /* boot_id of the groved that wrote it */
    char machine_boot[40]; /* the machine's own boot, by /proc/sys/kernel/random/boot_id */
};
struct entry {
    uint64_t started_ns; /* since the machine's boot */
    uint32_t process;
    uint32_t reserved;
};
struct record {
    struct head head;
    struct entry entries[RECOVERY_ENTRIES];
};

static struct record *current;
static char current_path[256];

static uint64_t since_boot_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void recovery_note(machine_container container, pid_t process) {
    if (current == NULL || container >= RECOVERY_ENTRIES)
        return;
    current->entries[container].started_ns = since_boot_ns();
    current->entries[container].process = (uint32_t)process;
}

void recovery_forget(machine_container container) {
    if (current != NULL && container < RECOVERY_ENTRIES)
        current->entries[container].process = 0;
}

/* ---- reading the old one ---- */

static int file_error(int error) {
    switch (error) {
    case EMFILE:
    case ENFILE:
        return GROVE_NO_DESCRIPTORS;
    case ENOMEM:
        return GROVE_NO_MEMORY;
    case EROFS:
        return GROVE_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
        return GROVE_FULL;
    default:
        return GROVE_IO;
    }
}

static int read_machine_boot(char boot[40]) {
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    (void)memset(boot, 0, 40);
    int status = file < 0 || read(file, boot, 36) < 0 ? file_error(errno) : GROVE_OK;
    if (file >= 0)
        (void)close(file);
    return status;
}

/* Field 22 of stat, in clock ticks, behind the name in parentheses, which may hold anything. */
static bool read_start_ns(pid_t process, uint64_t *started_ns) {
    char path[64], text[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0)
        (void)close(file);
    if (length <= 0)
        return false;
    text[length] = '\0';
    char *place = strrchr(text, ')');
    for (unsigned field = 2; place != NULL && field < 22; field++)
        place = strchr(place + 1, ' ');
    if (place == NULL)
        return false;
    *started_ns = strtoull(place, NULL, 10) * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
    return true;
}

/* The kernel cuts the start time to its clock tick; no number is used again within two of them. */
static bool is_same(const struct entry *entry) {
    uint64_t started_ns, tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
    if (!read_start_ns((pid_t)entry->process, &started_ns))
        return false;
    uint64_t distance =
        started_ns > entry->started_ns ? started_ns - entry->started_ns : entry->started_ns - started_ns;
    return distance <= 2 * tick_ns;
}

/* The descriptor is taken before the check, so what is killed is what was checked. */
static bool end_process(const struct entry *entry) {
    if (entry->process == 0 || entry->process > INT32_MAX)
        return false;
    int descriptor = (int)syscall(SYS_pidfd_open, (pid_t)entry->process, 0);
    if (descriptor < 0)
        return false;
    bool is_ended = is_same(entry) && syscall(SYS_pidfd_send_signal, descriptor, SIGKILL, NULL, 0) == 0;
    if (is_ended) {
        struct pollfd end = {.fd = descriptor, .events = POLLIN};
        (void)poll(&end, 1, RECOVERY_WAIT_MS);
    }
    (void)close(descriptor);
    return is_ended;
}

static unsigned end_record(const struct record *record) {
    unsigned count = 0;
    for (unsigned i = 0; i < RECOVERY_ENTRIES; i++)
        count += end_process(&record->entries[i]);
    unsigned groups = cgroup_recover(record->head.kernel);
    return count > groups ? count : groups;
}

/* *record stays NULL where there is none that this kernel could have written. */
static int map_record(const char *path, struct record **record) {
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return errno == ENOENT ? GROVE_OK : file_error(errno);
    bool is_ours = fstat(file, &status) == 0 && status.st_size == (off_t)sizeof **record && status.st_uid == geteuid();
    struct record *mapped = is_ours ? mmap(NULL, sizeof *mapped, PROT_READ, MAP_PRIVATE, file, 0) : NULL;
    int error = errno;
    (void)close(file);
    if (mapped == MAP_FAILED)
        return file_error(error);
    *record = mapped;
    return GROVE_OK;
}

static int end_earlier(const struct linux_machine *machine, const char *path) {
    char boot[40];
    struct record *old = NULL;
    int status = read_machine_boot(boot);
    if (status == GROVE_OK)
        status = map_record(path, &old);
    if (status < 0 || old == NULL)
        return status;
    if (old->head.magic == RECOVERY_MAGIC && memcmp(old->head.machine_boot, boot, sizeof boot) == 0) {
        unsigned count = end_record(old);
        if (count > 0)
            core_recovered(machine->core, count);
    }
    (void)munmap(old, sizeof *old);
    return GROVE_OK;
}

/* ---- the new one ---- */

static int make_record(const char *path, struct record **record) {
    (void)unlink(path);
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return file_error(errno);
    struct record *made = MAP_FAILED;
    int error = posix_fallocate(file, 0, (off_t)sizeof *made);
    if (error == 0 && (made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)) == MAP_FAILED)
        error = errno;
    (void)close(file);
    if (error != 0) {
        (void)unlink(path);
        return file_error(error);
    }
    *record = made;
    return GROVE_OK;
}

/* Made beside the old one and put in its place when it is whole. */
static int begin(const struct linux_machine *machine) {
    char fresh[sizeof current_path + 8], boot[40];
    struct record *record = NULL;
    (void)snprintf(fresh, sizeof fresh, "%s.new", current_path);
    int status = read_machine_boot(boot);
    if (status == GROVE_OK)
        status = make_record(fresh, &record);
    if (record == NULL)
        return status;
    record->head.magic = RECOVERY_MAGIC;
    record->head.kernel = machine->boot_id;
    (void)memcpy(record->head.machine_boot, boot, sizeof boot);
    if (rename(fresh, current_path) == 0) {
        current = record;
        return GROVE_OK;
    }
    status = file_error(errno);
    (void)munmap(record, sizeof *record);
    (void)unlink(fresh);
    return status;
}

int recovery_run(struct linux_machine *machine) {
    int length = snprintf(current_path, sizeof current_path, "%s/containers", machine->options.run_folder);
    if (length < 0 || (size_t)length >= sizeof current_path)
        return GROVE_TOO_LARGE;
    int status = end_earlier(machine, current_path);
    return status < 0 ? status : begin(machine);
}

void recovery_close(void) {
    if (current == NULL)
        return;
    (void)munmap(current, sizeof *current);
    (void)unlink(current_path);
    current = NULL;
}
