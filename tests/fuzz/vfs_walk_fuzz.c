/*
 * Paths and the texts of symbolic links as programs choose them: the input is a byte of RESOLVE_ flags, then terminated
 * texts. The first three become links in three folders, one inside the other; the others are walked to, opened, made,
 * renamed and removed. Nothing above the root is reached, whatever they say, and all memory comes back.
 */
#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/open.h"
#include "kernel/services/vfs/tmpfs.h"
#include "tests/fuzz/plain_machine.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

#define TEXTS_MAX 12u

static int64_t now_ns(void *context) {
    (void)context;
    return 1;
}

static const struct vfs_machine machine = {PLAIN_MACHINE, .now_ns = now_ns};

/* A root with a folder above the caller's own root, in which nothing may be made. */
struct scene {
    struct vfs vfs;
    struct file_system *system;
    struct view view;
    struct path top;
    struct caller caller;
};

static void check(bool is_right) {
    if (!is_right)
        abort();
}

static void begin(struct scene *scene) {
    struct walk_path inside = {.text = "inside"};
    check(vfs_init(&scene->vfs, &machine, 4, 8) == 0);
    check(tmpfs_create(&scene->vfs, &(struct tmpfs_limits){.mode = 0755, .inodes_max = 64}, &scene->system) == 0);
    check(view_init(&scene->view, &scene->vfs, scene->system->root, 0, &scene->top) == 0);
    scene->caller = (struct caller){.vfs = &scene->vfs, .root = scene->top, .folder = scene->top};
    scene->caller.identity.capabilities = UINT64_MAX;
    check(vfs_make_folder(&scene->caller, &inside, 0755) == 0);
    vfs_lock(&scene->vfs);
    check(walk(&scene->caller, &inside, 0, &scene->caller.root) == 0);
    vfs_unlock(&scene->vfs);
    scene->caller.folder = scene->caller.root;
}

static void end(struct scene *scene) {
    struct folder_entry entry;
    struct inode *top = scene->top.dentry->inode;
    check(top->operations->entry_at(top, 0, &entry) && entry.name.size_bytes == 6);
    check(!top->operations->entry_at(top, entry.next, &entry));
    vfs_lock(&scene->vfs);
    path_unref(&scene->caller.root);
    path_unref(&scene->top);
    file_system_unref(scene->system);
    vfs_unlock(&scene->vfs);
    view_deinit(&scene->view);
    vfs_deinit(&scene->vfs);
    check(plain_held == 0);
}

static void make_links(const struct caller *caller, char *const *texts, unsigned count) {
    static const char *const folders[] = {"a", "a/b", "a/b/c"}, *const places[] = {"l", "a/l", "a/b/l"};
    for (unsigned i = 0; i < 3; i++) {
        struct walk_path folder = {.text = folders[i]}, place = {.text = places[i]};
        check(vfs_make_folder(caller, &folder, 0755) == 0);
        if (i < count)
            (void)vfs_make_link(caller, texts[i], &place);
    }
}

static void use(const struct caller *caller, const char *text, const char *next, uint32_t resolve) {
    struct walk_path path = {.text = text, .resolve = resolve}, other = {.text = next};
    struct path found;
    vfs_lock(caller->vfs);
    if (walk(caller, &path, WALK_FOLLOW, &found) == 0) {
        check(dentry_is_below(found.dentry, caller->root.dentry));
        path_unref(&found);
    }
    vfs_unlock(caller->vfs);
    if (vfs_open_path(caller, &path, LINUX_O_CREAT | LINUX_O_RDWR, 0644, &found) == 0) {
        check(dentry_is_below(found.dentry, caller->root.dentry));
        vfs_lock(caller->vfs);
        path_unref(&found);
        vfs_unlock(caller->vfs);
    }
    (void)vfs_make_folder(caller, &path, 0755);
    (void)vfs_rename(caller, &path, &other, 0);
    (void)vfs_unlink(caller, &other);
    (void)vfs_remove_folder(caller, &path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct scene scene;
    char *texts[TEXTS_MAX + 1];
    unsigned count = 0;
    if (size_bytes < 1)
        return 0;
    char *copy = calloc(1, size_bytes + 1);
    check(copy != NULL);
    memcpy(copy, data + 1, size_bytes - 1);
    for (size_t at = 0; at < size_bytes - 1 && count < TEXTS_MAX; at += strlen(copy + at) + 1)
        texts[count++] = copy + at;
    begin(&scene);
    make_links(&scene.caller, texts, count);
    for (unsigned i = 3; i < count; i++)
        use(&scene.caller, texts[i], texts[i + 1 < count ? i + 1 : i], data[0]);
    end(&scene);
    free(copy);
    return 0;
}
