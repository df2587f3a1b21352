/*
 * The audit log on disk: state folder, audit.log, and audit.log.1 before it.
 *
 *     audit.log    record s | record s+1 | record s+2 | ...       512 bytes each, numbers without a gap
 *
 * Batching: records gather in `pending` and are written with one pwrite at the end of the loop's turn. They are made
 * durable a second later, by a child process, so that the kernel never waits for a disk.
 *
 * Crash: a kill of the kernel loses at most the turn it was in; a power failure at most the last second. Either can leave
 * a partial record, or pages that were never written. At the next start the file is valid up to the last record whose
 * check and number are right; what follows it is cut.
 *
 * Failure (full disk, read-only folder): the records stay in `pending` and are tried again once a second. When it is
 * full, newer ones are counted as lost to the disk (the core still has them in memory). The first failure is said on
 * standard error, and so is the recovery. Since a file has no gaps, the first record after a loss begins a new file.
 */
#include "kernel/machine/linux/audit/audit.h"

#include "kernel/core/machine.h"
#include "kernel/machine/linux/audit/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_BYTES ((off_t)sizeof(struct grove_audit_record))
#define PENDING_MAX 1024u
#define FILE_BYTES_DEFAULT (UINT64_C(16) << 20)
#define SECOND_NS UINT64_C(1000000000)

static struct {
    struct loop *loop;
    char path[PATH_MAX];
    char old_path[PATH_MAX + 2];
    bool is_on; /* a folder was named */
    int descriptor;
    off_t size;
    uint64_t next_in_file; /* number that the next record must have to continue the file */
    uint64_t file_limit;
    bool is_failing;
    int last_error;
    uint64_t errors, lost;
    uint64_t retry, sync; /* timers, 0: none */
    uint32_t count;
    struct grove_audit_record pending[PENDING_MAX];
} log_file = {.descriptor = -1, .file_limit = FILE_BYTES_DEFAULT};

void audit_file_limit(uint64_t bytes) {
    log_file.file_limit = bytes == 0 ? FILE_BYTES_DEFAULT : bytes;
}

static void say_failed(const char *what) {
    log_file.last_error = errno;
    log_file.errors++;
    if (log_file.is_failing)
        return;
    log_file.is_failing = true;
    fprintf(stderr,
            "groved: cannot %s %s: %s; audit records stay in memory until it can be written (free space there, make it "
            "writable, or name another folder with --state)\n",
            what, log_file.path, strerror(errno));
}

static void say_works(void) {
    if (!log_file.is_failing)
        return;
    log_file.is_failing = false;
    fprintf(stderr, "groved: %s is written again; %llu records are missing in it\n", log_file.path,
            (unsigned long long)log_file.lost);
}

/* ---- opening ---- */

static bool read_record(int file, off_t index, struct grove_audit_record *record) {
    return pread(file, record, sizeof *record, index * RECORD_BYTES) == RECORD_BYTES &&
           audit_file_check(record) == record->check;
}

/*
 * The file's size without its torn tail, and the number after its last record (0: it has none). Where the first record is
 * damaged it cannot say which numbers the others must have; that is no reason to throw them away.
 */
static off_t valid_size(int file, off_t size, uint64_t *next_sequence) {
    struct grove_audit_record first, last;
    bool is_numbered = size >= RECORD_BYTES && read_record(file, 0, &first);
    *next_sequence = 0;
    for (off_t index = size / RECORD_BYTES - 1; index >= 0; index--) {
        if (!read_record(file, index, &last) || (is_numbered && last.sequence != first.sequence + (uint64_t)index))
            continue;
        *next_sequence = last.sequence + 1;
        return (index + 1) * RECORD_BYTES;
    }
    return 0;
}

