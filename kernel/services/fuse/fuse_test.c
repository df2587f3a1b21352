/* Unit tests of files that a program serves, with a server that the test plays: honest, silent, dead, lying; and without memory. */
#include "kernel/services/fuse/test/played.h"

#include "kernel/services/vfs/status.h"

#include <stdio.h>
#include <string.h>

static int64_t read_at(struct open_file *file, int64_t offset, void *bytes, size_t size) {
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = size};
    size_t done = 0;
    transfer_init(&transfer, &segment, 1);
    int status = file_read_at(file, offset, &transfer, &done);
    return status != 0 ? status : (int64_t)done;
}

#define NAMES_BYTES 1024u

/* Names of a folder between spaces; `names` has room for NAMES_BYTES. */
static int64_t list(struct open_file *folder, char *names) {
    uint8_t bytes[512];
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = sizeof(bytes)};
    size_t done = 0;
    *names = 0;
    transfer_init(&transfer, &segment, 1);
    int status = file_read_folder(folder, &transfer, &done);
    for (size_t at = 0; at < done;) {
        uint16_t size;
        memcpy(&size, bytes + at + 16, sizeof(size));
        size_t length = strlen(names);
        snprintf(names + length, NAMES_BYTES - length, "%s ", (const char *)bytes + at + 19);
        at += size;
    }
    return status != 0 ? status : (int64_t)done;
}

static int open_at(const char *text, uint32_t flags, struct open_file **file) {
    struct walk_path path = world_at(text);
    return file_open(&played.world.caller, &path, flags, 0644, file);
}

static void fill_contents(void) {
    for (size_t i = 0; i < sizeof(played_contents); i++)
        played_contents[i] = (uint8_t)(i * 3);
}

/* ---- an honest server ---- */

static void what_is_served_is_found(void **state) {
    struct path found;
    (void)state;
    played_begin(played_small_server, "");
    assert_int_equal(world_look(&played.world, "served/file", 0, &found), 0);
    assert_int_equal(found.dentry->inode->number, 2);
    assert_int_equal(world_look(&played.world, "served/folder/below", 0, &found), 0);
    assert_int_equal(world_look(&played.world, "served/link", WALK_FOLLOW, &found), 0);
    assert_int_equal(found.dentry->inode->number, 2);
    assert_int_equal(world_look(&played.world, "served/missing", 0, &found), -LINUX_ENOENT);
    assert_int_equal(played.counts[FUSE_OP_LOOKUP], 5);
    assert_int_equal(world_look(&played.world, "served/file", 0, &found), 0);
    assert_int_equal(played.counts[FUSE_OP_LOOKUP], 5); /* it is good for a second */
    played.world.now_ns += INT64_C(2000000000);
    assert_int_equal(world_look(&played.world, "served/file", 0, &found), 0);
    assert_int_equal(played.counts[FUSE_OP_LOOKUP], 6);
    assert_int_equal(played.counts[FUSE_OP_READLINK], 1);
    played_end();
}

static void pages_are_read_once(void **state) {
    uint8_t bytes[sizeof(played_contents)];
    struct open_file *file;
    (void)state;
    fill_contents();
    played_begin(played_small_server, "");
    assert_int_equal(open_at("served/file", LINUX_O_RDWR, &file), 0);
    assert_int_equal(read_at(file, 0, bytes, sizeof(bytes)), sizeof(bytes) - 100);
    assert_memory_equal(bytes, played_contents, sizeof(bytes) - 100);
    uint32_t reads = played.counts[FUSE_OP_READ];
    assert_int_equal(read_at(file, 5000, bytes, 20), 20);
    assert_memory_equal(bytes, played_contents + 5000, 20);
    assert_int_equal(read_at(file, sizeof(bytes), bytes, 20), 0);
    assert_int_equal(played.counts[FUSE_OP_READ], reads);
    assert_int_equal(world_write_file(&played.world, file, "new words", 9), 9);
    assert_int_equal(read_at(file, 0, bytes, 9), 9);
    assert_memory_equal(bytes, "new words", 9);
    assert_memory_equal(played_contents, "new words", 9);
    file_unref(file);
    while (played_serve())
        continue;
    assert_int_equal(played.counts[FUSE_OP_RELEASE], 1);
    played_end();
}

static void folders_are_read(void **state) {
    struct open_file *folder;
    char names[NAMES_BYTES];
    (void)state;
    played_begin(played_small_server, "");
    assert_int_equal(open_at("served", LINUX_O_RDONLY | LINUX_O_DIRECTORY, &folder), 0);
    assert_true(list(folder, names) > 0);
    assert_string_equal(names, "file folder link ");
    assert_int_equal(list(folder, names), 0);
    int64_t position;
    assert_int_equal(file_seek(folder, 0, LINUX_SEEK_SET, &position), 0);
    assert_true(list(folder, names) > 0);
    assert_string_equal(names, "file folder link ");
    file_unref(folder);
    played_end();
}

