/*
 * grove: the command line. It finds the command in the table, reads its options and runs it; all else is in commands/.
 *
 * A client like any other: what it may do is what the kernel gives a shell.
 */
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/command.h"
#include "userspace/grove/help.h"
#include "userspace/grove/options.h"

#define COMMAND_DECLARE(name) extern const struct command command_##name;
#define COMMAND_ENTRY(name) &command_##name,
#include "userspace/grove/command_list.h"

COMMAND_LIST(COMMAND_DECLARE)

const struct command *const command_table[] = {COMMAND_LIST(COMMAND_ENTRY) NULL};

const struct command *command_find(const char *name) {
    for (unsigned i = 0; command_table[i]; i++)
        if (!strcmp(command_table[i]->name, name))
            return command_table[i];
    return NULL;
}

int main(int argument_count, char **arguments) {
    static struct invocation invocation; /* its strings and arrays live as long as the process */
    int status = options_parse(argument_count, arguments, &invocation);
    if (status != OPTIONS_RUN)
        return status;
    return invocation.command->run(&invocation);
}
