/*
 * Character devices by their number, and the file system that shows them all: null, zero, full, random and urandom are
 * always there; drivers (the console is one) add theirs.
 */
#ifndef GROVE_VFS_DEVICE_H
#define GROVE_VFS_DEVICE_H

#include "kernel/services/vfs/file.h"

struct device {
    const char *name; /* in the file system of devices */
    uint32_t major, minor;
    uint32_t mode; /* permission bits of its node */
    const struct file_operations *operations;
    void *context; /* the driver's */
    struct list link; /* the layer's */
};

/* Without locks. The driver keeps the device; it is there until the layer ends. -LINUX_EEXIST: the number is taken. */
int device_add(struct vfs *vfs, struct device *device);
/* A character device is opened: the operations of its number, and file->device. -LINUX_ENXIO: there is none. */
int device_open(struct open_file *file);
/* A tmpfs with a node for each device that is there now. -LINUX_ENOMEM. */
int devfs_create(struct vfs *vfs, struct file_system **created);

#endif
