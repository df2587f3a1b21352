/*
 * Reading the command line. Options are looked up in the command's own table and then in the common one.
 *
 * Both "--name VALUE" and "--name=VALUE" are understood, as are letters joined behind one dash. What is not understood is
 * an error that says what would be right.
 */
#include "userspace/grove/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/text/text.h"
#include "userspace/grove/help.h"

const struct command_option command_common_options[] = {
    {"json", 0, NULL, "print the result as JSON, for programs"},
    {"run", 0, "FOLDER", "use the kernel that runs in this folder, instead of $GROVE_RUN or the usual one"},
    {"state", 0, "FOLDER", "keep state in this folder, instead of $GROVE_STATE or the usual one"},
    {"color", 0, "WHEN", "colour the output: auto (on a terminal), always or never"},
    {"help", 'h', NULL, "print this help"},
    {0},
};

static const struct command_option *find_long(const struct command_option *table, const char *name, size_t length) {
    for (; table && table->name; table++)
        if (strlen(table->name) == length && !strncmp(table->name, name, length))
            return table;
    return NULL;
}

static const struct command_option *find_letter(const struct command_option *table, char letter) {
    for (; table && table->name; table++)
        if (table->letter && table->letter == letter)
            return table;
    return NULL;
}

static const struct command_option *command_options(const struct invocation *invocation) {
    return invocation->command ? invocation->command->options : NULL;
}

/* What goes through the arguments, one after the other. */
struct reader {
    char **arguments;
    unsigned at, count;
    struct invocation *invocation;
    const char *colour;
    bool wants_help;
};

static void keep(struct reader *reader, const struct command_option *option, const char *value) {
    struct invocation *invocation = reader->invocation;
    invocation->given[invocation->given_count++] = (struct command_given){option, value};
    if (find_long(command_common_options, option->name, strlen(option->name)) != option)
        return;
    if (!strcmp(option->name, "json"))
        invocation->json = true;
    else if (!strcmp(option->name, "run"))
        invocation->run_folder = value;
    else if (!strcmp(option->name, "state"))
        invocation->state_folder = value;
    else if (!strcmp(option->name, "color"))
        reader->colour = value;
    else if (!strcmp(option->name, "help"))
        reader->wants_help = true;
}

static const char *nearest_option(const struct invocation *invocation, const char *name) {
    const char *names[64];
    unsigned count = 0;
    const struct command_option *tables[] = {command_options(invocation), command_common_options};
    for (unsigned i = 0; i < 2; i++)
        for (const struct command_option *option = tables[i]; option && option->name && count < 63; option++)
            names[count++] = option->name;
    names[count] = NULL;
    return text_nearest(name, names);
}

static int refuse_option(const struct reader *reader, const char *name, size_t length) {
    char copy[64];
    if (length >= sizeof(copy))
        length = sizeof(copy) - 1;
    memcpy(copy, name, length);
    copy[length] = '\0';
    const char *nearest = nearest_option(reader->invocation, copy);
    if (nearest)
        return command_misused(reader->invocation, "there is no option --%s; did you mean --%s?", copy, nearest);
    return command_misused(reader->invocation, "there is no option --%s", copy);
}

static int take_value(struct reader *reader, const struct command_option *option, const char *value) {
    if (option->value && !value) {
        if (reader->at >= reader->count)
            return command_misused(reader->invocation, "--%s takes a value: --%s %s", option->name, option->name,
                                   option->value);
        value = reader->arguments[reader->at++];
    }
    if (!option->value && value)
        return command_misused(reader->invocation, "--%s takes no value", option->name);
    keep(reader, option, value);
    return 0;
}

static int read_long(struct reader *reader, const char *text) {
    size_t length = strcspn(text, "=");
    const struct command_option *option = find_long(command_options(reader->invocation), text, length);
    if (!option)
        option = find_long(command_common_options, text, length);
    if (!option)
        return refuse_option(reader, text, length);
    return take_value(reader, option, text[length] ? text + length + 1 : NULL);
}

static int read_letters(struct reader *reader, const char *letters) {
    for (; *letters; letters++) {
        const struct command_option *option = find_letter(command_options(reader->invocation), *letters);
        if (!option)
            option = find_letter(command_common_options, *letters);
        if (!option)
            return command_misused(reader->invocation, "there is no option -%c", *letters);
        if (option->value)
            return take_value(reader, option, letters[1] ? letters + 1 : NULL);
        keep(reader, option, NULL);
    }
    return 0;
}

static int find_command(struct reader *reader, const char *name) {
    reader->invocation->command = command_by_name(name);
    if (reader->invocation->command)
        return 0;
    const char *names[64];
    unsigned count = 0;
    for (; count < 63 && command_table[count]; count++)
        names[count] = command_table[count]->name;
    names[count] = NULL;
    const char *nearest = text_nearest(name, names);
    if (nearest)
        return command_misused(reader->invocation, "there is no command \"%s\"; did you mean \"%s\"?", name, nearest);
    return command_misused(reader->invocation, "there is no command \"%s\"; \"grove --help\" lists them", name);
}

/* The first operand is the command; the operands after it are the command's. */
static int read_operand(struct reader *reader, char *operand) {
    struct invocation *invocation = reader->invocation;
    if (!invocation->command)
        return find_command(reader, operand);
    invocation->arguments[invocation->argument_count++] = operand;
    return 0;
}

static int read_rest(struct reader *reader) {
    int status = 0;
    while (status == 0 && reader->at < reader->count)
        status = read_operand(reader, reader->arguments[reader->at++]);
    return status;
}

