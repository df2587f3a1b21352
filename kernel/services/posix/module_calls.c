/*
 * init_module(2), finit_module(2), delete_module(2): for who has CAP_SYS_MODULE. Sentences of what went wrong are on the console. No flag
 * makes a module of another build fit, so those that would are refused.
 */
#include "kernel/machine/bare/module/module.h"
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/posix/process.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/file.h"

#define CAP_SYS_MODULE 16u
#define OPTIONS_BYTES 1024u

static bool may_change(void) {
    return credentials_have(&process_current()->credentials, CAP_SYS_MODULE);
}

static int64_t load(const uint8_t *bytes, size_t size, uint64_t options_at) {
    char options[OPTIONS_BYTES];
    int length = process_read_text(options, options_at, sizeof(options));
    if (length < 0)
        return length == -LINUX_ENAMETOOLONG ? -LINUX_ENOSPC : length;
    return module_load(bytes, size, options, NULL);
}

int64_t system_call_init_module(const uint64_t arguments[6]) {
    const struct vfs_machine *machine = processes.vfs->machine;
    uint64_t size = arguments[1];
    if (!may_change())
        return -LINUX_EPERM;
    if (size == 0 || size > MODULE_FILE_BYTES_MAX)
        return -LINUX_ENOEXEC;
    uint8_t *bytes = machine_take(machine, size);
    if (bytes == NULL)
        return -LINUX_ENOMEM;
    int64_t answer = process_read(bytes, arguments[0], size) ? load(bytes, size, arguments[2]) : -LINUX_EFAULT;
    machine_give_back(machine, bytes, size);
    return answer;
}

/* All of a file from its beginning, whatever its position. */
static int read_whole(struct open_file *file, uint8_t **bytes, size_t *size) {
    const struct vfs_machine *machine = file->vfs->machine;
    struct transfer transfer;
    size_t done = 0;
    *size = file->operations == NULL && file->inode != NULL ? inode_size(file->inode) : 0;
    if (*size == 0 || *size > MODULE_FILE_BYTES_MAX)
        return -LINUX_ENOEXEC;
    *bytes = machine_take(machine, *size);
    if (*bytes == NULL)
        return -LINUX_ENOMEM;
    struct transfer_segment segment = {.base = *bytes, .size_bytes = *size};
    transfer_init(&transfer, &segment, 1);
    int status = file_read_at(file, 0, &transfer, &done);
    if (status == 0 && done < *size)
        status = -LINUX_ENOEXEC;
    if (status != 0)
        machine_give_back(machine, *bytes, *size);
    return status;
}

int64_t system_call_finit_module(const uint64_t arguments[6]) {
    struct open_file *file;
    uint8_t *bytes;
    size_t size;
    if (!may_change())
        return -LINUX_EPERM;
    if ((uint32_t)arguments[2] != 0)
        return -LINUX_EINVAL;
    int64_t answer = descriptors_get(&process_current()->descriptors, (uint32_t)arguments[0], &file);
    if (answer != 0)
        return answer;
    answer = read_whole(file, &bytes, &size);
    if (answer == 0) {
        answer = load(bytes, size, arguments[1]);
        machine_give_back(file->vfs->machine, bytes, size);
    }
    file_unref(file);
    return answer;
}

int64_t system_call_delete_module(const uint64_t arguments[6]) {
    char name[MODULE_NAME_BYTES];
    if (!may_change())
        return -LINUX_EPERM;
    int length = process_read_text(name, arguments[0], sizeof(name));
    if (length < 0)
        return length == -LINUX_ENAMETOOLONG ? -LINUX_ENOENT : length;
    return module_unload(name);
}
