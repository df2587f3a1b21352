/* The files that memory is mapped from: see mapped_file.h; and files that are nothing but memory, memfd_create(2). */
#include "kernel/services/posix/memory/mapped_file.h"

#include "kernel/machine/bare/process/calls.h"
#include "kernel/services/posix/files/current.h"
#include "kernel/services/vfs/mapping.h"
#include "kernel/services/vfs/memory_file.h"
#include "kernel/services/vfs/seal.h"

#define CLOSE_ON_EXECUTE 1u /* flags of memfd_create */
#define ALLOW_SEALING 2u
#define NO_EXECUTE_SEALED 8u
#define EXECUTE 16u
#define KNOWN_FLAGS (CLOSE_ON_EXECUTE | ALLOW_SEALING | NO_EXECUTE_SEALED | EXECUTE)

void mapped_file_find(uint32_t descriptor, struct memory_call_file *found) {
    struct files files = files_of_current();
    struct open_file *file;
    *found = (struct memory_call_file){.status = descriptors_get(files.descriptors, descriptor, &file)};
    if (found->status != 0)
        return;
    mapping_of_file(file, found);
    file_unref(file);
}

int64_t system_call_memfd_create(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    char name[MEMORY_FILE_NAME_MAX + 1];
    uint64_t flags = arguments[1];
    struct open_file *file;
    uint32_t number, mode = (flags & NO_EXECUTE_SEALED) != 0 ? 0666 : 0777;
    if ((flags & ~(uint64_t)KNOWN_FLAGS) != 0 ||
        (flags & (NO_EXECUTE_SEALED | EXECUTE)) == (NO_EXECUTE_SEALED | EXECUTE))
        return -LINUX_EINVAL;
    int length = process_read_text(name, arguments[0], sizeof(name));
    if (length < 0)
        return length == -LINUX_ENAMETOOLONG ? -LINUX_EINVAL : length;
    bool is_sealable = (flags & (ALLOW_SEALING | NO_EXECUTE_SEALED)) != 0;
    int status = memory_file_create(files.caller, name, mode, is_sealable, &file);
    if (status != 0)
        return status;
    if ((flags & NO_EXECUTE_SEALED) != 0)
        (void)file_add_seals(file, LINUX_F_SEAL_EXEC);
    status = descriptors_add(files.descriptors, file, 0, (flags & CLOSE_ON_EXECUTE) != 0, &number);
    if (status != 0)
        file_unref(file);
    return status != 0 ? status : (int64_t)number;
}