static int read_all(struct reader *reader) {
    int status = 0;
    while (status == 0 && reader->at < reader->count) {
        char *argument = reader->arguments[reader->at++];
        if (!strcmp(argument, "--"))
            return read_rest(reader);
        if (!strncmp(argument, "--", 2))
            status = read_long(reader, argument + 2);
        else if (argument[0] == '-' && argument[1])
            status = read_letters(reader, argument + 1);
        else {
            status = read_operand(reader, argument);
            const struct command *command = reader->invocation->command;
            if (status == 0 && command && command->stops_at_operand && reader->invocation->argument_count)
                return read_rest(reader);
        }
    }
    return status;
}

static char *join(const char *folder, const char *rest) {
    char *path;
    return asprintf(&path, "%s%s", folder, rest) < 0 ? NULL : path;
}

static const char *default_run_folder(void) {
    const char *given = getenv("GROVE_RUN"), *runtime = getenv("XDG_RUNTIME_DIR");
    if (given && *given)
        return given;
    if (geteuid() == 0)
        return "/run/grove";
    if (runtime && *runtime)
        return join(runtime, "/grove");
    char folder[32];
    snprintf(folder, sizeof(folder), "%u", geteuid());
    return join("/tmp/grove-", folder);
}

static const char *default_state_folder(void) {
    const char *given = getenv("GROVE_STATE"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (given && *given)
        return given;
    if (geteuid() == 0)
        return "/var/lib/grove";
    if (state && *state)
        return join(state, "/grove");
    return join(home && *home ? home : "/tmp", "/.local/state/grove");
}

/* Later path arithmetic and other processes need absolute folders, wherever they run. */
static const char *absolute(const char *path) {
    if (!path || path[0] == '/')
        return path;
    char *folder = getcwd(NULL, 0), *result = NULL;
    if (folder && asprintf(&result, "%s/%s", folder, path) < 0)
        result = NULL;
    free(folder);
    return result;
}

static int complete(struct reader *reader) {
    struct invocation *invocation = reader->invocation;
    const char *when = reader->colour ? reader->colour : "auto", *no_colour = getenv("NO_COLOR");
    bool always = !strcmp(when, "always"), automatic = !strcmp(when, "auto") && !(no_colour && *no_colour);
    if (!always && strcmp(when, "auto") != 0 && strcmp(when, "never") != 0)
        return command_misused(invocation, "--color is auto, always or never, not \"%s\"", when);
    invocation->colour = always || (automatic && isatty(STDOUT_FILENO));
    invocation->colour_error = always || (automatic && isatty(STDERR_FILENO));
    invocation->run_folder = absolute(invocation->run_folder ? invocation->run_folder : default_run_folder());
    invocation->state_folder = absolute(invocation->state_folder ? invocation->state_folder : default_state_folder());
    if (!invocation->run_folder || !invocation->state_folder)
        return command_fail(invocation, "the run and state folders cannot be named; give --run and --state");
    return 0;
}

static int check_operands(const struct invocation *invocation, const struct command *command) {
    bool unlimited = command->maximum == 0 && command->operands != COMMAND_OPERANDS_NONE;
    if (invocation->argument_count < command->minimum)
        return command_misused(invocation, "an operand is missing: grove %s %s", command->name, command->usage);
    if (!unlimited && invocation->argument_count > command->maximum)
        return command_misused(invocation, "\"%s\" is one operand too many", invocation->arguments[command->maximum]);
    return 0;
}

/* An error in front of --json is to be JSON too. Of what follows "--" or a program's name, only a parse can tell. */
static bool wants_json(char **arguments) {
    for (char **argument = arguments + 1; *argument && strcmp(*argument, "--") != 0; argument++) {
        const struct command *command = argument == arguments + 1 ? command_by_name(*argument) : NULL;
        if (command && command->stops_at_operand)
            return false;
        if (!strcmp(*argument, "--json"))
            return true;
    }
    return false;
}

/* A status of 1 or 2 would be taken for that of the program. */
static int failed_status(const struct invocation *invocation, int status) {
    return invocation->command && invocation->command->stops_at_operand ? OPTIONS_PROGRAM_FAILED : status;
}

int options_parse(int argument_count, char **arguments, struct invocation *invocation) {
    *invocation = (struct invocation){0};
    if (argument_count < 2) {
        help_overview(stdout);
        return COMMAND_MISUSED;
    }
    if (!strcmp(arguments[1], "--version")) {
        printf("grove %s\n", GROVE_RELEASE);
        return COMMAND_OK;
    }
    size_t count = (size_t)argument_count;
    size_t letters = 0; /* each may be an option of its own: "-nf" */
    for (size_t i = 1; i < count; i++)
        letters += strlen(arguments[i]) + 1;
    invocation->arguments = calloc(count + 1, sizeof(*invocation->arguments));
    invocation->given = calloc(letters, sizeof(*invocation->given));
    if (!invocation->arguments || !invocation->given)
        return command_fail(invocation, "memory is exhausted");
    struct reader reader = {.arguments = arguments, .at = 1, .count = (unsigned)count, .invocation = invocation};
    invocation->json = wants_json(arguments);
    int status = read_all(&reader);
    if (status == 0 && reader.wants_help) {
        if (invocation->command)
            help_command(invocation->command, stdout);
        else
            help_overview(stdout);
        return COMMAND_OK;
    }
    if (status != 0)
        return failed_status(invocation, status);
    if (!invocation->command)
        return command_misused(invocation, "a command is missing; \"grove --help\" lists them");
    status = complete(&reader);
    if (status == 0)
        status = check_operands(invocation, invocation->command);
    return status == 0 ? OPTIONS_RUN : failed_status(invocation, status);
}
