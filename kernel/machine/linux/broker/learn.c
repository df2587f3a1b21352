/*
 * What an open container uses, see learn.h.
 *
 * A path is taken from the caller, made absolute with its working folder or the descriptor it is relative to, and
 * normalised as text: the program will use the same text when it is confined, and the file view has the same paths. What
 * every container has anyway (its own /proc, /dev and /tmp; the system files, where the spec asks for them) is no need.
 *
 * The call always goes on, so a race here costs a wrong line in a manifest that a person reads, and nothing else.
 */
#include "kernel/machine/linux/broker/learn.h"

#include "kernel/machine/linux/broker/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum use {
    USE_OPEN, /* flags follow the path */
    USE_OPEN2, /* a struct open_how follows it */
    USE_CREATE, /* open for writing, making it */
    USE_EXECUTE,
    USE_MAKE, /* a new entry of the folder */
    USE_REMOVE, /* an entry of the folder goes */
    USE_RENAME, /* two paths that follow each other */
    USE_RENAMEAT, /* the same, each with a folder descriptor */
    USE_CHANGE, /* something about the file itself */
    USE_ENTER, /* make it the working folder */
    USE_LOOK, /* does it exist, what is it */
};

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

/* ---- notes about what the program made for itself ---- */

#define MADE_MAX 256u
#define CHOSEN_MAX 64u

struct learn_notes {
    unsigned made_count, chosen_count;
    uint16_t chosen[CHOSEN_MAX];
    char *made[MADE_MAX]; /* in /tmp and /dev/shm, which will be its own */
};

static struct learn_notes *notes_of(struct broker *broker) {
    if (broker->notes == NULL)
        broker->notes = calloc(1, sizeof *broker->notes);
    return broker->notes;
}

void learn_forget(struct broker *broker) {
    for (unsigned i = 0; broker->notes != NULL && i < broker->notes->made_count; i++)
        free(broker->notes->made[i]);
    free(broker->notes);
    broker->notes = NULL;
}

void learn_chosen_port(struct broker *broker, uint16_t port) {
    struct learn_notes *notes = notes_of(broker);
    if (notes != NULL)
        notes->chosen[notes->chosen_count++ % CHOSEN_MAX] = port;
}

bool learn_is_chosen_port(const struct broker *broker, uint16_t port) {
    for (unsigned i = 0; broker->notes != NULL && i < CHOSEN_MAX; i++)
        if (i < broker->notes->chosen_count && broker->notes->chosen[i] == port)
            return true;
    return false;
}

