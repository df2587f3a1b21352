/*
 * Character devices by their number, and the file system that shows them all: null, zero, full, random and urandom are
 * always there; drivers (the console is one) add theirs.
 */
#ifndef GROVE_VFS_DEVICE_H
#define GROVE_VFS_DEVICE_H

#include "kernel/services/vfs/file.h"

struct device {
    const char *name; /* in the file system of devices; NULL: it is not there */
    uint32_t major, minor;
    uint32_t minor_count; /* of numbers that it has, from `minor` on; 0 is one */
    uint32_t mode; /* permission bits of its node */
    const struct file_operations *operations;
    void *context; /* the driver's */
    /* A file of it is opened: `device` and `operations` are set, both may be changed. NULL: nothing is done. */
    int (*open)(struct open_file *file);
    struct list link; /* the layer's */
};

/* Without locks. The driver keeps the device; it is there until the layer ends. -LINUX_EEXIST: the number is taken. */
int device_add(struct vfs *vfs, struct device *device);
/* A character device is opened: the operations of its number, and file->device. -LINUX_ENXIO: there is none; errors of its `open`. */
int device_open(struct open_file *file);
/* A tmpfs with a node for each device that is there now. -LINUX_ENOMEM. */
int devfs_create(struct vfs *vfs, struct file_system **created);

#endif
