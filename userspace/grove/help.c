/*
 * Help and man pages, both from the table of commands.
 */
#include "userspace/grove/help.h"

#include <ctype.h>
#include <string.h>

#define HELP_WIDTH 100u
#define OPTION_INDENT 28u

static const char overview[] =
    "Grove runs every program as a service in a container of its own, which may do only what its\n"
    "capabilities say. This command starts services, shows what they do, and runs any program confined.";

/*
 * Words of one paragraph, broken into lines of HELP_WIDTH; an empty line between paragraphs is kept. The first line begins
 * at `column`, the others are indented.
 */
static void print_wrapped(const char *text, unsigned indent, FILE *stream, unsigned column) {
    bool begins = true;
    while (*text) {
        if (*text == '\n' && text[1] == '\n') {
            fputs("\n\n", stream);
            column = 0;
            begins = true;
            text += 2;
            continue;
        }
        if (isspace((unsigned char)*text)) {
            text++;
            continue;
        }
        unsigned length = (unsigned)strcspn(text, " \n");
        if (column && column + 1 + length > HELP_WIDTH) {
            fputc('\n', stream);
            column = 0;
            begins = true;
        }
        int space = begins ? (column ? 0 : (int)indent) : 1;
        column += (unsigned)fprintf(stream, "%*s%.*s", space, "", (int)length, text);
        begins = false;
        text += length;
    }
    fputc('\n', stream);
}

void help_overview(FILE *stream) {
    fprintf(stream, "Usage: grove COMMAND [OPTIONS] [OPERANDS]\n\n%s\n\nCommands:\n", overview);
    for (unsigned i = 0; command_table[i]; i++)
        fprintf(stream, "  %-10s  %s\n", command_table[i]->name, command_table[i]->summary);
    fputs("\n\"grove COMMAND --help\" says more about each.\n", stream);
}

void help_usage(const struct command *command, FILE *stream) {
    fprintf(stream, "Usage: grove %s [OPTIONS]%s%s%s\n", command->name, *command->usage ? " " : "",
            command->stops_at_operand ? "[--] " : "", command->usage);
}

/* "-n, --number COUNT" */
static void option_heading(const struct command_option *option, char *text, size_t size_bytes) {
    char letter[8] = "";
    if (option->letter)
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    snprintf(text, size_bytes, "%s--%s%s%s", letter, option->name, option->value ? " " : "",
             option->value ? option->value : "");
}

static void print_options(const struct command_option *options, FILE *stream) {
    char heading[96];
    for (; options && options->name; options++) {
        option_heading(options, heading, sizeof(heading));
        int used = fprintf(stream, "  %-24s  ", heading);
        print_wrapped(options->help, OPTION_INDENT, stream, used > 0 ? (unsigned)used : OPTION_INDENT);
    }
}

void help_command(const struct command *command, FILE *stream) {
    help_usage(command, stream);
    fprintf(stream, "\n%c%s.\n", toupper((unsigned char)command->summary[0]), command->summary + 1);
    if (command->description) {
        fputc('\n', stream);
        print_wrapped(command->description, 0, stream, 0);
    }
    if (command->options && command->options->name)
        fputs("\nOptions:\n", stream);
    print_options(command->options, stream);
    fputs("\nCommon options:\n", stream);
    print_options(command_common_options, stream);
    if (command->examples)
        fprintf(stream, "\nExamples:\n%s\n", command->examples);
}

static json_t *options_json(const struct command_option *options) {
    json_t *list = json_array();
    for (; options && options->name; options++) {
        const char letter[2] = {options->letter, '\0'};
        json_t *entry = json_pack("{s:s, s:s}", "name", options->name, "help", options->help);
        if (options->letter)
            json_object_set_new(entry, "letter", json_string(letter));
        if (options->value)
            json_object_set_new(entry, "value", json_string(options->value));
        json_array_append_new(list, entry);
    }
    return list;
}

json_t *help_json(const struct command *command) {
    json_t *all = json_array();
    if (command)
        return json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", command->name, "summary", command->summary, "usage",
                         command->usage, "options", options_json(command->options), "common_options",
                         options_json(command_common_options));
    for (unsigned i = 0; command_table[i]; i++)
        json_array_append_new(all, help_json(command_table[i]));
    return all;
}

