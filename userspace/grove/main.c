/*
 * grove: the command line. It finds the command in the table, reads its options and runs it; all else is in commands/.
 *
 * A client like any other: what it may do is what the kernel gives a shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "userspace/grove/command.h"
#include "userspace/grove/help.h"
#include "userspace/grove/options.h"

#define COMMAND_DECLARE(name) extern const struct command command_##name;
#define COMMAND_ENTRY(name) &command_##name,
#include "userspace/grove/command_list.h"

COMMAND_LIST(COMMAND_DECLARE)

const struct command *const command_table[] = {COMMAND_LIST(COMMAND_ENTRY) NULL};

const struct command *command_by_name(const char *name) {
    for (unsigned i = 0; command_table[i]; i++)
        if (!strcmp(command_table[i]->name, name))
            return command_table[i];
    return NULL;
}

/*
 * A standard stream that is closed would be the next file or socket that is opened, and be written to. What takes its place
 * cannot be written, so that output which gets lost is an error as before.
 */
static void fill_closed_streams(void) {
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
            return;
}

/* What was not written, on a full disk for one, is a failure even if all else went well. */
static int check_output(const struct invocation *invocation, int status) {
    bool has_failed = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) == 0 && !has_failed)
        return status;
    int failed = command_fail(invocation, "the output cannot be written: %s",
                              errno != 0 ? strerror(errno) : "some of it was lost");
    return status == COMMAND_OK ? failed : status;
}

int main(int argument_count, char **arguments) {
    static struct invocation invocation; /* its strings and arrays live as long as the process */
    fill_closed_streams();
    int status = options_parse(argument_count, arguments, &invocation);
    if (status == OPTIONS_RUN)
        status = invocation.command->run(&invocation);
    return check_output(&invocation, status);
}
