/* Memory by memory files: see memory_files.h. Pages are held while they are used, since a program may take one away. */
#include "kernel/services/containers/memory_files.h"

#include "kernel/machine/bare/mm/pages.h"
#include "kernel/services/containers/inside.h"
#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/memory_file.h"
#include "kernel/services/vfs/seal.h"

#include <string.h>

#define MODE 0777u

/* The inode's lock is held, so the page is the file's until it has one reference more. */
static void hold(void *page) {
    page_ref(memory_physical(page));
}

static void release_page(void *context, void *page) {
    (void)context;
    page_unref(memory_physical(page));
}

static int create(void *context, uint64_t size_bytes, struct memory_account *account, struct open_file **memory) {
    struct open_file *made;
    (void)context;
    (void)account;
    if (size_bytes > VFS_FILE_BYTES_MAX)
        return -LINUX_EFBIG;
    int status = memory_file_create(&containers.caller, "grove", MODE, true, &made);
    if (status != 0)
        return status;
    status = file_resize(&containers.caller, made, (int64_t)size_bytes);
    if (status == 0)
        *memory = made;
    else
        file_unref(made);
    return status;
}

/* The page that `offset` lies in, which is there in `from` unless it was just taken away: then it is a hole here too. */
static int copy_page(struct inode *from, struct inode *to, uint64_t offset, uint64_t end) {
    uint64_t number = offset / VFS_PAGE_BYTES, start = number * VFS_PAGE_BYTES;
    void *source, *target;
    int status = from->operations->page(from, number, false, hold, &source);
    if (status != 0)
        return status == -LINUX_ENOENT || status == -LINUX_EFAULT ? 0 : status;
    status = to->operations->page(to, number, true, hold, &target);
    if (status == 0) {
        memcpy(target, source, end - start < VFS_PAGE_BYTES ? end - start : VFS_PAGE_BYTES);
        release_page(NULL, target);
    }
    release_page(NULL, source);
    return status;
}

static int copy(struct inode *from, struct inode *to, uint64_t end) {
    uint64_t offset = 0;
    int status = 0;
    while (status == 0 && offset < end) {
        status = from->operations->seek(from, offset, false, &offset);
        if (status == -LINUX_ENXIO)
            return 0; /* nothing but holes from here on */
        if (status == 0 && offset < end)
            status = copy_page(from, to, offset, end);
        offset = (offset / VFS_PAGE_BYTES + 1) * VFS_PAGE_BYTES;
    }
    return status;
}

static int clone(void *context, struct open_file *from, uint64_t size_bytes, struct memory_account *account,
                 struct open_file **memory) {
    struct open_file *made;
    int status = create(context, size_bytes, account, &made);
    if (status != 0)
        return status;
    uint64_t from_bytes = inode_size(from->inode);
    status = copy(from->inode, made->inode, from_bytes < size_bytes ? from_bytes : size_bytes);
    if (status == 0)
        *memory = made;
    else
        file_unref(made);
    return status;
}

static int get_seals(void *context, struct open_file *file, uint32_t *seals) {
    (void)context;
    int64_t found = file_seals(file);
    if (found < 0)
        return -LINUX_EINVAL;
    *seals = (uint32_t)found;
    return 0;
}

static int add_seals(void *context, struct open_file *memory, uint32_t seals) {
    (void)context;
    return (int)file_add_seals(memory, seals);
}

static int read(void *context, struct open_file *memory, void *buffer, size_t size_bytes) {
    struct transfer_segment segment = {.base = buffer, .size_bytes = size_bytes};
    struct transfer transfer;
    size_t done = 0;
    (void)context;
    transfer_init(&transfer, &segment, 1);
    int status = file_read_at(memory, 0, &transfer, &done);
    return status == 0 && done == size_bytes ? 0 : -LINUX_EINVAL;
}

static void *hold_page(void *context, struct open_file *memory) {
    void *page;
    (void)context;
    return memory->inode->operations->page(memory->inode, 0, true, hold, &page) == 0 ? page : NULL;
}

void memory_files_serve(struct host_memory *memory) {
    memory->create = create;
    memory->clone = clone;
    memory->get_seals = get_seals;
    memory->add_seals = add_seals;
    memory->read = read;
    memory->hold_page = hold_page;
    memory->release_page = release_page;
}
