/* From file to file without the program in between: sendfile(2), copy_file_range(2). */
#include "kernel/services/posix/files/memory.h"
#include "kernel/services/posix/files/place.h"
#include "kernel/services/vfs/pipe.h"

/* At once, where there is memory for it: as much as goes into Linux's pipe in between. */
#define STEP_BYTES (16 * VFS_PAGE_BYTES)

/* One end of a copy: a file, from or to its position or an offset of its own. */
struct copy_end {
    struct open_file *file;
    bool has_offset;
    int64_t offset;
};

static int get_ends(const struct files *files, uint64_t from, uint64_t to, struct copy_end ends[2]) {
    int status = get_usable_file(files, from, &ends[0].file);
    if (status != 0)
        return status;
    status = get_usable_file(files, to, &ends[1].file);
    if (status != 0)
        file_unref(ends[0].file);
    return status;
}

static void give_ends_back(const struct copy_end ends[2]) {
    file_unref(ends[0].file);
    file_unref(ends[1].file);
}

static int read_step(struct copy_end *from, uint8_t *bytes, size_t size, size_t *done) {
    struct transfer_segment segment = {.base = bytes, .size_bytes = size};
    struct transfer transfer;
    *done = 0;
    transfer_init(&transfer, &segment, 1);
    return from->has_offset ? file_read_at(from->file, from->offset, &transfer, done)
                            : file_read(from->file, &transfer, done);
}

static int write_step(const struct files *files, const struct copy_end *to, uint8_t *bytes, size_t size, size_t *done) {
    struct transfer_segment segment = {.base = bytes, .size_bytes = size};
    struct transfer transfer;
    *done = 0;
    transfer_init(&transfer, &segment, 1);
    return to->has_offset ? file_write_at(files->caller, to->file, to->offset, &transfer, done)
                          : file_write(files->caller, to->file, &transfer, done);
}

/* What was read and could not be written goes back: the position, if the file has one. */
static void put_back(const struct copy_end *from, size_t size) {
    int64_t position;
    if (!from->has_offset && size > 0)
        (void)file_seek(from->file, -(int64_t)size, LINUX_SEEK_CUR, &position);
}

static int64_t copy_steps(const struct files *files, struct copy_end ends[2], size_t size, uint8_t *bytes,
                          size_t step_bytes) {
    size_t sum = 0;
    int status = 0;
    while (sum < size && status == 0) {
        size_t wanted = size - sum < step_bytes ? size - sum : step_bytes, got, put = 0;
        status = read_step(&ends[0], bytes, wanted, &got);
        if (status != 0 || got == 0)
            break;
        if (file_is_anonymous(ends[1].file)) /* it takes numbers, not bytes */
            status = -LINUX_EINVAL;
        while (put < got && status == 0) {
            size_t done;
            status = write_step(files, &ends[1], bytes + put, got - put, &done);
            put += done;
            ends[1].offset += (int64_t)done;
        }
        put_back(&ends[0], got - put);
        ends[0].offset += (int64_t)put;
        sum += put;
    }
    if (status == -LINUX_EPIPE)
        files_send_broken_pipe();
    return sum > 0 ? (int64_t)sum : files_note_limit(files->caller, status);
}

static int64_t copy(const struct files *files, struct copy_end ends[2], size_t size) {
    const struct vfs_machine *machine = files->vfs->machine;
    size_t step_bytes = size <= VFS_PAGE_BYTES ? VFS_PAGE_BYTES : STEP_BYTES;
    uint8_t *bytes = machine_take(machine, step_bytes);
    if (bytes == NULL && step_bytes > VFS_PAGE_BYTES) {
        step_bytes = VFS_PAGE_BYTES;
        bytes = machine_take(machine, step_bytes);
    }
    if (bytes == NULL)
        return -LINUX_ENOMEM;
    int64_t done = copy_steps(files, ends, size < MEMORY_BYTES_MAX ? size : MEMORY_BYTES_MAX, bytes, step_bytes);
    machine_give_back(machine, bytes, step_bytes);
    return done;
}

static bool is_plain(const struct open_file *file) {
    return file->operations == NULL && file->inode != NULL && inode_kind(file->inode) == LINUX_S_IFREG;
}

static bool is_open_for(const struct open_file *file, uint32_t wanted) {
    return (vfs_open_access(file_flags(file)) & wanted) != 0;
}

/* An offset of the program's, if it has one. */
static int read_offset(uint64_t address, struct copy_end *end) {
    end->has_offset = address != 0;
    end->offset = 0;
    return address == 0 || process_read(&end->offset, address, sizeof(end->offset)) ? 0 : -LINUX_EFAULT;
}

static int64_t write_offset(uint64_t address, const struct copy_end *end, int64_t answer) {
    return address == 0 || process_write(address, &end->offset, sizeof(end->offset)) ? answer : -LINUX_EFAULT;
}

/* ---- sendfile ---- */

