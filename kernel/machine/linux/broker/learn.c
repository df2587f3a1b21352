/*
 * What an open container uses, see learn.h.
 *
 * What every container has anyway (its own /proc, /dev and /tmp; the system files, where the spec asks for them) is no
 * need, nor is what the program made for itself in such a place.
 *
 * The call always goes on, so a race here costs a wrong line in a manifest that a person reads, and nothing else.
 */
#include "kernel/machine/linux/broker/learn.h"

#include "kernel/machine/linux/broker/explain.h"
#include "kernel/machine/linux/broker/learn_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

static bool was_made_here(const struct broker *broker, const char *path) {
    for (unsigned i = 0; broker->notes != NULL && i < broker->notes->made_count; i++)
        if (learn_is_below(path, broker->notes->made[i]))
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

/* ---- needs ---- */

static void tell(const struct broker_request *request, uint16_t kind, const char *path) {
    struct grove_capability used = {.kind = kind, .rights = GROVE_RIGHT_USE};
    size_t length = strlen(path);
    bool is_system_write = kind == GROVE_CAP_FS_WRITE && learn_is_always_there(request->broker->spec, path) &&
                           !learn_is_below(path, "/proc") && !learn_is_below(path, "/dev") && strcmp(path, "/") != 0;
    if (length > GROVE_ARGUMENT_TEXT_MAX || was_made_here(request->broker, path))
        return;
    if (learn_is_always_there(request->broker->spec, path) && !is_system_write)
        return;
    used.argument.kind = GROVE_ARGUMENT_PATH;
    used.argument.length_bytes = (uint16_t)length;
    memcpy(used.argument.value.text, path, length);
    core_learned(linux_machine->core, request->broker->container, &used);
}

/*
 * A new or removed entry: the folder it is in is written to. Private places are written to freely, but not a folder in one
 * that somebody else made: in a place of its own the program would not find it.
 */
static void tell_folder(const struct broker_request *request, const char *path, bool is_new) {
    char folder[PATH_MAX];
    mode_t mode;
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    *(slash == folder ? slash + 1 : slash) = '\0';
    bool is_own = strcmp(folder, "/tmp") == 0 || strcmp(folder, "/dev/shm") == 0;
    if (is_new && (is_own || was_made_here(request->broker, folder))) {
        note_made(request->broker, path);
        return;
    }
    if (!was_made_here(request->broker, path) && learn_exists(request, folder, &mode))
        tell(request, GROVE_CAP_FS_WRITE, folder);
}

static void learn_open(const struct broker_request *request, const char *path, uint64_t flags) {
    mode_t mode;
    if (!learn_exists(request, path, &mode)) {
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
    bool is_there = learn_exists(request, path, &mode);
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

static void learn_path(const struct broker_request *request, const struct learn_use *use) {
    if (use->use == USE_OPEN)
        learn_open(request, use->path, use->flags);
    else
        learn_existing(request, use->path, use->use);
}

/* The handler of both modes: who only watches never decides, so the call goes on whatever is found. */
struct outcome learn_file_call(const struct broker_request *request) {
    struct learn_use uses[2];
    unsigned count = learn_uses(request, uses);
    for (unsigned i = 0; i < count; i++) {
        if (request->broker->is_learning)
            learn_path(request, &uses[i]);
        else
            explain_path(request, &uses[i]);
    }
    return outcome_of(OUTCOME_CONTINUE);
}

void learn_local(const struct broker_request *request, const char *path, bool is_bind) {
    char whole[PATH_MAX];
    mode_t mode;
    if (!learn_make_absolute(request, AT_FDCWD, path, whole))
        return;
    if (is_bind)
        tell_folder(request, whole, true);
    else if (learn_exists(request, whole, &mode))
        tell(request, GROVE_CAP_FS_WRITE, whole);
}
