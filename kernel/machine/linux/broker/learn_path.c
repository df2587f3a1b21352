/*
 * Which paths a file call names, see learn_path.h.
 *
 * A path is taken from the caller, made absolute with its working folder or the descriptor it is relative to, and
 * normalised as text: the program will use the same text when it is confined, and the file view has the same paths.
 */
#include "kernel/machine/linux/broker/learn_path.h"

#include "kernel/machine/linux/broker/learn.h"
#include "kernel/machine/linux/broker/target.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct shape {
    const char *name;
    int folder_argument, path_argument;
    enum use use;
    int number;
};

static struct shape shapes[] = {
#define SHAPE(name, folder, path, use) {#name, folder, path, use, 0},
    LEARN_CALLS(SHAPE)
#undef SHAPE
};
#define SHAPE_COUNT (sizeof shapes / sizeof *shapes)

/* ---- places ---- */

bool learn_is_below(const char *path, const char *top) {
    size_t length = strlen(top);
    return strncmp(path, top, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

bool learn_is_private(const char *path) {
    return learn_is_below(path, "/tmp") || learn_is_below(path, "/dev/shm");
}

bool learn_is_always_there(const struct grove_spec *spec, const char *path) {
    static const char *const always[] = {"/proc",        "/dev/null", "/dev/zero", "/dev/full",  "/dev/random",
                                         "/dev/urandom", "/dev/tty",  "/dev/fd",   "/dev/stdin", "/dev/stdout",
                                         "/dev/stderr",  "/dev/pts",  "/dev/ptmx"};
    static const char *const system[] = {"/usr",   "/bin",   "/sbin",   "/lib",
                                         "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache"};
    if (strcmp(path, "/") == 0)
        return true;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (learn_is_below(path, always[i]))
            return true;
    for (size_t i = 0; (spec->flags & GROVE_SPEC_SYSTEM_FILES) != 0 && i < sizeof system / sizeof *system; i++)
        if (learn_is_below(path, system[i]))
            return true;
    return false;
}

/* ---- paths ---- */

/* Normalise in place: no ".", "..", "//" and no slash at the end. The path is absolute. */
static void normalise(char *path) {
    char *out = path;
    const char *in = path;
    while (*in != '\0') {
        while (*in == '/')
            in++;
        size_t length = strcspn(in, "/");
        if (length == 2 && in[0] == '.' && in[1] == '.') {
            while (out > path && *--out != '/')
                continue;
        } else if (length > 0 && !(length == 1 && in[0] == '.')) {
            *out++ = '/';
            memmove(out, in, length);
            out += length;
        }
        in += length;
    }
    if (out == path)
        *out++ = '/';
    *out = '\0';
}

static bool read_place(const struct broker_request *request, const char *name, char *path, size_t bytes) {
    char link[64];
    snprintf(link, sizeof link, "/proc/%ld/%s", (long)request->thread, name);
    ssize_t length = readlink(link, path, bytes - 1);
    if (length <= 0 || path[0] != '/')
        return false;
    path[length] = '\0';
    return true;
}

/* The caller's root may be a folder of its mount namespace, and that is where its paths are read from outside. */
static bool folder_of(const struct broker_request *request, int folder, char *path, size_t bytes) {
    char root[PATH_MAX], name[32] = "cwd";
    if (folder != AT_FDCWD)
        snprintf(name, sizeof name, "fd/%d", folder);
    if (!read_place(request, "root", root, sizeof root) || !read_place(request, name, path, bytes))
        return false;
    size_t length = strlen(root);
    if (strcmp(root, "/") != 0 && learn_is_below(path, root))
        memmove(path, path + length, strlen(path + length) + 1);
    return true;
}

bool learn_make_absolute(const struct broker_request *request, int folder, const char *text, char *path) {
    char base[PATH_MAX] = "";
    if (text[0] == '\0' || (text[0] != '/' && !folder_of(request, folder, base, sizeof base)))
        return false;
    if (snprintf(path, PATH_MAX, "%s/%s", base, text) >= PATH_MAX)
        return false;
    normalise(path);
    return true;
}

static bool take_path(const struct broker_request *request, int folder, uint64_t address, char *path) {
    char text[PATH_MAX];
    return target_read_text(request->thread, address, text, sizeof text) > 0 &&
           broker_is_waiting(request->broker, request->id) && learn_make_absolute(request, folder, text, path);
}

static bool look(const struct broker_request *request, const char *path, uint64_t flags, mode_t *mode) {
    int root = target_open(request->thread, "root", O_PATH | O_DIRECTORY);
    if (root < 0)
        return false;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int place = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    struct stat about;
    bool is_there = place >= 0 && fstat(place, &about) == 0;
    if (is_there)
        *mode = about.st_mode;
    if (place >= 0)
        close(place);
    close(root);
    return is_there;
}

bool learn_exists(const struct broker_request *request, const char *path, mode_t *mode) {
    return look(request, path, 0, mode);
}

bool learn_is_link(const struct broker_request *request, const char *path) {
    mode_t mode;
    return look(request, path, O_NOFOLLOW, &mode) && S_ISLNK(mode);
}

/* ---- calls ---- */

static const struct shape *shape_of(int number) {
    if (shapes[0].number == 0)
        for (size_t i = 0; i < SHAPE_COUNT; i++)
            shapes[i].number = seccomp_syscall_resolve_name(shapes[i].name);
    for (size_t i = 0; i < SHAPE_COUNT; i++)
        if (shapes[i].number == number)
            return &shapes[i];
    return NULL;
}

static int folder_argument(const struct broker_request *request, int index) {
    return index < 0 ? AT_FDCWD : (int)request->arguments[index];
}

/* The flags with which a call opens, false if they cannot be read. */
static bool take_flags(const struct broker_request *request, const struct shape *shape, uint64_t *flags) {
    *flags = request->arguments[shape->path_argument + 1];
    if (shape->use == USE_CREATE)
        *flags = O_CREAT | O_WRONLY | O_TRUNC;
    return shape->use != USE_OPEN2 || target_read(request->thread, *flags, flags, sizeof *flags) == 0;
}

unsigned learn_uses(const struct broker_request *request, struct learn_use uses[2]) {
    const struct shape *shape = shape_of(request->number);
    unsigned count = 0;
    if (shape == NULL)
        return 0;
    bool opens = shape->use == USE_OPEN || shape->use == USE_OPEN2 || shape->use == USE_CREATE;
    bool has_folders = shape->use == USE_RENAMEAT, has_two = has_folders || shape->use == USE_RENAME;
    uses[0].use = opens ? USE_OPEN : has_two ? USE_RENAME : shape->use;
    uses[0].flags = 0;
    uses[1] = (struct learn_use){.use = USE_RENAME};
    if (opens && !take_flags(request, shape, &uses[0].flags))
        return 0;
    if (take_path(request, folder_argument(request, shape->folder_argument), request->arguments[shape->path_argument],
                  uses[0].path))
        count++;
    if (has_two && take_path(request, folder_argument(request, has_folders ? 2 : -1),
                             request->arguments[has_folders ? 3 : 1], uses[count].path))
        uses[count++].use = USE_RENAME;
    return count;
}
