/*
 * From the options of `grove run` and `grove learn` to the spec of one program.
 *
 * The options are written down as a manifest and compiled like one, so that they mean and say the same; arguments and
 * environment, which may hold any bytes, are added to the result.
 */
#ifndef GROVE_RUN_REQUEST_H
#define GROVE_RUN_REQUEST_H

#include "userspace/grove/command.h"

struct request {
    const struct invocation *invocation;
    const char *folder; /* the current one, absolute */
    const char *program; /* absolute path; NULL: the manifest's */
    uint32_t flags; /* enum grove_spec_flags to set beside those of the options */

    struct grove_spec *spec; /* the result, malloc'ed */
    size_t spec_bytes;
};

/* The options that both commands have; put them into the table. */
/* clang-format off */
#define REQUEST_OPTIONS \
    {"allow", 'a', "CAPABILITY", "what the program may do, such as FS_READ:. or NET_CONNECT:127.0.0.1:5432; may be given " \
                                 "several times"}, \
    {"env", 'e', "NAME[=VALUE]", "set a variable of the environment, or pass one on; may be given several times"}, \
    {"name", 'n', "NAME", "what the container is called, instead of run.PROGRAM-NUMBER"}, \
    {"memory", 'm', "SIZE", "most memory it may use"}, \
    {"processor", 0, "SHARE", "most of one processor it may use, such as 50%"}, \
    {"processes", 0, "COUNT", "most processes and threads at a time"}, \
    {"descriptors", 0, "COUNT", "most open files of each process"}, \
    {"scratch", 0, "SIZE", "size of its private /tmp"}, \
    {"disk", 0, "SIZE", "most that it may keep in all that it may write"}, \
    {"network", 0, "SIZE", "most bytes a second that it may send and receive; TCP only"}, \
    {"optional", 0, "LAYER,...", "do without these layers of the sandbox where a kernel of this command cannot set them " \
                                 "up; grove doctor lists them"}
/* clang-format on */

/*
 * Make the spec. Returns 0 or an exit status (125, 126, 127, COMMAND_MISUSED) after saying why. Everything in the request
 * lives as long as the process.
 */
int request_make(struct request *request);
/* Where a shell would find the program: 0, or 127 or 126 after saying why. */
int request_find_program(const struct invocation *invocation, const char *folder, const char *name,
                         const char **program);

#endif
