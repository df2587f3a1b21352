/* Files that have a descriptor and no name: see nameless.h. */
#include "kernel/services/posix/files/nameless.h"

int64_t nameless_open(const struct files *files, const struct file_operations *operations, void *object, uint32_t flags,
                      void (*give_back)(struct vfs *vfs, void *object)) {
    uint32_t number;
    struct open_file *file = file_create(files->vfs, operations, object, LINUX_O_RDWR | (flags & LINUX_O_NONBLOCK));
    if (file == NULL) {
        give_back(files->vfs, object);
        return -LINUX_ENOMEM;
    }
    int status = descriptors_add(files->descriptors, file, 0, (flags & LINUX_O_CLOEXEC) != 0, &number);
    if (status != 0)
        file_unref(file);
    return status != 0 ? status : (int64_t)number;
}

int nameless_get(const struct files *files, uint64_t descriptor, const struct file_operations *operations,
                 struct open_file **file) {
    int status = get_usable_file(files, descriptor, file);
    if (status == 0 && (*file)->operations != operations) {
        file_unref(*file);
        status = -LINUX_EINVAL;
    }
    return status;
}