static int check_source(const struct copy_end *from) {
    bool has_positions = from->file->operations == NULL || from->file->operations->has_positions;
    if (!is_open_for(from->file, LINUX_R_OK))
        return -LINUX_EBADF;
    if (from->has_offset && !has_positions)
        return -LINUX_ESPIPE;
    return from->has_offset && from->offset < 0 ? -LINUX_EINVAL : 0;
}

static int check_send(const struct copy_end ends[2], uint64_t size) {
    if (!is_open_for(ends[1].file, LINUX_W_OK))
        return -LINUX_EBADF;
    bool is_appended = (file_flags(ends[1].file) & LINUX_O_APPEND) != 0 && !pipe_is(ends[1].file);
    if (is_appended || ends[0].file->operations != NULL)
        return -LINUX_EINVAL;
    return size > 0 && !is_plain(ends[0].file) ? -LINUX_EINVAL : 0;
}

static int64_t send_from(const struct files *files, struct copy_end ends[2], const uint64_t arguments[6]) {
    int64_t answer = check_source(&ends[0]);
    if (answer == 0)
        answer = get_usable_file(files, arguments[0], &ends[1].file);
    if (answer != 0)
        return answer;
    answer = check_send(ends, arguments[3]);
    if (answer == 0) {
        answer = copy(files, ends, arguments[3]);
        answer = write_offset(arguments[2], &ends[0], answer);
    }
    file_unref(ends[1].file);
    return answer;
}

int64_t system_call_sendfile(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct copy_end ends[2] = {{.file = NULL}, {.file = NULL}};
    int64_t answer = read_offset(arguments[2], &ends[0]);
    if (answer == 0)
        answer = get_usable_file(&files, arguments[1], &ends[0].file);
    if (answer != 0)
        return answer;
    answer = send_from(&files, ends, arguments);
    file_unref(ends[0].file);
    return answer;
}

/* ---- copy_file_range ---- */

static int check_range(const struct copy_end ends[2], uint64_t size, uint64_t flags) {
    if ((uint32_t)flags != 0)
        return -LINUX_EINVAL;
    for (int i = 0; i < 2; i++)
        if (ends[i].file->inode != NULL && inode_is_folder(ends[i].file->inode))
            return -LINUX_EISDIR;
    if (!is_plain(ends[0].file) || !is_plain(ends[1].file))
        return -LINUX_EINVAL;
    if (!is_open_for(ends[0].file, LINUX_R_OK) || !is_open_for(ends[1].file, LINUX_W_OK) ||
        (file_flags(ends[1].file) & LINUX_O_APPEND) != 0)
        return -LINUX_EBADF;
    for (int i = 0; i < 2; i++)
        if ((uint64_t)ends[i].offset + size < (uint64_t)ends[i].offset)
            return -LINUX_EOVERFLOW;
    return ends[0].offset < 0 || ends[1].offset < 0 ? -LINUX_EINVAL : 0;
}

static uint64_t place_of(const struct copy_end *end) {
    return end->has_offset ? (uint64_t)end->offset : end->file->position;
}

/* What there is to copy now; it does not copy on in what it just wrote itself. */
static uint64_t limit(const struct copy_end *from, uint64_t size) {
    uint64_t end = inode_size(from->file->inode), at = place_of(from), left = end > at ? end - at : 0;
    size = size < MEMORY_BYTES_MAX ? size : MEMORY_BYTES_MAX;
    return size < left ? size : left;
}

static bool overlap(const struct copy_end ends[2], uint64_t size) {
    uint64_t from = place_of(&ends[0]), to = place_of(&ends[1]);
    return ends[0].file->inode == ends[1].file->inode && from < to + size && to < from + size;
}

int64_t system_call_copy_file_range(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct copy_end ends[2] = {{.file = NULL}, {.file = NULL}};
    int64_t answer = get_ends(&files, arguments[0], arguments[2], ends);
    if (answer != 0)
        return answer;
    answer = read_offset(arguments[1], &ends[0]);
    if (answer == 0)
        answer = read_offset(arguments[3], &ends[1]);
    if (answer == 0)
        answer = check_range(ends, arguments[4], arguments[5]);
    if (answer == 0) {
        uint64_t size = limit(&ends[0], arguments[4]);
        answer = overlap(ends, size) ? -LINUX_EINVAL : copy(&files, ends, size);
    }
    if (answer > 0) {
        answer = write_offset(arguments[1], &ends[0], answer);
        answer = answer > 0 ? write_offset(arguments[3], &ends[1], answer) : answer;
    }
    give_ends_back(ends);
    return answer;
}

/*
 * Pages are not handed on from pipe to pipe here, so none of these would be any cheaper than a copy by the program, which is
 * what programs do when they are told this.
 */
int64_t system_call_splice(const uint64_t arguments[6]) {
    (void)arguments;
    return -LINUX_EINVAL;
}

int64_t system_call_tee(const uint64_t arguments[6]) {
    (void)arguments;
    return -LINUX_EINVAL;
}

int64_t system_call_vmsplice(const uint64_t arguments[6]) {
    (void)arguments;
    return -LINUX_EINVAL;
}
