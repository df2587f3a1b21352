/*
 * Files that a confined program misses, see explain.h.
 *
 * Why it is safe that these calls go on. A path lies in memory that other threads of the program change at will, so what is
 * read here may not be what Linux reads a moment later. That matters only where the answer depends on it, and here none
 * does: every call goes on, whatever it names, and what it may reach is decided by the file view, by Landlock and by the
 * modes of the files, none of which know of this. What the filter refuses by its arguments (set-id bits, device nodes) it
 * refuses before it asks, see filter.c. No file call reaches an address, so it is no way round the network broker either.
 * Nothing may ever be added here that answers instead: that is what a view is for.
 *
 * A lie costs a wrong line in a report, about a file that the program could name anyway. The program learns nothing: it gets
 * the same answers as without. Each path is told once, and no more than SEEN_MAX of them for each instance, so that the
 * audit log cannot be filled this way. Looking outside is done with the rights of the kernel and its user, and takes as
 * long as the file system takes: explaining is for finding out, not for every day.
 */
#include "kernel/machine/linux/broker/explain.h"

#include "kernel/machine/linux/broker/learn.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEEN_MAX 1024u

struct explain_seen {
    unsigned count;
    uint64_t hashes[SEEN_MAX];
    char last[GROVE_ARGUMENT_TEXT_MAX + 1];
};

void explain_forget(struct broker *broker) {
    free(broker->seen);
    broker->seen = NULL;
}

static struct explain_seen *seen_of(struct broker *broker) {
    if (broker->seen == NULL)
        broker->seen = calloc(1, sizeof *broker->seen);
    return broker->seen;
}

/*
 * True the first time. FNV-1a: two paths with one hash cost one line of a report. Programs that do not find a path go on to
 * look at each folder above it (Python does): that is no need of its own.
 */
static bool is_new(struct explain_seen *seen, uint16_t kind, const char *path) {
    uint64_t hash = UINT64_C(14695981039346656037) ^ kind;
    if (seen->count == SEEN_MAX || (kind == GROVE_CAP_FS_READ && learn_is_below(seen->last, path)))
        return false;
    for (const char *at = path; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    for (unsigned i = 0; i < seen->count; i++)
        if (seen->hashes[i] == hash)
            return false;
    seen->hashes[seen->count++] = hash;
    snprintf(seen->last, sizeof seen->last, "%s", path);
    return true;
}

/*
 * The core looks into the container's table: what it holds is no refusal, and fails for another reason. Of a link that is
 * in the view it is the target that is missing.
 */
static void tell(const struct broker_request *request, uint16_t kind, const char *path) {
    struct grove_capability wanted = {.kind = kind, .rights = GROVE_RIGHT_USE};
    char target[PATH_MAX];
    if (learn_is_link(request, path) && realpath(path, target) != NULL)
        path = target;
    struct explain_seen *seen = seen_of(request->broker);
    size_t length = strlen(path);
    if (seen == NULL || length > GROVE_ARGUMENT_TEXT_MAX || !is_new(seen, kind, path))
        return;
    wanted.argument.kind = GROVE_ARGUMENT_PATH;
    wanted.argument.length_bytes = (uint16_t)length;
    memcpy(wanted.argument.value.text, path, length);
    (void)core_check(linux_machine->core, request->broker->container, &wanted, (uint16_t)request->number);
}

/* Could the kernel's own user do this outside? `rights` as for access(2). */
static bool works_outside(const char *path, int rights) {
    return faccessat(AT_FDCWD, path, rights, AT_EACCESS) == 0;
}

/* What each container has for itself is never the one outside, and no capability gives that. */
static bool is_own(const char *path) {
    return learn_is_below(path, "/proc") || learn_is_below(path, "/dev") || strcmp(path, "/") == 0;
}

/* A new entry, or one that goes: it is the folder that is written to. */
static void explain_folder(const struct broker_request *request, const char *path) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    *(slash == folder ? slash + 1 : slash) = '\0';
    if (!learn_is_private(folder) && strcmp(folder, "/") != 0 && works_outside(folder, W_OK | X_OK))
        tell(request, GROVE_CAP_FS_WRITE, folder);
}

static void explain_open(const struct broker_request *request, const struct learn_use *use) {
    mode_t mode;
    bool writes = (use->flags & O_ACCMODE) != O_RDONLY || (use->flags & O_TRUNC) != 0;
    bool is_there = learn_exists(request, use->path, &mode), is_outside = works_outside(use->path, F_OK);
    if (is_there && writes && !S_ISDIR(mode) && !learn_is_private(use->path) && works_outside(use->path, W_OK))
        tell(request, GROVE_CAP_FS_WRITE, use->path);
    else if (!is_there && (use->flags & O_CREAT) != 0 && !is_outside)
        explain_folder(request, use->path);
    else if (!is_there && writes && is_outside && !learn_is_private(use->path))
        tell(request, GROVE_CAP_FS_WRITE, use->path);
    else if (!is_there && !writes && is_outside)
        tell(request, GROVE_CAP_FS_READ, use->path);
}

static void explain_execute(const struct broker_request *request, const char *path) {
    mode_t mode;
    bool is_there = learn_exists(request, path, &mode);
    if (is_there && learn_is_always_there(request->broker->spec, path))
        return;
    if ((!is_there || S_ISREG(mode)) && !learn_is_private(is_there ? path : "") && works_outside(path, X_OK))
        tell(request, GROVE_CAP_FS_EXEC, path);
}

static void explain_existing(const struct broker_request *request, const char *path, enum use use) {
    mode_t mode;
    bool is_there = learn_exists(request, path, &mode);
    if (use == USE_MAKE ? !is_there : use == USE_RENAME || use == USE_REMOVE)
        explain_folder(request, path);
    else if (use == USE_CHANGE && is_there && !learn_is_private(path) && works_outside(path, W_OK))
        tell(request, GROVE_CAP_FS_WRITE, path);
    else if ((use == USE_ENTER || use == USE_LOOK || use == USE_CHANGE) && !is_there && works_outside(path, F_OK))
        tell(request, use == USE_CHANGE ? GROVE_CAP_FS_WRITE : GROVE_CAP_FS_READ, path);
}

void explain_path(const struct broker_request *request, const struct learn_use *use) {
    if (is_own(use->path))
        return;
    if (use->use == USE_OPEN)
        explain_open(request, use);
    else if (use->use == USE_EXECUTE)
        explain_execute(request, use->path);
    else
        explain_existing(request, use->path, use->use);
}
