/*
 * Replies of a server of files, whatever they say: kernel/services/fuse. The input is what is written over the honest server's
 * replies, and which calls a program makes in between.
 */
#include "kernel/services/fuse/test/played.h"

#include "kernel/services/vfs/open.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t left;

static uint8_t next(void) {
    if (left == 0)
        return 0;
    left--;
    return *input++;
}

/* How many bytes change and where; then whether the length does. */
static int answer(const struct played_request *request, uint8_t *body, size_t *bytes) {
    int status = played_small_server(request, body, bytes);
    for (uint8_t changes = next() & 7; changes > 0 && *bytes > 0; changes--) {
        size_t at = next() % *bytes;
        body[at] = next();
    }
    uint8_t how = next();
    if (how == 1)
        return -(int)next();
    if (how == 2)
        *bytes = next();
    if (how == 3)
        return PLAYED_SILENT;
    return status;
}

static void use(const char *text, uint32_t flags) {
    uint8_t bytes[600];
    struct walk_path path = world_at(text);
    struct open_file *file;
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = sizeof(bytes)};
    size_t done = 0;
    if (file_open(&played.world.caller, &path, flags, 0644, &file) != 0)
        return;
    transfer_init(&transfer, &segment, 1);
    if (inode_is_folder(file->inode))
        (void)file_read_folder(file, &transfer, &done);
    else
        (void)file_read(file, &transfer, &done);
    (void)file_flush(file);
    file_unref(file);
}

static void do_one(uint8_t which) {
    struct path found;
    struct walk_path file = world_at("served/file"), below = world_at("served/folder/below"),
                     folder = world_at("served/folder");
    played.is_killed = false;
    played.waits_left = 1;
    switch (which % 9) {
    case 0:
        (void)world_look(&played.world, "served/link", WALK_FOLLOW, &found);
        break;
    case 1:
        use("served/file", LINUX_O_RDONLY);
        break;
    case 2:
        use("served", LINUX_O_RDONLY);
        break;
    case 3:
        use("served/new", LINUX_O_RDWR | LINUX_O_CREAT);
        break;
    case 4:
        (void)vfs_rename(&played.world.caller, &file, &below, 0);
        break;
    case 5:
        (void)vfs_unlink(&played.world.caller, &below);
        break;
    case 6:
        (void)vfs_remove_folder(&played.world.caller, &folder);
        break;
    case 7:
        use("served/folder", LINUX_O_RDONLY);
        break;
    default:
        played.world.now_ns += INT64_C(1500000000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input = data;
    left = size;
    played_begin(answer, size > 0 && data[0] % 2 == 1 ? ",default_permissions" : "");
    while (left > 0)
        do_one(next());
    played.is_killed = false;
    played_end();
    return 0;
}
