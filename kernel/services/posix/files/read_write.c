/* Reading and writing: read(2), pread(2), readv(2), preadv2(2), lseek(2), and their other directions. */
#include "kernel/services/posix/files/memory.h"
#include "kernel/services/posix/files/place.h"

#define RWF_HIGH_PRIORITY 0x1u
#define RWF_DATA_SYNC 0x2u
#define RWF_SYNC 0x4u
#define RWF_IGNORED (RWF_HIGH_PRIORITY | RWF_DATA_SYNC | RWF_SYNC) /* memory is always as good as written */
#define FROM_POSITION (-1)

/* Whose bytes go where: all that the calls here differ in. */
struct input_output {
    uint64_t descriptor;
    bool is_write, has_offset;
    int64_t offset;
};

static int64_t carry_out(const struct files *files, const struct input_output *work, struct open_file *file,
                         struct transfer *transfer) {
    size_t done = 0;
    int status;
    if (work->is_write && work->has_offset)
        status = file_write_at(files->caller, file, work->offset, transfer, &done);
    else if (work->is_write)
        status = file_write(files->caller, file, transfer, &done);
    else if (work->has_offset)
        status = file_read_at(file, work->offset, transfer, &done);
    else
        status = file_read(file, transfer, &done);
    if (status == -LINUX_EPIPE && work->is_write)
        files_send_broken_pipe();
    return status != 0 ? files_note_limit(files->caller, status) : (int64_t)done;
}

/* One buffer. */
static int64_t move(const struct input_output *work, uint64_t address, uint64_t size) {
    struct files files = files_of_current();
    struct buffers buffers;
    struct open_file *file;
    if (work->has_offset && work->offset < 0)
        return -LINUX_EINVAL;
    int status = get_file(&files, work->descriptor, &file);
    if (status != 0)
        return status;
    int64_t done = -LINUX_EINVAL;
    if (size <= INT64_MAX) {
        buffers_begin(&buffers, address, size, !work->is_write);
        done = carry_out(&files, work, file, &buffers.transfer);
    }
    file_unref(file);
    return done;
}

/* What is looked at before the buffers are. */
static int check(const struct input_output *work, const struct open_file *file) {
    const struct file_operations *operations = file->operations;
    if (work->has_offset && operations != NULL && !operations->has_positions)
        return -LINUX_ESPIPE;
    if ((vfs_open_access(file_flags(file)) & (work->is_write ? LINUX_W_OK : LINUX_R_OK)) == 0)
        return -LINUX_EBADF;
    bool can = operations == NULL || (work->is_write ? operations->write != NULL : operations->read != NULL);
    return can ? 0 : -LINUX_EINVAL;
}

static int64_t move_vector(const struct input_output *work, uint64_t address, uint64_t count) {
    struct files files = files_of_current();
    struct buffers buffers;
    struct open_file *file;
    if (work->has_offset && work->offset < 0)
        return -LINUX_EINVAL;
    int status = get_usable_file(&files, work->descriptor, &file);
    if (status != 0)
        return status;
    int64_t done = check(work, file);
    if (done == 0)
        done = buffers_begin_vector(&files, &buffers, address, count, !work->is_write);
    if (done == 0) {
        if (buffers.transfer.left_bytes > 0) /* of no bytes at all nobody is asked */
            done = carry_out(&files, work, file, &buffers.transfer);
        buffers_end(&files, &buffers);
    }
    file_unref(file);
    return done;
}

int64_t system_call_read(const uint64_t arguments[6]) {
    return move(&(struct input_output){.descriptor = arguments[0]}, arguments[1], arguments[2]);
}

int64_t system_call_write(const uint64_t arguments[6]) {
    return move(&(struct input_output){.descriptor = arguments[0], .is_write = true}, arguments[1], arguments[2]);
}

int64_t system_call_pread64(const uint64_t arguments[6]) {
    struct input_output work = {.descriptor = arguments[0], .has_offset = true, .offset = (int64_t)arguments[3]};
    return move(&work, arguments[1], arguments[2]);
}

int64_t system_call_pwrite64(const uint64_t arguments[6]) {
    struct input_output work = {
        .descriptor = arguments[0], .is_write = true, .has_offset = true, .offset = (int64_t)arguments[3]};
    return move(&work, arguments[1], arguments[2]);
}

int64_t system_call_readv(const uint64_t arguments[6]) {
    return move_vector(&(struct input_output){.descriptor = arguments[0]}, arguments[1], arguments[2]);
}

int64_t system_call_writev(const uint64_t arguments[6]) {
    struct input_output work = {.descriptor = arguments[0], .is_write = true};
    return move_vector(&work, arguments[1], arguments[2]);
}

int64_t system_call_preadv(const uint64_t arguments[6]) {
    struct input_output work = {.descriptor = arguments[0], .has_offset = true, .offset = (int64_t)arguments[3]};
    return move_vector(&work, arguments[1], arguments[2]);
}

int64_t system_call_pwritev(const uint64_t arguments[6]) {
    struct input_output work = {
        .descriptor = arguments[0], .is_write = true, .has_offset = true, .offset = (int64_t)arguments[3]};
    return move_vector(&work, arguments[1], arguments[2]);
}

static int64_t move_vector_with_flags(const uint64_t arguments[6], bool is_write) {
    int64_t offset = (int64_t)arguments[3];
    struct input_output work = {
        .descriptor = arguments[0], .is_write = is_write, .has_offset = offset != FROM_POSITION, .offset = offset};
    if (((uint32_t)arguments[5] & ~RWF_IGNORED) != 0)
        return -LINUX_EOPNOTSUPP;
    return move_vector(&work, arguments[1], arguments[2]);
}

int64_t system_call_preadv2(const uint64_t arguments[6]) {
    return move_vector_with_flags(arguments, false);
}

int64_t system_call_pwritev2(const uint64_t arguments[6]) {
    return move_vector_with_flags(arguments, true);
}

int64_t system_call_lseek(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    int64_t position = 0;
    int status = get_usable_file(&files, arguments[0], &file);
    if (status != 0)
        return status;
    status = file_seek(file, (int64_t)arguments[1], (uint32_t)arguments[2], &position);
    file_unref(file);
    return status != 0 ? status : position;
}
