/* Files mapped into programs: see mapping.h. */
#include "kernel/services/vfs/mapping.h"

#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/mount.h"
#include "kernel/services/vfs/seal.h"

struct file_object {
    struct memory_object object;
    struct inode_mapping mapping;
    struct inode *inode; /* counted */
    struct path place; /* where it was found first; counted, guarded by the tree's lock; without a mount: nobody told */
};

static struct file_object *file_object_of(struct memory_object *object) {
    return list_item(object, struct file_object, object);
}

/* The inode's lock is held, so the page is the file's until it has one reference more. */
static void hold_page(void *page) {
    page_ref(memory_physical(page));
}

static int get_page(struct memory_object *object, uint64_t index, bool is_write, uint64_t *physical) {
    struct inode *inode = file_object_of(object)->inode;
    void *page;
    (void)is_write;
    int status = inode->operations->page(inode, index, true, hold_page, &page);
    if (status == 0)
        *physical = memory_physical(page);
    return status;
}

static bool find_page(struct memory_object *object, uint64_t index, uint64_t *physical) {
    struct inode *inode = file_object_of(object)->inode;
    void *page;
    if (inode->operations->page(inode, index, false, hold_page, &page) != 0)
        return false;
    *physical = memory_physical(page);
    return true;
}

/* Whoever seals a file against writing says so first and then looks whether somebody may write. */
static int check_writer(struct memory_object *object) {
    uint32_t seals = inode_seals(file_object_of(object)->inode);
    return (seals & (LINUX_F_SEAL_WRITE | LINUX_F_SEAL_FUTURE_WRITE)) != 0 ? -LINUX_EPERM : 0;
}

static void release(struct memory_object *object) {
    struct file_object *self = file_object_of(object);
    struct inode *inode = self->inode;
    struct vfs *vfs = inode->system->vfs;
    struct path place = self->place;
    spinlock_lock(&inode->lock);
    if (inode->mapping == &self->mapping) /* else another was made while this one ended */
        inode->mapping = NULL;
    spinlock_unlock(&inode->lock);
    machine_give_back(vfs->machine, self, sizeof(*self));
    vfs_lock(vfs);
    if (place.mount != NULL)
        path_unref(&place);
    inode_unref(inode);
    vfs_unlock(vfs);
}

static const struct memory_object_operations operations = {
    .get_page = get_page, .find_page = find_page, .check_writer = check_writer, .release = release};

/* ---- as the inode knows it ---- */

static struct file_object *of_mapping(struct inode_mapping *mapping) {
    return list_item(mapping, struct file_object, mapping);
}

static bool hold(struct inode_mapping *mapping) {
    return memory_object_try_ref(&of_mapping(mapping)->object);
}

static void cut(struct inode_mapping *mapping, uint64_t first, uint64_t end) {
    struct memory_object *object = &of_mapping(mapping)->object;
    memory_object_cut(object, first, end);
    memory_object_unref(object);
}

static bool has_writers(struct inode_mapping *mapping) {
    return __atomic_load_n(&of_mapping(mapping)->object.writers, __ATOMIC_SEQ_CST) > 0;
}

/* The mapping that is there, with a reference, or NULL. The inode's lock is held. */
static struct memory_object *find(struct inode *inode) {
    return inode->mapping != NULL && hold(inode->mapping) ? &of_mapping(inode->mapping)->object : NULL;
}

struct memory_object *mapping_find(struct inode *inode) {
    spinlock_lock(&inode->lock);
    struct memory_object *found = find(inode);
    spinlock_unlock(&inode->lock);
    return found;
}

int mapping_open(struct inode *inode, struct memory_object **object) {
    struct vfs *vfs = inode->system->vfs;
    if (inode->operations->page == NULL)
        return -LINUX_ENODEV;
    struct memory_object *found = mapping_find(inode);
    if (found == NULL) {
        struct file_object *made = machine_take(vfs->machine, sizeof(*made));
        if (made == NULL)
            return -LINUX_ENOMEM;
        memory_object_init(&made->object, &operations, 0);
        made->mapping = (struct inode_mapping){.hold = hold, .cut = cut, .has_writers = has_writers};
        made->inode = inode;
        made->place = (struct path){.mount = NULL};
        spinlock_lock(&inode->lock);
        found = find(inode);
        if (found == NULL)
            inode->mapping = &made->mapping;
        spinlock_unlock(&inode->lock);
        if (found != NULL) { /* somebody was faster */
            machine_give_back(vfs->machine, made, sizeof(*made));
        } else {
            found = &made->object;
            vfs_lock(vfs);
            (void)inode_ref(inode);
            vfs_unlock(vfs);
        }
    }
    *object = found;
    return 0;
}

/* Once for all who map it, so that the many that come after take no lock. */
static void name_object(struct file_object *self, const struct path *path) {
    struct vfs *vfs = self->inode->system->vfs;
    if (__atomic_load_n(&self->place.mount, __ATOMIC_RELAXED) != NULL)
        return;
    vfs_lock(vfs);
    if (self->place.mount == NULL) {
        path_ref(path);
        self->place.dentry = path->dentry;
        __atomic_store_n(&self->place.mount, path->mount, __ATOMIC_RELAXED);
    }
    vfs_unlock(vfs);
}

void mapping_name(const struct path *path) {
    struct inode *inode = path->dentry->inode;
    spinlock_lock(&inode->lock);
    struct memory_object *object = find(inode);
    spinlock_unlock(&inode->lock);
    if (object == NULL)
        return;
    name_object(file_object_of(object), path);
    memory_object_unref(object);
}

void mapping_tell(struct memory_object *object, const struct path *root, uint64_t *device, uint64_t *number, char *text,
                  size_t size_bytes) {
    if (object->operations != &operations)
        return;
    const struct file_object *self = file_object_of(object);
    struct vfs *vfs = self->inode->system->vfs;
    *device = self->inode->system->device;
    *number = self->inode->number;
    vfs_lock(vfs);
    if (self->place.mount == NULL || path_text(&self->place, root, text, size_bytes) < 0)
        text[0] = 0;
    vfs_unlock(vfs);
}

void mapping_of_file(struct open_file *file, struct memory_call_file *found) {
    uint32_t access = vfs_open_access(file_flags(file));
    *found = (struct memory_call_file){.can_read = (access & LINUX_R_OK) != 0, .can_write = (access & LINUX_W_OK) != 0};
    if ((file_flags(file) & LINUX_O_PATH) != 0) {
        found->status = -LINUX_EBADF;
        return;
    }
    if (file->operations != NULL || file->inode == NULL)
        return; /* -LINUX_ENODEV, as the object is missing */
    found->is_not_executable = file->path.mount != NULL && (file->path.mount->flags & MOUNT_NO_EXECUTE) != 0;
    found->can_write = found->can_write && !file->inode->operations->has_no_shared_writes;
    found->is_sealed = (inode_seals(file->inode) & (LINUX_F_SEAL_WRITE | LINUX_F_SEAL_FUTURE_WRITE)) != 0;
    int status = mapping_open(file->inode, &found->object);
    if (status == -LINUX_ENOMEM)
        found->status = status;
    if (status == 0 && file->path.mount != NULL)
        name_object(file_object_of(found->object), &file->path);
}