/* Is `path` the folder `top` or something below it? */
static bool is_below(const char *path, const char *top) {
    size_t length = strlen(top);
    return strncmp(path, top, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool is_private(const char *path) {
    return is_below(path, "/tmp") || is_below(path, "/dev/shm");
}

static bool was_made_here(const struct broker *broker, const char *path) {
    for (unsigned i = 0; broker->notes != NULL && i < broker->notes->made_count; i++)
        if (is_below(path, broker->notes->made[i]))
            return true;
    return false;
}

static void note_made(struct broker *broker, const char *path) {
    struct learn_notes *notes = notes_of(broker);
    if (notes == NULL || notes->made_count == MADE_MAX || was_made_here(broker, path))
        return;
    char *copy = strdup(path);
    if (copy != NULL)
        notes->made[notes->made_count++] = copy;
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

static bool folder_of(const struct broker_request *request, int folder, char *path, size_t bytes) {
    char link[64];
    if (folder == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/%ld/cwd", (long)request->thread);
    else
        snprintf(link, sizeof link, "/proc/%ld/fd/%d", (long)request->thread, folder);
    ssize_t length = readlink(link, path, bytes - 1);
    if (length <= 0 || path[0] != '/')
        return false;
    path[length] = '\0';
    return true;
}

static bool make_absolute(const struct broker_request *request, int folder, const char *text, char *path) {
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
           broker_is_waiting(request->broker, request->id) && make_absolute(request, folder, text, path);
}

/* Does it exist for the caller? Its kind of file goes to *mode. */
static bool exists(const struct broker_request *request, const char *path, mode_t *mode) {
    int root = target_open(request->thread, "root", O_PATH | O_DIRECTORY);
    if (root < 0)
        return false;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
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

/* ---- needs ---- */

static bool is_always_there(const struct grove_spec *spec, const char *path) {
    static const char *const always[] = {"/proc",        "/dev/null", "/dev/zero", "/dev/full",  "/dev/random",
                                         "/dev/urandom", "/dev/tty",  "/dev/fd",   "/dev/stdin", "/dev/stdout",
                                         "/dev/stderr",  "/dev/pts",  "/dev/ptmx"};
    static const char *const system[] = {"/usr",   "/bin",   "/sbin",   "/lib",
                                         "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache"};
    if (strcmp(path, "/") == 0)
        return true;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (is_below(path, always[i]))
            return true;
    for (size_t i = 0; (spec->flags & GROVE_SPEC_SYSTEM_FILES) != 0 && i < sizeof system / sizeof *system; i++)
        if (is_below(path, system[i]))
            return true;
    return false;
}

static void tell(const struct broker_request *request, uint16_t kind, const char *path) {
    struct grove_capability used = {.kind = kind, .rights = GROVE_RIGHT_USE};
    size_t length = strlen(path);
    bool is_system_write = kind == GROVE_CAP_FS_WRITE && is_always_there(request->broker->spec, path) &&
                           !is_below(path, "/proc") && !is_below(path, "/dev") && strcmp(path, "/") != 0;
    if (length > GROVE_ARGUMENT_TEXT_MAX || was_made_here(request->broker, path))
        return;
    if (is_always_there(request->broker->spec, path) && !is_system_write)
        return;
    used.argument.kind = GROVE_ARGUMENT_PATH;
    used.argument.length_bytes = (uint16_t)length;
    memcpy(used.argument.value.text, path, length);
    core_learned(linux_machine->core, request->broker->container, &used);
}

/* A new or removed entry: the folder it is in is written to. Private places are written to freely. */
static void tell_folder(const struct broker_request *request, const char *path, bool is_new) {
    char folder[PATH_MAX];
    if (is_new && is_private(path)) {
        note_made(request->broker, path);
        return;
    }
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    *(slash == folder ? slash + 1 : slash) = '\0';
    mode_t mode;
    if (!was_made_here(request->broker, path) && exists(request, folder, &mode))
        tell(request, GROVE_CAP_FS_WRITE, folder);
}

static void learn_open(const struct broker_request *request, const char *path, uint64_t flags) {
    mode_t mode;
    if (!exists(request, path, &mode)) {
        if ((flags & O_CREAT) != 0)
            tell_folder(request, path, true);
        return;
    }
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) || (S_ISDIR(mode) && (flags & O_ACCMODE) != O_RDONLY))
        return; /* will fail */
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0)
        tell(request, GROVE_CAP_FS_WRITE, path);
    if ((flags & O_ACCMODE) != O_WRONLY && !((flags & O_PATH) != 0 && S_ISDIR(mode)))
        tell(request, GROVE_CAP_FS_READ, path);
}

static void learn_existing(const struct broker_request *request, const char *path, enum use use) {
    mode_t mode;
    bool is_there = exists(request, path, &mode);
    if (use == USE_MAKE) {
        /* A folder that was made in an earlier run must be there, so that the call fails as it does now. */
        if (!is_there)
            tell_folder(request, path, true);
        else if (S_ISDIR(mode))
            tell(request, GROVE_CAP_FS_READ, path);
    } else if (use == USE_REMOVE || use == USE_RENAME || use == USE_RENAMEAT) {
        tell_folder(request, path, !is_there);
    } else if (is_there && use == USE_EXECUTE && !S_ISDIR(mode)) {
        tell(request, GROVE_CAP_FS_EXEC, path);
    } else if (is_there && use == USE_CHANGE) {
        tell(request, GROVE_CAP_FS_WRITE, path);
    } else if (is_there && (use == USE_ENTER || (use == USE_LOOK && !S_ISDIR(mode)))) {
        tell(request, GROVE_CAP_FS_READ, path);
    }
}

static void learn_path(const struct broker_request *request, const struct shape *shape, const char *path) {
    uint64_t flags = request->arguments[shape->path_argument + 1];
    switch (shape->use) {
    case USE_OPEN2:
        if (target_read(request->thread, flags, &flags, sizeof flags) < 0)
            return;
        learn_open(request, path, flags);
        break;
    case USE_OPEN:
        learn_open(request, path, flags);
        break;
    case USE_CREATE:
        learn_open(request, path, O_CREAT | O_WRONLY | O_TRUNC);
        break;
    default:
        learn_existing(request, path, shape->use);
    }
}

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

struct outcome learn_file_call(const struct broker_request *request) {
    const struct shape *shape = shape_of(request->number);
    char path[PATH_MAX];
    if (shape == NULL)
        return outcome_of(OUTCOME_CONTINUE);
    int folder = folder_argument(request, shape->folder_argument);
    if (take_path(request, folder, request->arguments[shape->path_argument], path))
        learn_path(request, shape, path);
    if (shape->use != USE_RENAME && shape->use != USE_RENAMEAT)
        return outcome_of(OUTCOME_CONTINUE);
    bool has_folders = shape->use == USE_RENAMEAT;
    folder = folder_argument(request, has_folders ? 2 : -1);
    if (take_path(request, folder, request->arguments[has_folders ? 3 : 1], path))
        learn_existing(request, path, shape->use);
    return outcome_of(OUTCOME_CONTINUE);
}

void learn_local(const struct broker_request *request, const char *path, bool is_bind) {
    char whole[PATH_MAX];
    mode_t mode;
    if (!make_absolute(request, AT_FDCWD, path, whole))
        return;
    if (is_bind)
        tell_folder(request, whole, true);
    else if (exists(request, whole, &mode))
        tell(request, GROVE_CAP_FS_WRITE, whole);
}
