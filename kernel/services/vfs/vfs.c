/* Setting up and taking down the file system layer: see vfs.h. */
#include "kernel/services/vfs/vfs.h"

#include "kernel/services/vfs/dentry.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/memory_file.h"

int vfs_init(struct vfs *vfs, const struct vfs_machine *machine, uint32_t bucket_count, uint32_t dentries_max) {
    *vfs = (struct vfs){.machine = machine, .bucket_count = bucket_count, .dentries_max = dentries_max};
    vfs->buckets = machine_take(machine, bucket_count * sizeof(*vfs->buckets));
    if (vfs->buckets == NULL)
        return -LINUX_ENOMEM;
    for (uint32_t i = 0; i < bucket_count; i++)
        list_init(&vfs->buckets[i]);
    list_init(&vfs->doomed);
    list_init(&vfs->doomed_systems);
    list_init(&vfs->unused);
    list_init(&vfs->devices);
    list_init(&vfs->kinds);
    list_init(&vfs->records.waiting);
    machine->fill_random(machine->context, &vfs->hash_key, sizeof(vfs->hash_key));
    return 0;
}

void vfs_deinit(struct vfs *vfs) {
    memory_files_end(vfs);
    vfs_lock(vfs);
    dentry_forget_unused(vfs);
    vfs_unlock(vfs);
    machine_give_back(vfs->machine, vfs->buckets, vfs->bucket_count * sizeof(*vfs->buckets));
}

static void release_inodes(struct list *doomed) {
    struct inode *inode;
    while ((inode = list_first_item(doomed, struct inode, doomed)) != NULL) {
        list_remove(&inode->doomed);
        inode->operations->release(inode);
    }
}

static void release_systems(struct list *doomed) {
    struct file_system *system;
    while ((system = list_first_item(doomed, struct file_system, doomed)) != NULL) {
        list_remove(&system->doomed);
        system->release(system);
    }
}

/* What is released may give up more, a folder its entries: rounds instead of recursion, however deep folders lie. */
void vfs_unlock(struct vfs *vfs) {
    while (!list_is_empty(&vfs->doomed) || !list_is_empty(&vfs->doomed_systems)) {
        struct list inodes, systems;
        list_init(&inodes);
        list_init(&systems);
        list_append_all(&inodes, &vfs->doomed);
        list_append_all(&systems, &vfs->doomed_systems);
        spinlock_unlock(&vfs->lock);
        release_inodes(&inodes);
        release_systems(&systems);
        spinlock_lock(&vfs->lock);
    }
    spinlock_unlock(&vfs->lock);
}

void file_system_init(struct file_system *system, struct vfs *vfs, const char *name,
                      void (*release)(struct file_system *system)) {
    *system = (struct file_system){.vfs = vfs, .name = name, .references = 1, .release = release};
    system->device = vfs_device(0, (uint32_t)__atomic_add_fetch(&vfs->systems, 1, __ATOMIC_RELAXED));
}

void file_system_ref(struct file_system *system) {
    system->references++;
}

void file_system_unref(struct file_system *system) {
    if (--system->references == 0)
        list_append(&system->vfs->doomed_systems, &system->doomed);
}
