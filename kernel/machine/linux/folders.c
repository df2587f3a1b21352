/* Run and state folders, see folders.h. */
#include "kernel/machine/linux/folders.h"

#include "grove/abi/status.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fill(char *path, size_t bytes, const char *base, const char *rest) {
    int length = snprintf(path, bytes, "%s%s", base, rest);
    return length < 0 || (size_t)length >= bytes ? GROVE_TOO_LARGE : 0;
}

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] == '/' ? value : NULL;
}

int folders_run(char *path, size_t bytes) {
    const char *named = setting("GROVE_RUN"), *runtime = setting("XDG_RUNTIME_DIR");
    char base[64];
    if (named != NULL)
        return fill(path, bytes, named, "");
    if (geteuid() == 0)
        return fill(path, bytes, "/run/grove", "");
    if (runtime != NULL)
        return fill(path, bytes, runtime, "/grove");
    snprintf(base, sizeof base, "/tmp/grove-%ld", (long)geteuid());
    return fill(path, bytes, base, "");
}

int folders_state(char *path, size_t bytes) {
    const char *named = setting("GROVE_STATE"), *state = setting("XDG_STATE_HOME"), *home = setting("HOME");
    if (named != NULL)
        return fill(path, bytes, named, "");
    if (geteuid() == 0)
        return fill(path, bytes, "/var/lib/grove", "");
    if (state != NULL)
        return fill(path, bytes, state, "/grove");
    return home == NULL ? GROVE_INVALID : fill(path, bytes, home, "/.local/state/grove");
}

static int failed(const char *path, char *problem, size_t problem_bytes) {
    int error = errno;
    snprintf(problem, problem_bytes, "cannot make the folder %s: %s", path, strerror(error));
    return error == EROFS ? GROVE_READ_ONLY : GROVE_IO;
}

int folders_make(const char *path, char *problem, size_t problem_bytes) {
    char part[PATH_MAX];
    if (fill(part, sizeof part, path, "") < 0) {
        errno = ENAMETOOLONG;
        return failed(path, problem, problem_bytes);
    }
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        /* A folder that cannot be made here may exist all the same; the last mkdir tells. */
        (void)mkdir(part, 0755);
        *slash = '/';
    }
    struct stat about;
    if (mkdir(part, 0700) == 0 || (errno == EEXIST && stat(part, &about) == 0 && S_ISDIR(about.st_mode)))
        return 0;
    return failed(path, problem, problem_bytes);
}

int folders_make_private(const char *path, char *problem, size_t problem_bytes) {
    int status = folders_make(path, problem, problem_bytes);
    if (status < 0)
        return status;
    struct stat about;
    if (lstat(path, &about) < 0)
        return failed(path, problem, problem_bytes);
    if (S_ISDIR(about.st_mode) && about.st_uid == geteuid() && (about.st_mode & 077) == 0)
        return 0;
    snprintf(
        problem, problem_bytes,
        "the run folder %s must be a folder of your own that nobody else can enter: `chmod 0700` it, or name another "
        "with --run",
        path);
    return GROVE_DENIED;
}
