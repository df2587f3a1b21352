/* See disk.h. A few files, a few megabytes. */
#include "lib/journal/testing/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 64
#define SECTOR_BYTES 512

struct change {
    off_t offset; /* -1: the length becomes length_bytes */
    size_t length_bytes;
    char *bytes; /* NULL: only the length grows to offset + length_bytes */
    struct change *next;
};
struct file {
    char name[64];
    ino_t inode; /* of the real file; 0: removed */
    bool name_is_certain, removal_is_uncertain;
    char *bytes; /* certain */
    size_t length_bytes;
    struct change *first, **last;
    off_t spoilt_from, spoilt_to;
};

static int watched = -1;
static struct file files[FILES_MAX];
static unsigned file_count, calls, fail_call, stop_call;
static int fail_error;

int __real_openat64(int folder, const char *name, int flags, ...);
int __real_unlinkat(int folder, const char *name, int flags);
ssize_t __real_pread64(int descriptor, void *bytes, size_t length_bytes, off_t offset);
ssize_t __real_pwrite64(int descriptor, const void *bytes, size_t length_bytes, off_t offset);
int __real_fallocate64(int descriptor, int mode, off_t offset, off_t length);
int __real_ftruncate64(int descriptor, off_t length);
int __real_fdatasync(int descriptor);
int __real_fsync(int descriptor);
int __wrap_openat64(int folder, const char *name, int flags, ...);
int __wrap_unlinkat(int folder, const char *name, int flags);
ssize_t __wrap_pread64(int descriptor, void *bytes, size_t length_bytes, off_t offset);
ssize_t __wrap_pwrite64(int descriptor, const void *bytes, size_t length_bytes, off_t offset);
int __wrap_fallocate64(int descriptor, int mode, off_t offset, off_t length);
int __wrap_ftruncate64(int descriptor, off_t length);
int __wrap_fdatasync(int descriptor);
int __wrap_fsync(int descriptor);

static void forget_changes(struct file *file) {
    while (file->first != NULL) {
        struct change *change = file->first;
        file->first = change->next;
        free(change->bytes);
        free(change);
    }
    file->last = &file->first;
}

void disk_end(void) {
    for (unsigned index = 0; index < file_count; index++) {
        forget_changes(&files[index]);
        free(files[index].bytes);
    }
    memset(files, 0, sizeof files);
    file_count = 0;
    watched = -1;
}

void disk_begin(int folder) {
    disk_end();
    watched = folder;
    calls = 0;
    fail_call = stop_call = ~0u;
}

unsigned disk_calls(void) {
    return calls;
}

void disk_fail(unsigned call, int error) {
    fail_call = call;
    fail_error = error;
}

void disk_stop(unsigned call) {
    stop_call = call;
}

void disk_spoil(const char *name, long from, long to) {
    for (unsigned index = 0; index < file_count; index++)
        if (files[index].inode != 0 && strcmp(files[index].name, name) == 0) {
            files[index].spoilt_from = from;
            files[index].spoilt_to = to;
        }
}

/* Count a changing call. False: it fails, with errno set. */
static bool proceed(void) {
    unsigned call = calls++;
    if (call >= stop_call || call == fail_call) {
        errno = call >= stop_call ? EIO : fail_error;
        return false;
    }
    return true;
}

static struct file *file_of(int descriptor) {
    struct stat facts;
    if (watched < 0 || fstat(descriptor, &facts) < 0)
        return NULL;
    for (unsigned index = 0; index < file_count; index++)
        if (files[index].inode == facts.st_ino)
            return &files[index];
    return NULL;
}

static bool is_folder(int descriptor) {
    struct stat facts, own;
    return watched >= 0 && fstat(descriptor, &facts) == 0 && fstat(watched, &own) == 0 && facts.st_ino == own.st_ino;
}

static void add_change(struct file *file, off_t offset, size_t length_bytes, const void *bytes) {
    struct change *change = calloc(1, sizeof *change);
    *change = (struct change){.offset = offset, .length_bytes = length_bytes};
    if (bytes != NULL) {
        change->bytes = malloc(length_bytes);
        memcpy(change->bytes, bytes, length_bytes);
    }
    *file->last = change;
    file->last = &change->next;
}

/* ---- the calls ---- */

int __wrap_openat64(int folder, const char *name, int flags, ...) {
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    bool is_watched = watched >= 0 && folder == watched && (flags & O_CREAT) != 0 && strstr(name, ".journal") != NULL;
    if (is_watched && !proceed())
        return -1;
    int descriptor = __real_openat64(folder, name, flags, mode);
    if (descriptor >= 0 && is_watched && file_of(descriptor) == NULL && file_count < FILES_MAX) {
        struct file *file = &files[file_count++];
        struct stat facts;
        *file = (struct file){.last = &file->first};
        (void)snprintf(file->name, sizeof file->name, "%s", name);
        file->inode = fstat(descriptor, &facts) == 0 ? facts.st_ino : 0;
    }
    return descriptor;
}

int __wrap_unlinkat(int folder, const char *name, int flags) {
    if (watched < 0 || folder != watched)
        return __real_unlinkat(folder, name, flags);
    if (!proceed())
        return -1;
    for (unsigned index = 0; index < file_count; index++)
        if (files[index].inode != 0 && strcmp(files[index].name, name) == 0) {
            files[index].inode = 0;
            files[index].removal_is_uncertain = true;
        }
    return __real_unlinkat(folder, name, flags);
}

