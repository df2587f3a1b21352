/* See folders.h. */
#include "servers/bus/folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

int folder_open(int parent, const char *name) {
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return -1;
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* What stands in a folder, one after the other; the folder's own entries are left out. */
static void each(int parent, const char *name, void (*visit)(int folder, const char *name, const void *context),
                 const void *context) {
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *listing = folder >= 0 ? fdopendir(folder) : NULL;
    const struct dirent *entry;
    if (listing == NULL && folder >= 0)
        (void)close(folder);
    while (listing != NULL && (entry = readdir(listing)) != NULL)
        if (entry->d_name[0] != '.')
            visit(folder, entry->d_name, context);
    if (listing != NULL)
        (void)closedir(listing);
}

static void remove_file(int folder, const char *name, const void *context) {
    (void)context;
    (void)unlinkat(folder, name, 0);
}

void folder_remove(int parent, const char *name) {
    each(parent, name, remove_file, NULL);
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

struct sweep {
    bool (*is_kept)(const char *name, const void *context);
    const void *context;
};

static void remove_stray(int folder, const char *name, const void *context) {
    const struct sweep *sweep = context;
    if (!sweep->is_kept(name, sweep->context))
        folder_remove(folder, name);
}

void folder_sweep(int parent, bool (*is_kept)(const char *name, const void *context), const void *context) {
    const struct sweep sweep = {.is_kept = is_kept, .context = context};
    each(parent, ".", remove_stray, &sweep);
}