static void only_who_mounted_it_may_look(void **state) {
    struct path found;
    (void)state;
    played_begin(played_small_server, "");
    world_become(&played.world, 1000, 1000);
    assert_int_equal(world_look(&played.world, "served/file", 0, &found), -LINUX_EACCES);
    played_end();
    played_begin(played_small_server, ",allow_other");
    world_become(&played.world, 1000, 1000);
    assert_int_equal(world_look(&played.world, "served/file", 0, &found), 0);
    played_end();
}

/* Each name that the server told of is forgotten as often as it was told. */
static void lookups_are_forgotten(void **state) {
    struct path found;
    (void)state;
    played_begin(played_small_server, "");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world_look(&played.world, "served/folder/below", 0, &found), 0);
        played.world.now_ns += INT64_C(2000000000);
    }
    uint32_t told = played.counts[FUSE_OP_LOOKUP];
    vfs_lock(&played.world.vfs);
    dentry_forget_unused(&played.world.vfs);
    vfs_unlock(&played.world.vfs);
    while (played_serve())
        continue;
    assert_int_equal(played.forgotten, told);
    played_end();
}

static void options_that_make_no_sense(void **state) {
    static const char *const texts[] = {"",
                                        "fd=3",
                                        "fd=3,rootmode=40000,user_id=0",
                                        "fd=3,rootmode=100000,user_id=0,group_id=0",
                                        "fd=3,rootmode=49000,user_id=0,group_id=0",
                                        "fd=x,rootmode=40000,user_id=0,group_id=0",
                                        "fd=99999999999,rootmode=40000,user_id=0,group_id=0",
                                        "fd=4,rootmode=40000,user_id=0,group_id=0",
                                        "fd=3,rootmode=40000,user_id=0,group_id=0", /* it has a mount already */
                                        "fd=3,rootmode=40000,user_id=0,group_id=0,what"};
    struct file_system *system;
    (void)state;
    played_begin(played_small_server, "");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(file_system_make(&played.world.vfs, "fuse", texts[i], &system), -LINUX_EINVAL);
    played_end();
}

/* ---- servers that are silent or dead ---- */

static int silent_after_lookup(const struct played_request *request, uint8_t *body, size_t *bytes) {
    if (request->header.operation == FUSE_OP_OPEN)
        return PLAYED_SILENT;
    return played_small_server(request, body, bytes);
}

/* The wait ends with the caller, and what comes too late is given back: RELEASE goes out for what was opened. */
static void a_kill_ends_a_wait(void **state) {
    struct open_file *file;
    (void)state;
    played_begin(silent_after_lookup, "");
    played.waits_left = 3;
    assert_int_equal(open_at("served/file", LINUX_O_RDONLY, &file), -LINUX_EINTR);
    struct {
        struct fuse_out_header header;
        struct fuse_open_out body;
    } late = {.header = {.bytes = sizeof(late), .unique = played.request.header.unique}, .body = {.handle = 5}};
    assert_int_equal(played.request.header.operation, FUSE_OP_OPEN);
    assert_int_equal(played_write(&late, sizeof(late)), sizeof(late));
    assert_int_equal(played_write(&late, sizeof(late)), -LINUX_ENOENT); /* once */
    while (played_serve())
        continue;
    assert_int_equal(played.counts[FUSE_OP_RELEASE], 1);
    played_end();
}

static int dying(const struct played_request *request, uint8_t *body, size_t *bytes) {
    if (request->header.operation == FUSE_OP_READ) {
        played_die();
        return PLAYED_SILENT;
    }
    return played_small_server(request, body, bytes);
}

static void the_death_of_a_server_is_told_to_all(void **state) {
    struct open_file *file;
    struct path found;
    uint8_t bytes[10];
    (void)state;
    played_begin(dying, "");
    assert_int_equal(open_at("served/file", LINUX_O_RDONLY, &file), 0);
    assert_int_equal(read_at(file, 0, bytes, sizeof(bytes)), -LINUX_ECONNABORTED);
    assert_int_equal(read_at(file, 0, bytes, sizeof(bytes)), -LINUX_ENOTCONN);
    assert_int_equal(world_look(&played.world, "served/other", 0, &found), -LINUX_ENOTCONN);
    file_unref(file);
    played_end();
}

/* ---- a server that lies ---- */

static uint32_t chance_seed;

static uint32_t chance(void) {
    chance_seed = chance_seed * 1664525u + 1013904223u;
    return chance_seed >> 8;
}

/* What the honest one says, with bytes changed, cut or made longer. */
static int lying(const struct played_request *request, uint8_t *body, size_t *bytes) {
    int status = played_small_server(request, body, bytes);
    if (status != 0 || chance() % 3 != 0)
        return chance() % 40 == 0 ? -(int)(chance() % 600) : status;
    for (uint32_t i = chance() % 6; i > 0 && *bytes > 0; i--)
        body[chance() % *bytes] = (uint8_t)chance();
    if (chance() % 5 == 0)
        *bytes = chance() % (*bytes + 1);
    else if (chance() % 9 == 0)
        *bytes += chance() % 64;
    return 0;
}

