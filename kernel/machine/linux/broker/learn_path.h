/*
 * What a notified file call is about: the paths it names, and what it wants of them. What is read from the caller was true
 * when it was read and may change before the call goes on: good for telling people, never for deciding.
 */
#ifndef GROVE_LINUX_BROKER_LEARN_PATH_H
#define GROVE_LINUX_BROKER_LEARN_PATH_H

#include "kernel/machine/linux/broker/broker.h"

#include <limits.h>
#include <sys/types.h>

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

/* One path of a call. `use` is never USE_OPEN2, USE_CREATE or USE_RENAMEAT: they become what they mean. */
struct learn_use {
    enum use use;
    uint64_t flags; /* of open(2), for USE_OPEN */
    char path[PATH_MAX]; /* absolute and normalised */
};
/* How many paths could be read: 0 to 2. */
unsigned learn_uses(const struct broker_request *request, struct learn_use uses[2]);

/* Make `text` absolute (relative to that descriptor or AT_FDCWD) and normal, in PATH_MAX bytes; false if it cannot be. */
bool learn_make_absolute(const struct broker_request *request, int folder, const char *text, char *path);
/* Does it exist for the caller? Its kind of file goes to *mode. */
bool learn_exists(const struct broker_request *request, const char *path, mode_t *mode);
/* Is it a symbolic link for the caller, whatever it points to? */
bool learn_is_link(const struct broker_request *request, const char *path);
/* Is `path` the folder `top` or something below it? */
bool learn_is_below(const char *path, const char *top);
/* In a place that each container has for itself and may write: /tmp, /dev/shm. */
bool learn_is_private(const char *path);
/* There in every container of this spec, without a capability. */
bool learn_is_always_there(const struct grove_spec *spec, const char *path);

#endif
