/*
 * Standard streams of a container.
 *
 * Output and error of a container that logs are pipes of which the kernel holds both ends for as long as the container
 * exists: a writer is never hit by a broken pipe because the log service is away, and what was written outlives the
 * writer. The pipe's size is the limit (law 10): a writer faster than the log waits. Input is then /dev/null.
 */
#include "kernel/services/containers/inside.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/pipe.h"

/* Only the reader must not wait: it is a service that polls. */
static int make_pipe(struct container_record *record, unsigned which) {
    struct open_file *reading, *writing;
    int status = pipe_create(containers.vfs, 0, &reading, &writing);
    if (status != 0)
        return status;
    (void)file_change_flags(&containers.caller, reading, LINUX_O_NONBLOCK);
    if (objects_add(&containers.objects, reading, &record->stream_read[which]) < 0) {
        file_unref(reading);
        file_unref(writing);
        return -LINUX_ENFILE;
    }
    record->stream_write[which] = writing;
    return 0;
}

static int open_log(struct container_record *record, unsigned which, struct open_file **file) {
    int status = record->stream_write[which] == NULL ? make_pipe(record, which) : 0;
    if (status == 0) {
        *file = record->stream_write[which];
        file_ref(*file);
    }
    return status;
}

static int open_null(const struct caller *caller, struct open_file **file) {
    struct walk_path path = {.text = "/dev/null"};
    return file_open(caller, &path, LINUX_O_RDWR, 0, file);
}

static int open_one(struct container_record *record, const struct caller *caller, struct open_file **passed,
                    unsigned number, struct open_file **file) {
    const uint8_t modes[3] = {record->spec->stream_in, record->spec->stream_out, record->spec->stream_error};
    if (modes[number] == GROVE_STREAM_PASSED && *passed != NULL) {
        *file = *passed;
        *passed = NULL;
        return 0;
    }
    if (modes[number] == GROVE_STREAM_LOG && number > 0)
        return open_log(record, number - 1, file);
    return open_null(caller, file);
}

int streams_open(struct container_record *record, const struct caller *caller, struct open_file *passed[3],
                 struct descriptors *descriptors) {
    int status = 0;
    for (unsigned i = 0; i < 3 && status == 0; i++) {
        struct open_file *file = NULL;
        uint32_t number;
        status = open_one(record, caller, &passed[i], i, &file);
        if (status == 0)
            status = descriptors_add(descriptors, file, i, false, &number);
        if (status != 0 && file != NULL)
            file_unref(file);
    }
    for (unsigned i = 0; i < 3; i++) {
        if (passed[i] != NULL)
            file_unref(passed[i]);
        passed[i] = NULL;
    }
    return status;
}

void streams_close(struct container_record *record) {
    for (unsigned i = 0; i < 2; i++) {
        machine_object_close(record->stream_read[i]);
        record->stream_read[i] = MACHINE_OBJECT_NONE;
        if (record->stream_write[i] != NULL)
            file_unref(record->stream_write[i]);
        record->stream_write[i] = NULL;
    }
}
