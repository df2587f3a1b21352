/*
 * From the arguments of the process to an invocation: common options, the command's name, its own options and operands.
 */
#ifndef GROVE_OPTIONS_H
#define GROVE_OPTIONS_H

#include "userspace/grove/command.h"

/* Go on with invocation->command->run; every other result is the exit status. */
#define OPTIONS_RUN (-1)
/* What went wrong before a program ran, as env(1) and timeout(1) have it. */
#define OPTIONS_PROGRAM_FAILED 125

/*
 * Read the arguments. Handles --help and --version itself. The invocation's strings point into `arguments` and the
 * environment; its arrays live as long as the process.
 */
int options_parse(int argument_count, char **arguments, struct invocation *invocation);

#endif
