/* Init's start: the boot spec is read from the kernel's own files, checked, and handed to the core. */
#include "kernel/services/containers/inside.h"
#include "kernel/services/vfs/errors.h"

static int read_all(struct open_file *file, void *buffer, size_t size_bytes, size_t *length) {
    struct transfer_segment segment = {.base = buffer, .size_bytes = size_bytes};
    struct transfer transfer;
    transfer_init(&transfer, &segment, 1);
    *length = 0;
    return file_read(file, &transfer, length);
}

/* One byte more than a spec may have, so that a longer one is found out. */
static int read_spec(const char *path, void *buffer, size_t size_bytes, size_t *length) {
    struct walk_path where = {.text = path};
    struct open_file *file;
    int status = file_open(&containers.caller, &where, LINUX_O_RDONLY, 0, &file);
    if (status != 0)
        return status;
    status = read_all(file, buffer, size_bytes, length);
    file_unref(file);
    return status;
}

static int boot(const void *spec, size_t length, const char **problem) {
    machine_container init;
    int status = grove_spec_check(spec, length, problem);
    if (status < 0)
        return status;
    containers_lock();
    status = core_boot(containers.core, spec, length, &init);
    containers_unlock();
    if (status < 0)
        *problem = "the kernel has no room for its first container, or has it already";
    return status;
}

int containers_boot(const char *path, const char **problem) {
    const char *unused = NULL;
    size_t size_bytes = GROVE_SPEC_BYTES_MAX + sizeof(uint64_t), length;
    const char **sentence = problem != NULL ? problem : &unused;
    void *spec = containers_take(size_bytes);
    *sentence = "no memory is left for the boot spec";
    if (spec == NULL)
        return GROVE_NO_MEMORY;
    int status = read_spec(path, spec, size_bytes, &length);
    if (status != 0) {
        *sentence = "the boot spec cannot be read";
        status = status == -LINUX_ENOENT ? GROVE_NOT_FOUND : GROVE_IO;
    } else {
        status = boot(spec, length, sentence);
    }
    containers_give_back(spec, size_bytes);
    return status;
}