static void do_all(void) {
    struct open_file *file;
    struct path found;
    struct walk_path from = world_at("served/file"), to = world_at("served/folder/moved");
    struct walk_path removed = world_at("served/folder/below"), folder = world_at("served/folder");
    char names[NAMES_BYTES];
    uint8_t bytes[300];
    (void)world_look(&played.world, "served/link", WALK_FOLLOW, &found);
    (void)world_look(&played.world, "served/folder/below", 0, &found);
    if (open_at("served/file", LINUX_O_RDWR, &file) == 0) {
        (void)read_at(file, 4000, bytes, sizeof(bytes));
        (void)world_write_file(&played.world, file, "words", 5);
        (void)file_resize(&played.world.caller, file, 10);
        file_unref(file);
    }
    if (open_at("served", LINUX_O_RDONLY, &file) == 0) {
        (void)list(file, names);
        file_unref(file);
    }
    (void)vfs_rename(&played.world.caller, &from, &to, 0);
    (void)vfs_unlink(&played.world.caller, &removed);
    (void)vfs_remove_folder(&played.world.caller, &folder);
    (void)world_make_folder(&played.world, "served/new");
    if (open_at("served/made", LINUX_O_RDWR | LINUX_O_CREAT, &file) == 0)
        file_unref(file);
    while (played_serve())
        continue;
}

static void a_server_that_lies_harms_nobody(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 60; seed++) {
        chance_seed = seed * 7919;
        played_begin(lying, seed % 2 == 0 ? "" : ",default_permissions");
        for (int turn = 0; turn < 12; turn++) {
            do_all();
            played.world.now_ns += INT64_C(700000000);
        }
        played_end();
    }
}

/* Whatever request for memory fails first, all comes back. */
static void memory_runs_out(void **state) {
    (void)state;
    for (uint64_t requests = 0; requests < 90; requests++) {
        played_begin(played_small_server, "");
        while (played_serve())
            continue;
        played.world.requests_left = requests;
        do_all();
        played.world.requests_left = UINT64_MAX;
        do_all();
        played_end();
    }
}

static void replies_that_are_none(void **state) {
    struct fuse_out_header header = {.bytes = sizeof(header), .unique = 77};
    uint8_t bytes[64] = {0};
    (void)state;
    played_begin(played_small_server, "");
    assert_int_equal(played_write(bytes, 3), -LINUX_EINVAL);
    assert_int_equal(played_write(bytes, sizeof(header)), -LINUX_EINVAL);
    assert_int_equal(played_write(&header, sizeof(header)), -LINUX_ENOENT);
    header.bytes = 40;
    assert_int_equal(played_write(&header, sizeof(header)), -LINUX_EINVAL);
    header = (struct fuse_out_header){.bytes = sizeof(header), .error = 99};
    assert_int_equal(played_write(&header, sizeof(header)), -LINUX_EINVAL); /* no such notice */
    header.error = FUSE_NOTICE_INVAL_INODE;
    assert_int_equal(played_write(&header, sizeof(header)), -LINUX_EINVAL); /* it says nothing */
    played_end();
}

/* ---- notices ---- */

static void a_name_is_forgotten_when_the_server_says_so(void **state) {
    struct path found;
    struct {
        struct fuse_out_header header;
        struct fuse_inval_entry_out body;
        char name[5];
    } __attribute__((packed)) notice = {
        .header = {.error = FUSE_NOTICE_INVAL_ENTRY}, .body = {.folder = FUSE_ROOT, .name_bytes = 4}, .name = "file"};
    notice.header.bytes = sizeof(notice);
    (void)state;
    played_begin(played_small_server, "");
    assert_int_equal(world_look(&played.world, "served/file", 0, &found), 0);
    uint32_t lookups = played.counts[FUSE_OP_LOOKUP];
    assert_int_equal(played_write(&notice, sizeof(notice)), sizeof(notice));
    assert_int_equal(played_write(&notice, sizeof(notice)), -LINUX_ENOENT);
    assert_int_equal(world_look(&played.world, "served/file", 0, &found), 0);
    assert_int_equal(played.counts[FUSE_OP_LOOKUP], lookups + 1);
    notice.name[1] = '/';
    assert_int_equal(played_write(&notice, sizeof(notice)), -LINUX_EINVAL);
    notice.body.name_bytes = 900;
    assert_int_equal(played_write(&notice, sizeof(notice)), -LINUX_ENAMETOOLONG);
    played_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_served_is_found),
        cmocka_unit_test(pages_are_read_once),
        cmocka_unit_test(folders_are_read),
        cmocka_unit_test(only_who_mounted_it_may_look),
        cmocka_unit_test(lookups_are_forgotten),
        cmocka_unit_test(options_that_make_no_sense),
        cmocka_unit_test(a_kill_ends_a_wait),
        cmocka_unit_test(the_death_of_a_server_is_told_to_all),
        cmocka_unit_test(a_server_that_lies_harms_nobody),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(replies_that_are_none),
        cmocka_unit_test(a_name_is_forgotten_when_the_server_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
