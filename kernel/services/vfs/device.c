/* Character devices: see device.h. */
#include "kernel/services/vfs/device.h"

#include "kernel/services/vfs/dentry.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/tmpfs.h"

#include <string.h>

#define RANDOM_STEP 256u
#define MAJOR_MEMORY 1u

/* ---- what is always there ---- */

static int read_nothing(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    (void)file;
    (void)transfer;
    (void)done_bytes;
    return 0;
}

/* Whatever lies at the address, it is not looked at. */
static int write_nowhere(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    (void)file;
    *done_bytes = transfer->left_bytes;
    transfer->left_bytes = 0;
    return 0;
}

static int write_to_full(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    (void)file;
    (void)done_bytes;
    return transfer->left_bytes > 0 ? -LINUX_ENOSPC : 0;
}

static int read_zeros(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    int status = 0;
    (void)file;
    while (status == 0 && transfer->left_bytes > 0) {
        *done_bytes += transfer_zeros(transfer, transfer->left_bytes);
        status = transfer->left_bytes > 0 ? transfer_bring_in(transfer) : 0;
    }
    return status;
}

static int read_random(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    const struct vfs_machine *machine = file->vfs->machine;
    uint8_t bytes[RANDOM_STEP];
    int status = 0;
    while (status == 0 && transfer->left_bytes > 0) {
        size_t wanted = transfer->left_bytes < sizeof(bytes) ? transfer->left_bytes : sizeof(bytes);
        machine->fill_random(machine->context, bytes, wanted);
        size_t copied = transfer_out(transfer, bytes, wanted);
        *done_bytes += copied;
        status = copied < wanted ? transfer_bring_in(transfer) : 0;
    }
    memset(bytes, 0, sizeof(bytes)); /* nobody else learns what somebody was given */
    return status;
}

static const struct file_operations null_operations = {
    .read = read_nothing, .write = write_nowhere, .has_positions = true};
static const struct file_operations zero_operations = {
    .read = read_zeros, .write = write_nowhere, .has_positions = true};
static const struct file_operations full_operations = {
    .read = read_zeros, .write = write_to_full, .has_positions = true};
static const struct file_operations random_operations = {
    .read = read_random, .write = write_nowhere, .has_positions = true};

static const struct device always[] = {
    {.name = "null", .major = MAJOR_MEMORY, .minor = 3, .mode = 0666, .operations = &null_operations},
    {.name = "zero", .major = MAJOR_MEMORY, .minor = 5, .mode = 0666, .operations = &zero_operations},
    {.name = "full", .major = MAJOR_MEMORY, .minor = 7, .mode = 0666, .operations = &full_operations},
    {.name = "random", .major = MAJOR_MEMORY, .minor = 8, .mode = 0666, .operations = &random_operations},
    {.name = "urandom", .major = MAJOR_MEMORY, .minor = 9, .mode = 0666, .operations = &random_operations},
};
#define ALWAYS_COUNT (sizeof(always) / sizeof(always[0]))

/* ---- by number ---- */

static bool has_number(const struct device *device, uint64_t number) {
    uint32_t count = device->minor_count == 0 ? 1 : device->minor_count;
    uint32_t minor = vfs_device_minor(number);
    return vfs_device_major(number) == device->major && minor >= device->minor && minor - device->minor < count;
}

/* The tree's lock is held. */
static const struct device *find(struct vfs *vfs, uint64_t number) {
    for (size_t i = 0; i < ALWAYS_COUNT; i++)
        if (has_number(&always[i], number))
            return &always[i];
    for (struct list *link = vfs->devices.next; link != &vfs->devices; link = link->next) {
        const struct device *device = list_item(link, struct device, link);
        if (has_number(device, number))
            return device;
    }
    return NULL;
}

int device_add(struct vfs *vfs, struct device *device) {
    vfs_lock(vfs);
    bool is_taken = find(vfs, vfs_device(device->major, device->minor)) != NULL;
    if (!is_taken)
        list_append(&vfs->devices, &device->link);
    vfs_unlock(vfs);
    return is_taken ? -LINUX_EEXIST : 0;
}

int device_open(struct open_file *file) {
    vfs_lock(file->vfs);
    const struct device *device = find(file->vfs, file->inode->device);
    vfs_unlock(file->vfs);
    if (device == NULL)
        return -LINUX_ENXIO;
    file->device = device;
    file->operations = device->operations;
    return device->open != NULL ? device->open(file) : 0;
}

/* ---- the file system ---- */

static int make_node(struct inode *root, const struct device *device) {
    struct name name = {.text = device->name, .size_bytes = (uint32_t)strlen(device->name)};
    struct inode_plan plan = {.mode = LINUX_S_IFCHR | device->mode, .device = vfs_device(device->major, device->minor)};
    struct inode *made;
    int status = root->operations->make(root, &name, &plan, &made);
    if (status == 0)
        inode_unref(made); /* the folder has it */
    return status;
}

int devfs_create(struct vfs *vfs, struct file_system **created) {
    struct file_system *system;
    int status = tmpfs_create(vfs, &(struct tmpfs_limits){.mode = 0755}, &system);
    if (status != 0)
        return status;
    system->name = "devtmpfs";
    vfs_lock(vfs);
    for (size_t i = 0; i < ALWAYS_COUNT && status == 0; i++)
        status = make_node(system->root->inode, &always[i]);
    for (struct list *link = vfs->devices.next; link != &vfs->devices && status == 0; link = link->next)
        if (list_item(link, struct device, link)->name != NULL)
            status = make_node(system->root->inode, list_item(link, struct device, link));
    if (status != 0)
        file_system_unref(system);
    vfs_unlock(vfs);
    if (status == 0)
        *created = system;
    return status;
}
