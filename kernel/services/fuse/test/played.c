/* A played server: see played.h. */
#include "kernel/services/fuse/test/played.h"

#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/vfs/furnish.h"

#include <stdio.h>
#include <string.h>

struct played played;
uint8_t played_contents[3 * VFS_PAGE_BYTES];

/* ---- what stands for processes ---- */

bool process_read(void *to, uint64_t from, size_t size_bytes) {
    memcpy(to, (const void *)(uintptr_t)from, size_bytes);
    return true;
}

static void who(struct fuse_caller *caller) {
    *caller = (struct fuse_caller){.user = played.world.caller.identity.user, .process = 7};
}

static int get_file(uint32_t number, struct open_file **file) {
    if (number != 3 || played.device == NULL)
        return -LINUX_EBADF;
    file_ref(played.device);
    *file = played.device;
    return 0;
}

/* Something happens, or the caller is killed. */
static int wait_once(struct spinlock *held) {
    spinlock_unlock(held);
    bool was_served = played_serve();
    if (!was_served && (played.device == NULL || played.waits_left-- == 0))
        played.is_killed = true;
    spinlock_lock(held);
    return 0;
}

static int sleep_unless_killed(struct wait_queue *queue, struct spinlock *held) {
    (void)queue;
    if (played.is_killed)
        return -LINUX_EINTR;
    return wait_once(held);
}

static int sleep_in(void *context, struct wait_queue *queue, struct spinlock *held) {
    (void)context;
    return sleep_unless_killed(queue, held);
}

static bool must_end(void) {
    return played.is_killed;
}

static const struct fuse_host host = {
    .who = who, .get_file = get_file, .sleep = sleep_unless_killed, .must_end = must_end};

static uint64_t clock_ns(void *context) {
    (void)context;
    return (uint64_t)played.world.now_ns;
}

/* ---- the server ---- */

int64_t played_write(const void *bytes, size_t size) {
    uint8_t copy[PLAYED_BYTES];
    struct transfer transfer;
    struct transfer_segment segment = {.base = copy, .size_bytes = size};
    size_t done = 0;
    memcpy(copy, bytes, size);
    transfer_init(&transfer, &segment, 1);
    int status = file_write(&played.world.caller, played.device, &transfer, &done);
    return status != 0 ? status : (int64_t)done;
}

static void answer(void) {
    static struct {
        struct fuse_out_header header;
        uint8_t body[PLAYED_BYTES];
    } reply;
    const struct fuse_in_header *header = &played.request.header;
    size_t bytes = 0;
    int status = 0;
    if (header->operation == FUSE_OP_INIT) {
        struct fuse_init_out out = {.major = 7, .minor = 31, .write_bytes_max = 2 * VFS_PAGE_BYTES};
        memcpy(reply.body, &out, sizeof(out));
        bytes = sizeof(out);
    } else {
        status = played.answer(&played.request, reply.body, &bytes);
    }
    if (status == PLAYED_SILENT || played.device == NULL)
        return;
    bytes = status == 0 ? bytes : 0;
    reply.header = (struct fuse_out_header){
        .bytes = (uint32_t)(sizeof(reply.header) + bytes), .error = status, .unique = header->unique};
    played.write_status = (int)played_write(&reply, sizeof(reply.header) + bytes);
}

static void note_forgets(void) {
    struct fuse_batch_forget_in batch;
    memcpy(&batch, played.request.body, sizeof(batch));
    for (uint32_t i = 0; i < batch.count; i++) {
        struct fuse_forget_one one;
        memcpy(&one, played.request.body + sizeof(batch) + i * sizeof(one), sizeof(one));
        played.forgotten += one.count;
    }
}

bool played_serve(void) {
    struct transfer transfer;
    struct transfer_segment segment = {.base = (uint8_t *)&played.request, .size_bytes = sizeof(played.request)};
    size_t done = 0;
    if (played.device == NULL)
        return false;
    transfer_init(&transfer, &segment, 1);
    if (file_read(played.device, &transfer, &done) != 0)
        return false;
    assert_int_equal(played.request.header.bytes, done);
    uint32_t operation = played.request.header.operation;
    assert_true(operation < FUSE_OP_MAX);
    played.counts[operation]++;
    if (operation == FUSE_OP_BATCH_FORGET)
        note_forgets();
    else if (operation != FUSE_OP_INTERRUPT)
        answer();
    return true;
}

void played_die(void) {
    struct open_file *device = played.device;
    played.device = NULL;
    file_unref(device);
}

/* ---- the mount ---- */

void played_begin(played_answer *answer_with, const char *options) {
    char text[128];
    struct file_system *system;
    struct path place;
    struct walk_path node = world_at("fuse");
    memset(&played, 0, sizeof(played));
    world_begin(&played.world, &(struct tmpfs_limits){.mode = 0755});
    played.world.machine.sleep = sleep_in;
    played.world.machine.clock_ns = clock_ns;
    played.answer = answer_with;
    assert_int_equal(fuse_device_add(&played.world.vfs, &host), 0);
    assert_int_equal(fuse_kinds_add(&played.world.vfs, &host), 0);
    assert_int_equal(vfs_make_node(&played.world.caller, &node, LINUX_S_IFCHR | 0666, vfs_device(10, 229)), 0);
    played.device = world_open(&played.world, "fuse", LINUX_O_RDWR | LINUX_O_NONBLOCK);
    snprintf(text, sizeof(text), "fd=3,rootmode=40000,user_id=0,group_id=0%s", options);
    assert_int_equal(file_system_make(&played.world.vfs, "fuse", text, &system), 0);
    assert_int_equal(world_make_folder(&played.world, "served"), 0);
    assert_int_equal(world_look(&played.world, "served", 0, &place), 0);
    assert_int_equal(view_mount(&played.world.view, &place, system->root, 0), 0);
    vfs_lock(&played.world.vfs);
    file_system_unref(system);
    vfs_unlock(&played.world.vfs);
}

