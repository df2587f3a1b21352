/*
 * Shell completion: scripts made from the table of commands, for bash, zsh and fish.
 *
 * Names of services come from "grove ps", which says nothing when no kernel runs.
 */
#include <string.h>

#include "userspace/grove/help.h"

/* What each shell runs to offer the operands. */
static const char service_names[] = "grove ps --json 2>/dev/null | grep -o '\"name\": *\"[^\"]*\"' | cut -d'\"' -f4";

static void bash_words(const struct command_option *options, FILE *stream) {
    for (; options && options->name; options++)
        fprintf(stream, " --%s", options->name);
}

static const char *bash_operands(const struct command *command) {
    switch (command->operands) {
    case COMMAND_OPERANDS_FILE:
        return "files";
    case COMMAND_OPERANDS_SERVICE:
        return "services";
    case COMMAND_OPERANDS_PROGRAM:
        return "programs";
    case COMMAND_OPERANDS_COMMAND:
        return "commands";
    case COMMAND_OPERANDS_NONE:
        break;
    }
    return "nothing";
}

static void print_bash(FILE *stream) {
    fputs("# Completion of grove for bash.\n_grove() {\n    local word=$2 options= operands=nothing\n"
          "    local commands=\"",
          stream);
    for (unsigned i = 0; command_table[i]; i++)
        fprintf(stream, "%s%s", i ? " " : "", command_table[i]->name);
    fputs("\"\n    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W \"$commands --help --version\" -- \"$word\"))\n        return\n    fi\n"
          "    case ${COMP_WORDS[1]} in\n",
          stream);
    for (unsigned i = 0; command_table[i]; i++) {
        fprintf(stream, "    %s) operands=%s options=\"", command_table[i]->name, bash_operands(command_table[i]));
        bash_words(command_table[i]->options, stream);
        fputs("\" ;;\n", stream);
    }
    fputs("    esac\n    if [ \"${word#-}\" != \"$word\" ]; then\n        COMPREPLY=($(compgen -W \"$options", stream);
    bash_words(command_common_options, stream);
    fprintf(stream,
            "\" -- \"$word\"))\n        return\n    fi\n    case $operands in\n"
            "    files) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
            "    programs) COMPREPLY=($(compgen -c -- \"$word\") $(compgen -f -- \"$word\")) ;;\n"
            "    commands) COMPREPLY=($(compgen -W \"$commands\" -- \"$word\")) ;;\n"
            "    services) COMPREPLY=($(compgen -W \"$(%s)\" -- \"$word\")) ;;\n    esac\n}\n"
            "complete -o filenames -F _grove grove\n",
            service_names);
}

/* A help text inside single quotes. */
static void print_quoted(const char *text, FILE *stream) {
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", stream);
        else
            fputc(*text, stream);
}

static void zsh_options(const struct command_option *options, FILE *stream) {
    for (; options && options->name; options++) {
        fprintf(stream, " '--%s%s[", options->name, options->value ? "=" : "");
        for (const char *at = options->help; *at; at++)
            if (*at == '\'')
                fputs("'\\''", stream);
            else
                fprintf(stream, strchr("[]:", *at) ? "\\%c" : "%c", *at);
        fprintf(stream, "]%s'", options->value ? ":value:_files" : "");
    }
}

static const char *zsh_operands(const struct command *command) {
    switch (command->operands) {
    case COMMAND_OPERANDS_FILE:
        return "'*:file:_files'";
    case COMMAND_OPERANDS_SERVICE:
        return "'*:service:_grove_services'";
    case COMMAND_OPERANDS_PROGRAM:
        return "'*::program:_normal'";
    case COMMAND_OPERANDS_COMMAND:
        return "'*:command:_grove_commands'";
    case COMMAND_OPERANDS_NONE:
        break;
    }
    return "";
}

static void print_zsh(FILE *stream) {
    fprintf(stream,
            "#compdef grove\n# Completion of grove for zsh.\n_grove_services() {\n"
            "    compadd -- ${(f)\"$(%s)\"}\n}\n_grove_commands() {\n    local -a commands=(\n",
            service_names);
    for (unsigned i = 0; command_table[i]; i++) {
        fprintf(stream, "        '%s:", command_table[i]->name);
        print_quoted(command_table[i]->summary, stream);
        fputs("'\n", stream);
    }
    fputs("    )\n    _describe command commands\n}\n"
          "if (( CURRENT == 2 )); then\n    _grove_commands\n    return\nfi\n"
          "local command=$words[2]\nshift words\n(( CURRENT-- ))\ncase $command in\n",
          stream);
    for (unsigned i = 0; command_table[i]; i++) {
        fprintf(stream, "%s) _arguments", command_table[i]->name);
        zsh_options(command_table[i]->options, stream);
        zsh_options(command_common_options, stream);
        fprintf(stream, " %s ;;\n", zsh_operands(command_table[i]));
    }
    fputs("esac\n", stream);
}

static void fish_options(const char *command, const struct command_option *options, FILE *stream) {
    for (; options && options->name; options++) {
        fputs("complete -c grove", stream);
        if (command)
            fprintf(stream, " -n '__fish_seen_subcommand_from %s'", command);
        fprintf(stream, " -l %s", options->name);
        if (options->letter)
            fprintf(stream, " -s %c", options->letter);
        fprintf(stream, "%s -d '", options->value ? " -r" : "");
        print_quoted(options->help, stream);
        fputs("'\n", stream);
    }
}

static void print_fish(FILE *stream) {
    fputs("# Completion of grove for fish.\n", stream);
    for (unsigned i = 0; command_table[i]; i++) {
        const struct command *command = command_table[i];
        fprintf(stream, "complete -c grove -n __fish_use_subcommand -f -a %s -d '", command->name);
        print_quoted(command->summary, stream);
        fputs("'\n", stream);
        fish_options(command->name, command->options, stream);
        if (command->operands == COMMAND_OPERANDS_SERVICE) {
            fprintf(stream, "complete -c grove -n '__fish_seen_subcommand_from %s' -f -a '(", command->name);
            print_quoted(service_names, stream);
            fputs(")'\n", stream);
        }
    }
    fish_options(NULL, command_common_options, stream);
}

static const struct {
    const char *shell;
    void (*print)(FILE *stream);
} scripts[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

bool help_completion(const char *shell, FILE *stream) {
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
        if (!strcmp(scripts[i].shell, shell)) {
            scripts[i].print(stream);
            return true;
        }
    return false;
}