static int open_file(void) {
    log_file.descriptor = open(log_file.path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (log_file.descriptor < 0)
        return -1;
    struct stat about;
    if (fstat(log_file.descriptor, &about) < 0)
        return -1;
    if (!S_ISREG(about.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    log_file.size = valid_size(log_file.descriptor, about.st_size, &log_file.next_in_file);
    if (log_file.size == about.st_size)
        return 0;
    fprintf(stderr, "groved: cut %lld torn bytes off the end of %s\n", (long long)(about.st_size - log_file.size),
            log_file.path);
    return ftruncate(log_file.descriptor, log_file.size);
}

static void close_file(void) {
    if (log_file.descriptor >= 0)
        close(log_file.descriptor);
    log_file.descriptor = -1;
}

static bool ensure_open(void) {
    if (log_file.descriptor >= 0)
        return true;
    if (open_file() == 0)
        return true;
    say_failed("open");
    close_file();
    return false;
}

/* The number after the last record of a file that is only read; 0 if it has none. */
static uint64_t next_after(const char *path) {
    uint64_t next = 0;
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
        return 0;
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode))
        (void)valid_size(file, about.st_size, &next);
    close(file);
    return next;
}

void audit_file_open(struct loop *loop, const char *folder, uint64_t *next_sequence) {
    log_file.loop = loop;
    log_file.is_on = folder != NULL;
    *next_sequence = 1;
    if (!log_file.is_on)
        return;
    snprintf(log_file.path, sizeof log_file.path, "%s/audit.log", folder);
    snprintf(log_file.old_path, sizeof log_file.old_path, "%s.1", log_file.path);
    uint64_t next = ensure_open() ? log_file.next_in_file : next_after(log_file.path);
    if (next == 0)
        next = next_after(log_file.old_path);
    if (next != 0)
        *next_sequence = next;
}

/* ---- durability ---- */

static void sync_soon(void);

/* If it cannot be done now, it is tried again a second later. */
static void sync_beside(struct loop *loop, void *context) {
    (void)loop;
    (void)context;
    log_file.sync = 0;
    if (log_file.descriptor >= 0 && !audit_sync_begin(log_file.descriptor))
        sync_soon();
}

static void sync_soon(void) {
    if (log_file.sync == 0 && log_file.loop != NULL)
        (void)loop_at(log_file.loop, machine_clock_ns() + SECOND_NS, sync_beside, NULL, &log_file.sync);
}

/* ---- writing ---- */

static bool rotate(void) {
    (void)fdatasync(log_file.descriptor);
    close_file();
    if (rename(log_file.path, log_file.old_path) < 0 && errno != ENOENT) {
        say_failed("rotate");
        return false;
    }
    return ensure_open();
}

/* Write records that continue one another. What was written only in part is cut off again. */
static bool write_run(const struct grove_audit_record *records, uint32_t count) {
    bool is_continued = log_file.size == 0 || records[0].sequence == log_file.next_in_file;
    if ((!is_continued || (uint64_t)log_file.size + sizeof *records > log_file.file_limit) && !rotate())
        return false;
    size_t bytes = count * sizeof *records;
    ssize_t written = pwrite(log_file.descriptor, records, bytes, log_file.size);
    if (written == (ssize_t)bytes) {
        log_file.size += written;
        log_file.next_in_file = records[count - 1].sequence + 1;
        return true;
    }
    if (written >= 0)
        errno = ENOSPC;
    say_failed("write");
    if (ftruncate(log_file.descriptor, log_file.size) < 0)
        close_file(); /* opened again, and its torn tail cut, at the next try */
    return false;
}

static uint32_t run_length(uint32_t from) {
    uint32_t next = from + 1;
    while (next < log_file.count && log_file.pending[next].sequence == log_file.pending[next - 1].sequence + 1)
        next++;
    return next - from;
}

static void drop_written(uint32_t written) {
    log_file.count -= written;
    memmove(log_file.pending, log_file.pending + written, log_file.count * sizeof *log_file.pending);
}

static void try_again(struct loop *loop, void *context);

static void retry_soon(void) {
    if (log_file.retry == 0 && log_file.loop != NULL)
        (void)loop_at(log_file.loop, machine_clock_ns() + SECOND_NS, try_again, NULL, &log_file.retry);
}

static void write_pending(void) {
    uint32_t written = 0;
    while (written < log_file.count && ensure_open()) {
        uint32_t length = run_length(written);
        if (!write_run(log_file.pending + written, length))
            break;
        written += length;
    }
    drop_written(written);
    if (written > 0)
        sync_soon();
    if (log_file.count == 0)
        say_works();
    else
        retry_soon();
}

static void try_again(struct loop *loop, void *context) {
    (void)loop;
    (void)context;
    log_file.retry = 0;
    write_pending();
}

void audit_file_flush(void) {
    if (log_file.count > 0 && !log_file.is_failing)
        write_pending();
}

void machine_audit_write(const struct grove_audit_record *record) {
    if (!log_file.is_on)
        return;
    if (log_file.count == PENDING_MAX)
        audit_file_flush();
    if (log_file.count == PENDING_MAX) {
        log_file.lost++;
        return;
    }
    struct grove_audit_record *kept = &log_file.pending[log_file.count++];
    *kept = *record;
    kept->check = audit_file_check(kept);
}

void audit_file_reopen(void) {
    audit_file_flush();
    close_file();
    log_file.is_failing = false;
    if (log_file.is_on)
        (void)ensure_open();
}

void audit_file_close(void) {
    if (log_file.count > 0)
        write_pending();
    if (log_file.descriptor >= 0)
        (void)fdatasync(log_file.descriptor);
    audit_sync_end();
    close_file();
    if (log_file.loop != NULL) {
        loop_cancel(log_file.loop, log_file.retry);
        loop_cancel(log_file.loop, log_file.sync);
    }
    log_file.retry = log_file.sync = 0;
    log_file.count = 0;
    log_file.is_on = false;
    log_file.loop = NULL;
}

void audit_file_describe(struct grove_kernel_record *record) {
    record->audit_errors = log_file.errors;
    record->audit_lost = log_file.lost;
    record->audit_error = log_file.last_error;
}