void played_end(void) {
    view_deinit(&played.world.view);
    while (played_serve())
        continue;
    if (played.device != NULL)
        file_unref(played.device);
    world_end(&played.world);
}

/* ---- a small server ---- */

static const struct {
    uint64_t node, parent;
    const char *name;
    uint32_t mode;
} small_files[] = {{1, 0, "", LINUX_S_IFDIR | 0755},
                   {2, 1, "file", LINUX_S_IFREG | 0644},
                   {3, 1, "folder", LINUX_S_IFDIR | 0755},
                   {4, 1, "link", LINUX_S_IFLNK | 0777},
                   {5, 3, "below", LINUX_S_IFREG | 0644}};
#define SMALL_FILES (sizeof(small_files) / sizeof(small_files[0]))

static struct fuse_attributes attributes_of(size_t i) {
    return (struct fuse_attributes){.number = small_files[i].node,
                                    .mode = small_files[i].mode,
                                    .links = 1,
                                    .size_bytes = small_files[i].node == 4 ? 4 : sizeof(played_contents) - 100};
}

static int put(uint8_t *body, size_t *bytes, const void *from, size_t size) {
    memcpy(body, from, size);
    *bytes = size;
    return 0;
}

static int small_look_up(const struct played_request *request, uint8_t *body, size_t *bytes) {
    for (size_t i = 0; i < SMALL_FILES; i++)
        if (small_files[i].parent == request->header.node &&
            strcmp(small_files[i].name, (const char *)request->body) == 0) {
            struct fuse_entry_out out = {.node = small_files[i].node,
                                         .name_valid_s = 1,
                                         .attributes_valid_s = 1,
                                         .attributes = attributes_of(i)};
            return put(body, bytes, &out, sizeof(out));
        }
    return -LINUX_ENOENT;
}

static int small_attributes(const struct played_request *request, uint8_t *body, size_t *bytes) {
    if (request->header.node < 1 || request->header.node > SMALL_FILES)
        return -LINUX_ENOENT;
    struct fuse_attributes_out out = {.valid_s = 1, .attributes = attributes_of(request->header.node - 1)};
    return put(body, bytes, &out, sizeof(out));
}

static int small_entries(const struct played_request *request, uint8_t *body, size_t *bytes) {
    struct fuse_read_in in;
    memcpy(&in, request->body, sizeof(in));
    for (size_t i = in.offset; i < SMALL_FILES; i++) {
        size_t length = strlen(small_files[i].name), size = (sizeof(struct fuse_dirent) + length + 7) & ~(size_t)7;
        struct fuse_dirent dirent = {.number = small_files[i].node,
                                     .next = i + 1,
                                     .name_bytes = (uint32_t)length,
                                     .kind = (small_files[i].mode & LINUX_S_IFMT) >> 12};
        if (small_files[i].parent != request->header.node)
            continue;
        memset(body + *bytes, 0, size);
        memcpy(body + *bytes, &dirent, sizeof(dirent));
        memcpy(body + *bytes + sizeof(dirent), small_files[i].name, length);
        *bytes += size;
    }
    return 0;
}

static int small_read(const struct played_request *request, uint8_t *body, size_t *bytes) {
    struct fuse_read_in in;
    memcpy(&in, request->body, sizeof(in));
    uint64_t size = sizeof(played_contents) - 100;
    uint64_t left = in.offset < size ? size - in.offset : 0;
    return put(body, bytes, played_contents + (left > 0 ? in.offset : 0), fuse_least(left, in.size_bytes));
}

static int small_write(const struct played_request *request, uint8_t *body, size_t *bytes) {
    struct fuse_write_in in;
    memcpy(&in, request->body, sizeof(in));
    struct fuse_write_out out = {.size_bytes = in.size_bytes};
    if (in.offset + in.size_bytes > sizeof(played_contents))
        return -LINUX_ENOSPC;
    memcpy(played_contents + in.offset, request->body + sizeof(in), in.size_bytes);
    return put(body, bytes, &out, sizeof(out));
}

int played_small_server(const struct played_request *request, uint8_t *body, size_t *bytes) {
    struct fuse_open_out opened = {.handle = 99};
    switch (request->header.operation) {
    case FUSE_OP_LOOKUP:
        return small_look_up(request, body, bytes);
    case FUSE_OP_GETATTR:
    case FUSE_OP_SETATTR:
        return small_attributes(request, body, bytes);
    case FUSE_OP_READLINK:
        return put(body, bytes, "file", 4);
    case FUSE_OP_OPEN:
    case FUSE_OP_OPENDIR:
        return put(body, bytes, &opened, sizeof(opened));
    case FUSE_OP_READDIR:
        return small_entries(request, body, bytes);
    case FUSE_OP_READ:
        return small_read(request, body, bytes);
    case FUSE_OP_WRITE:
        return small_write(request, body, bytes);
    case FUSE_OP_RELEASE:
    case FUSE_OP_RELEASEDIR:
    case FUSE_OP_FLUSH:
    case FUSE_OP_UNLINK:
    case FUSE_OP_RMDIR:
    case FUSE_OP_RENAME:
        return 0;
    default:
        return -LINUX_ENOSYS;
    }
}
