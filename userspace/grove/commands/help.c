/*
 * grove help: the help of a command, its man page, or a completion script.
 */
#include "userspace/grove/help.h"

static const struct command_option options[] = {
    {"man", 0, NULL, "print the source of the man page"},
    {"completion", 0, "SHELL", "print the completion script for bash, zsh or fish"},
    {0},
};

static int run(struct invocation *invocation) {
    const char *shell = command_value(invocation, "completion");
    const char *name = invocation->arguments[0];
    const struct command *command = name ? command_by_name(name) : NULL;
    if (shell)
        return help_completion(shell, stdout)
                   ? COMMAND_OK
                   : command_misused(invocation, "there is completion for bash, zsh and fish, not for \"%s\"", shell);
    if (name && !command)
        return command_misused(invocation, "there is no command \"%s\"; \"grove --help\" lists them", name);
    if (invocation->json)
        output_json(help_json(command));
    else if (command_has(invocation, "man"))
        help_man(command, stdout);
    else if (command)
        help_command(command, stdout);
    else
        help_overview(stdout);
    return COMMAND_OK;
}

const struct command command_help = {
    .name = "help",
    .summary = "explain a command",
    .usage = "[COMMAND]",
    .description =
        "Prints the help of a command, or the list of commands. With --json, both for programs: name, summary, "
        "usage and options of the command, or a list of all.",
    .examples = "  grove help run                                 as \"grove run --help\"\n"
                "  grove help --man run | man -l -                the man page\n"
                "  source <(grove help --completion bash)         completion in this shell",
    .operands = COMMAND_OPERANDS_COMMAND,
    .maximum = 1,
    .options = options,
    .run = run,
};