/* What lies before the spoilt part is given; whoever begins in it gets an error. */
ssize_t __wrap_pread64(int descriptor, void *bytes, size_t length_bytes, off_t offset) {
    const struct file *file = file_of(descriptor);
    if (file != NULL && offset >= file->spoilt_from && offset < file->spoilt_to) {
        errno = EIO;
        return -1;
    }
    if (file != NULL && offset < file->spoilt_from && offset + (off_t)length_bytes > file->spoilt_from)
        length_bytes = (size_t)(file->spoilt_from - offset);
    return __real_pread64(descriptor, bytes, length_bytes, offset);
}

ssize_t __wrap_pwrite64(int descriptor, const void *bytes, size_t length_bytes, off_t offset) {
    struct file *file = file_of(descriptor);
    if (file != NULL && !proceed()) {
        /* Half of it may be there. */
        size_t half = length_bytes / 2;
        add_change(file, offset, half, bytes);
        (void)__real_pwrite64(descriptor, bytes, half, offset);
        return -1;
    }
    ssize_t wrote = __real_pwrite64(descriptor, bytes, length_bytes, offset);
    if (file != NULL && wrote > 0)
        add_change(file, offset, (size_t)wrote, bytes);
    return wrote;
}

int __wrap_fallocate64(int descriptor, int mode, off_t offset, off_t length) {
    struct file *file = file_of(descriptor);
    if (file != NULL && !proceed())
        return -1;
    if (file != NULL)
        add_change(file, offset, (size_t)length, NULL);
    return __real_fallocate64(descriptor, mode, offset, length);
}

int __wrap_ftruncate64(int descriptor, off_t length) {
    struct file *file = file_of(descriptor);
    if (file != NULL && !proceed())
        return -1;
    if (file != NULL)
        add_change(file, -1, (size_t)length, NULL);
    return __real_ftruncate64(descriptor, length);
}

static void set_length(struct file *file, size_t length_bytes) {
    file->bytes = realloc(file->bytes, length_bytes + 1);
    if (length_bytes > file->length_bytes)
        memset(file->bytes + file->length_bytes, 0, length_bytes - file->length_bytes);
    file->length_bytes = length_bytes;
}

/* One bit of a sequence that depends on the seed alone. */
static bool toss(unsigned *random) {
    *random = *random * 1103515245u + 12345u;
    return (*random >> 16 & 1) != 0;
}

static void apply(struct file *file, const struct change *change, enum disk_loss loss, unsigned *random) {
    if (change->offset < 0) {
        if (loss == DISK_KEEPS_ALL || toss(random))
            set_length(file, change->length_bytes);
        return;
    }
    size_t end = (size_t)change->offset + change->length_bytes;
    if (end > file->length_bytes)
        set_length(file, end);
    for (size_t done = 0; change->bytes != NULL && done < change->length_bytes;) {
        size_t place = (size_t)change->offset + done;
        size_t step = SECTOR_BYTES - place % SECTOR_BYTES;
        step = step < change->length_bytes - done ? step : change->length_bytes - done;
        if (loss == DISK_KEEPS_ALL || toss(random))
            memcpy(file->bytes + place, change->bytes + done, step);
        done += step;
    }
}

static int synchronise(int descriptor) {
    struct file *file = file_of(descriptor);
    unsigned random = calls;
    if (file == NULL && !is_folder(descriptor))
        return 0;
    bool is_done = proceed();
    if (!is_done && calls > stop_call)
        return -1;
    if (file == NULL) {
        for (unsigned index = 0; is_done && index < file_count; index++) {
            files[index].name_is_certain = true;
            files[index].removal_is_uncertain = false;
        }
        return is_done ? 0 : -1;
    }
    for (const struct change *change = file->first; change != NULL; change = change->next)
        apply(file, change, is_done ? DISK_KEEPS_ALL : DISK_KEEPS_SOME, &random);
    forget_changes(file);
    return is_done ? 0 : -1;
}

int __wrap_fdatasync(int descriptor) {
    return watched < 0 ? __real_fdatasync(descriptor) : synchronise(descriptor);
}

int __wrap_fsync(int descriptor) {
    return watched < 0 ? __real_fsync(descriptor) : synchronise(descriptor);
}

/* ---- the crash ---- */

static bool is_left(const struct file *file, enum disk_loss loss, unsigned *random) {
    bool may_be_missing = !file->name_is_certain && loss != DISK_KEEPS_ALL;
    bool may_be_there = file->inode != 0 || (file->removal_is_uncertain && loss != DISK_KEEPS_ALL);
    if (may_be_missing && (loss == DISK_KEEPS_CERTAIN || !toss(random)))
        return false;
    return may_be_there && (file->inode != 0 || toss(random));
}

void disk_leave(int folder, enum disk_loss loss, unsigned random) {
    for (unsigned index = 0; index < file_count; index++) {
        struct file *file = &files[index];
        struct file copy = *file;
        if (!is_left(file, loss, &random))
            continue;
        copy.bytes = malloc(file->length_bytes + 1);
        if (file->length_bytes > 0)
            memcpy(copy.bytes, file->bytes, file->length_bytes);
        for (const struct change *change = file->first; change != NULL && loss != DISK_KEEPS_CERTAIN;
             change = change->next)
            apply(&copy, change, loss, &random);
        int descriptor = __real_openat64(folder, file->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (descriptor < 0 || write(descriptor, copy.bytes, copy.length_bytes) != (ssize_t)copy.length_bytes)
            abort();
        (void)close(descriptor);
        free(copy.bytes);
    }
}
