/* A machine for unit tests: see world.h. */
#include "kernel/services/vfs/test/world.h"

#include "kernel/services/vfs/file.h"

#include <stdlib.h>
#include <string.h>

static bool may_take(struct world *world) {
    if (world->requests_left == 0)
        return false;
    if (world->requests_left != UINT64_MAX)
        world->requests_left--;
    return true;
}

/* Each block ends with its size, so that giving back another size is noticed. */
static void *take(void *context, size_t size_bytes) {
    struct world *world = context;
    if (!may_take(world))
        return NULL;
    size_t *block = malloc(size_bytes + 2 * sizeof(size_t));
    assert_non_null(block);
    block[0] = size_bytes;
    memset(block + 2, 0xa5, size_bytes);
    world->taken++;
    return block + 2;
}

static void give_back(void *context, void *memory, size_t size_bytes) {
    struct world *world = context;
    size_t *block = (size_t *)memory - 2;
    assert_int_equal(block[0], size_bytes);
    world->taken--;
    free(block);
}

static void *take_page(void *context) {
    struct world *world = context;
    if (!may_take(world))
        return NULL;
    world->pages++;
    return calloc(1, VFS_PAGE_BYTES);
}

static void give_page_back(void *context, void *page) {
    struct world *world = context;
    world->pages--;
    free(page);
}

static int64_t now_ns(void *context) {
    struct world *world = context;
    return world->now_ns++;
}

static void fill_random(void *context, void *bytes, size_t size_bytes) {
    (void)context;
    memset(bytes, 0x5c, size_bytes);
}

static int sleep_in(void *context, struct wait_queue *queue, struct spinlock *held) {
    struct world *world = context;
    (void)queue;
    if (world->on_sleep == NULL)
        return -LINUX_EINTR;
    spinlock_unlock(held);
    world->on_sleep(world);
    spinlock_lock(held);
    return 0;
}

static void wake(void *context, struct wait_queue *queue) {
    struct world *world = context;
    (void)queue;
    world->wakes++;
}

void world_begin(struct world *world, const struct tmpfs_limits *limits) {
    *world = (struct world){.requests_left = UINT64_MAX, .now_ns = 1};
    world->machine = (struct vfs_machine){.take = take,
                                          .give_back = give_back,
                                          .take_page = take_page,
                                          .give_page_back = give_page_back,
                                          .now_ns = now_ns,
                                          .fill_random = fill_random,
                                          .sleep = sleep_in,
                                          .wake = wake,
                                          .context = world};
    assert_int_equal(vfs_init(&world->vfs, &world->machine, 16, 32), 0);
    assert_int_equal(tmpfs_create(&world->vfs, limits, &world->system), 0);
    assert_int_equal(view_init(&world->view, &world->vfs, world->system->root, 0, &world->root), 0);
    world->caller = (struct caller){.vfs = &world->vfs, .root = world->root, .folder = world->root, .mask = 022};
    world_become_root(world);
}

void world_end(struct world *world) {
    world->requests_left = UINT64_MAX;
    view_deinit(&world->view);
    vfs_lock(&world->vfs);
    path_unref(&world->root);
    file_system_unref(world->system);
    vfs_unlock(&world->vfs);
    vfs_deinit(&world->vfs);
    assert_int_equal(world->taken, 0);
    assert_int_equal(world->pages, 0);
}

void world_become(struct world *world, uint32_t user, uint32_t group) {
    world->caller.identity = (struct identity){.user = user, .group = group};
}

void world_become_root(struct world *world) {
    world->caller.identity = (struct identity){.capabilities = UINT64_MAX};
}

struct walk_path world_at(const char *text) {
    return (struct walk_path){.text = text};
}

int world_look(struct world *world, const char *text, uint32_t flags, struct path *found) {
    struct walk_path path = world_at(text);
    vfs_lock(&world->vfs);
    int status = walk(&world->caller, &path, flags, found);
    if (status == 0)
        path_unref(found);
    vfs_unlock(&world->vfs);
    return status;
}

int world_make_file(struct world *world, const char *text) {
    struct walk_path path = world_at(text);
    return vfs_make_node(&world->caller, &path, 0644, 0);
}

int world_make_folder(struct world *world, const char *text) {
    struct walk_path path = world_at(text);
    return vfs_make_folder(&world->caller, &path, 0755);
}

int world_make_link(struct world *world, const char *target, const char *text) {
    struct walk_path path = world_at(text);
    return vfs_make_link(&world->caller, target, &path);
}

int64_t world_write(struct world *world, const char *text, uint64_t offset, const void *bytes, size_t size) {
    struct path found;
    struct transfer transfer;
    uint8_t *copy = malloc(size + 1);
    size_t done = 0;
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct transfer_segment segment = {.base = copy, .size_bytes = size};
    transfer_init(&transfer, &segment, 1);
    int status = world_look(world, text, WALK_FOLLOW, &found);
    if (status == 0)
        status = found.dentry->inode->operations->write(found.dentry->inode, offset, &transfer, &done);
    free(copy);
    return done > 0 ? (int64_t)done : status;
}

int64_t world_read(struct world *world, const char *text, uint64_t offset, void *bytes, size_t size) {
    struct path found;
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = size};
    size_t done = 0;
    transfer_init(&transfer, &segment, 1);
    int status = world_look(world, text, WALK_FOLLOW, &found);
    if (status == 0)
        status = found.dentry->inode->operations->read(found.dentry->inode, offset, &transfer, &done);
    return done > 0 ? (int64_t)done : status;
}

struct open_file *world_open(struct world *world, const char *text, uint32_t flags) {
    struct walk_path path = world_at(text);
    struct open_file *file = NULL;
    assert_int_equal(file_open(&world->caller, &path, flags, 0644, &file), 0);
    return file;
}

int64_t world_write_file(struct world *world, struct open_file *file, const void *bytes, size_t size) {
    struct transfer transfer;
    uint8_t *copy = malloc(size + 1);
    size_t done = 0;
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct transfer_segment segment = {.base = copy, .size_bytes = size};
    transfer_init(&transfer, &segment, 1);
    int status = file_write(&world->caller, file, &transfer, &done);
    free(copy);
    return status != 0 ? status : (int64_t)done;
}

int64_t world_read_file(struct open_file *file, void *bytes, size_t size) {
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = size};
    size_t done = 0;
    transfer_init(&transfer, &segment, 1);
    int status = file_read(file, &transfer, &done);
    return status != 0 ? status : (int64_t)done;
}
