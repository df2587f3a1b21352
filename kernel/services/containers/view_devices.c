/* What every container has in /dev: the devices that are no authority, and the names by which programs know their streams. */
#include "kernel/services/containers/inside.h"
#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/tmpfs.h"

#define MAJOR_MEMORY 1u
#define ROOM 64u

static const struct {
    const char *path;
    uint32_t minor;
} nodes[] = {{"/null", 3}, {"/zero", 5}, {"/full", 7}, {"/random", 8}, {"/urandom", 9}};

static const struct {
    const char *path, *text;
} links[] = {{"/fd", "/proc/self/fd"},
             {"/stdin", "/proc/self/fd/0"},
             {"/stdout", "/proc/self/fd/1"},
             {"/stderr", "/proc/self/fd/2"}};

static int fill(const struct caller *maker) {
    struct walk_path path = {.text = "/shm"};
    int status = vfs_make_folder(maker, &path, 01777);
    for (uint32_t i = 0; i < sizeof(nodes) / sizeof(*nodes) && status == 0; i++) {
        path.text = nodes[i].path;
        status = vfs_make_node(maker, &path, LINUX_S_IFCHR | 0666, vfs_device(MAJOR_MEMORY, nodes[i].minor));
    }
    for (uint32_t i = 0; i < sizeof(links) / sizeof(*links) && status == 0; i++) {
        path.text = links[i].path;
        status = vfs_make_link(maker, links[i].text, &path);
    }
    return status;
}

int view_make_devices(struct file_system **devices) {
    const struct tmpfs_limits limits = {.pages_max = ROOM, .inodes_max = ROOM, .mode = 0755};
    struct file_system *made;
    struct view view;
    struct caller maker = {.vfs = containers.vfs, .identity = containers.caller.identity};
    int status = tmpfs_create(containers.vfs, &limits, &made);
    if (status != 0)
        return status;
    status = view_init(&view, containers.vfs, made->root, 0, &maker.root);
    if (status == 0) {
        maker.folder = maker.root;
        status = fill(&maker);
        view_deinit(&view);
        vfs_lock(containers.vfs);
        path_unref(&maker.root);
        vfs_unlock(containers.vfs);
    }
    if (status == 0) {
        *devices = made;
        return 0;
    }
    vfs_lock(containers.vfs);
    file_system_unref(made);
    vfs_unlock(containers.vfs);
    return status;
}
