/*
 * Help, man pages and shell completion: all made from the table of commands.
 */
#ifndef GROVE_HELP_H
#define GROVE_HELP_H

#include "userspace/grove/command.h"

/* The overview: what grove is, and every command with its summary. */
void help_overview(FILE *stream);
void help_command(const struct command *command, FILE *stream);
/* "Usage: grove run [OPTIONS] ..." */
void help_usage(const struct command *command, FILE *stream);
/* Man page source (mdoc-free, plain man macros). NULL: that of grove itself. */
void help_man(const struct command *command, FILE *stream);
/* The command as a JSON object; of all commands, a list. */
json_t *help_json(const struct command *command);
/* A completion script for "bash", "zsh" or "fish"; false for another shell. */
bool help_completion(const char *shell, FILE *stream);

#endif