/* Text for a man page: a backslash and a leading dot mean something there, and a dash is to stay a dash. */
static void print_escaped(const char *text, FILE *stream) {
    for (const char *at = text; *at; at++) {
        bool begins_line = at == text || at[-1] == '\n';
        if (*at == '\\')
            fputs("\\e", stream);
        else if (*at == '-')
            fputs("\\-", stream);
        else if (begins_line && (*at == '.' || *at == '\''))
            fprintf(stream, "\\&%c", *at);
        else
            fputc(*at, stream);
    }
}

static void man_paragraphs(const char *text, FILE *stream) {
    const char *end;
    while ((end = strstr(text, "\n\n"))) {
        char paragraph[4096];
        snprintf(paragraph, sizeof(paragraph), "%.*s", (int)(end - text), text);
        print_escaped(paragraph, stream);
        fputs("\n.PP\n", stream);
        text = end + 2;
    }
    print_escaped(text, stream);
    fputc('\n', stream);
}

static void man_options(const struct command_option *options, FILE *stream) {
    char heading[96];
    for (; options && options->name; options++) {
        option_heading(options, heading, sizeof(heading));
        fputs(".TP\n.B ", stream);
        print_escaped(heading, stream);
        fputc('\n', stream);
        print_escaped(options->help, stream);
        fputs(".\n", stream);
    }
}

static void man_heading(const char *name, const char *summary, FILE *stream) {
    fputs(".TH ", stream);
    for (const char *at = name; *at; at++)
        fputc(toupper((unsigned char)*at), stream);
    fprintf(stream, " 1 \"\" \"Grove %s\" \"Grove\"\n.SH NAME\n", GROVE_RELEASE);
    print_escaped(name, stream);
    fputs(" \\- ", stream);
    print_escaped(summary, stream);
    fputc('\n', stream);
}

static void man_overview(FILE *stream) {
    man_heading("grove", "run programs as confined services", stream);
    fputs(".SH SYNOPSIS\n.B grove\nCOMMAND [OPTIONS] [OPERANDS]\n.SH DESCRIPTION\n", stream);
    man_paragraphs(overview, stream);
    fputs(".SH COMMANDS\n", stream);
    for (unsigned i = 0; command_table[i]; i++) {
        fprintf(stream, ".TP\n.BR grove-%s (1)\n", command_table[i]->name);
        print_escaped(command_table[i]->summary, stream);
        fputc('\n', stream);
    }
    fputs(".SH OPTIONS\nThese are common to all commands.\n", stream);
    man_options(command_common_options, stream);
    fputs(
        ".SH ENVIRONMENT\n.TP\n.B GROVE_RUN\nThe run folder, as \\-\\-run.\n"
        ".TP\n.B GROVE_STATE\nThe state folder, as \\-\\-state.\n"
        ".TP\n.B GROVE_OPTIONAL_LAYERS\nThe layers that may be missing, as \\-\\-optional of grove up and grove run.\n"
        ".TP\n.B NO_COLOR\nIf set and not empty, nothing is coloured unless \\-\\-color=always is given.\n"
        ".SH EXIT STATUS\n0 on success, 1 on failure, 2 when called wrongly.\n"
        ".SH SEE ALSO\n.BR grove-manifest (5),\n.BR groved (8)\n",
        stream);
}

void help_man(const struct command *command, FILE *stream) {
    char name[64];
    if (!command) {
        man_overview(stream);
        return;
    }
    snprintf(name, sizeof(name), "grove-%s", command->name);
    man_heading(name, command->summary, stream);
    fprintf(stream, ".SH SYNOPSIS\n.B grove %s\n[OPTIONS] %s", command->name,
            command->stops_at_operand ? "[\\-\\-] " : "");
    print_escaped(command->usage, stream);
    fputs("\n.SH DESCRIPTION\n", stream);
    man_paragraphs(command->description ? command->description : command->summary, stream);
    fputs(".SH OPTIONS\n", stream);
    man_options(command->options, stream);
    man_options(command_common_options, stream);
    if (command->examples) {
        fputs(".SH EXAMPLES\n.nf\n", stream);
        print_escaped(command->examples, stream);
        fputs("\n.fi\n", stream);
    }
    if (!command->stops_at_operand)
        fputs(".SH EXIT STATUS\n0 on success, 1 on failure, 2 when called wrongly.\n", stream);
    fputs(".SH SEE ALSO\n.BR grove (1),\n.BR grove-manifest (5)\n", stream);
}
