/*
 * The frame that every command of `grove` stands in.
 *
 * A command is one file in commands/ that defines one table entry:
 *
 *     static const struct command_option options[] = {
 *         {"number", 'n', "COUNT", "print the last COUNT lines"},
 *         {"follow", 'f', NULL, "wait for more"},
 *         {0},
 *     };
 *     const struct command command_logs = {
 *         .name = "logs", .summary = "print what a service wrote", .usage = "NAME", .operands = COMMAND_OPERANDS_SERVICE,
 *         .minimum = 1, .maximum = 1, .options = options, .run = run, ...
 *     };
 *
 * and whose name stands in the list of commands/meson.build. Help, man page and shell completion are made from this
 * table, so they cannot disagree with what is parsed.
 *
 * Options may stand before and after operands; "--" ends them. A command whose `stops_at_operand` is set leaves
 * everything from its first operand on alone (grove run -- PROGRAM ARGS).
 *
 * Exit status: what run returns. 0 success, 1 it failed (an error was printed), 2 it was called wrongly.
 *
 * Output: results go to standard output, everything said to a person (errors, progress, hints) to standard error. With
 * --json the result is one JSON document (or one document a line where a command follows something), and an error is one
 * JSON object {"command", "error"} on standard error.
 */
#ifndef GROVE_COMMAND_H
#define GROVE_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "grove/grove.h"
#include "userspace/manifest/manifest.h"

#define COMMAND_OK 0
#define COMMAND_FAILED 1
#define COMMAND_MISUSED 2

struct command_option {
    const char *name; /* long form, without dashes; NULL ends the table */
    char letter; /* short form; 0 for none */
    const char *value; /* NULL for a switch, else what it takes, as help shows it: "SECONDS" */
    const char *help; /* one sentence without capital and full stop; may be given several times: say so here */
};

/* What shell completion offers for the operands. */
enum command_operands {
    COMMAND_OPERANDS_NONE,
    COMMAND_OPERANDS_FILE,
    COMMAND_OPERANDS_SERVICE, /* names of the services that the kernel knows */
    COMMAND_OPERANDS_PROGRAM,
    COMMAND_OPERANDS_COMMAND,
};

struct invocation;

struct command {
    const char *name;
    const char *summary; /* one line for the list of commands: lower case, no full stop */
    const char *usage; /* operands as help shows them: "[NAME...]" */
    const char *description; /* paragraphs of plain text, separated by an empty line, for --help and the man page */
    const char *examples; /* lines "command    what it does" or NULL; same places */
    enum command_operands operands;
    unsigned minimum, maximum; /* number of operands; a maximum of 0 with operands != NONE is no limit */
    bool stops_at_operand;
    const struct command_option *options; /* may be NULL */
    int (*run)(struct invocation *invocation);
};

/* One call of a command. The strings live as long as the process. */
struct invocation {
    const struct command *command;
    const char *run_folder; /* --run, $GROVE_RUN or the default; never NULL */
    const char *state_folder; /* --state, $GROVE_STATE or the default; never NULL */
    bool json;
    bool colour; /* standard output may carry colours */
    bool colour_error; /* so may standard error */
    const char **arguments; /* operands, ending with NULL */
    unsigned argument_count;
    struct command_given *given; /* options in the order given */
    unsigned given_count;
};
struct command_given {
    const struct command_option *option;
    const char *value; /* NULL for a switch */
};

/* ---- options ------------------------------------------------------------------------------------------------------ */

bool command_has(const struct invocation *invocation, const char *option);
/* The last value given, or NULL. */
const char *command_value(const struct invocation *invocation, const char *option);
/* All values in order: start with *cursor 0; NULL after the last. */
const char *command_next(const struct invocation *invocation, const char *option, unsigned *cursor);
/*
 * The last value as a number, a duration ("250ms", "5s", "2m"; no unit: seconds), a size ("64M") or a share of a
 * processor ("50%", parts per million); `absent` if the option was not given. Return 0, or COMMAND_MISUSED after printing
 * what would be right.
 */
int command_number(const struct invocation *invocation, const char *option, uint64_t minimum, uint64_t maximum,
                   uint64_t absent, uint64_t *value);
int command_duration(const struct invocation *invocation, const char *option, uint64_t absent_ns, uint64_t *value_ns);
int command_size(const struct invocation *invocation, const char *option, uint64_t absent, uint64_t *bytes);
int command_share(const struct invocation *invocation, const char *option, uint64_t absent, uint64_t *ppm);

/* ---- errors --------------------------------------------------------------------------------------------------------- */

/* Print "grove NAME: sentence" (or the JSON object) to standard error; returns COMMAND_FAILED. */
int command_fail(const struct invocation *invocation, const char *sentence, ...) __attribute__((format(printf, 2, 3)));
/* The same with the usage line below; returns COMMAND_MISUSED. */
int command_misused(const struct invocation *invocation, const char *sentence, ...)
    __attribute__((format(printf, 2, 3)));
/* "sentence: grove_last_error()"; returns COMMAND_FAILED. */
int command_fail_library(const struct invocation *invocation, const char *sentence, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * grove_last_error() alone. Both say instead, where it is so, that the kernel to which this command was connected has
 * ended.
 */
int command_fail_kernel(const struct invocation *invocation);
/* The layers that may be missing: --optional, else $GROVE_OPTIONAL_LAYERS, else NULL. */
const char *command_optional_layers(const struct invocation *invocation);
/* A remark to the person, on standard error; nothing with --json. */
void command_remark(const struct invocation *invocation, const char *sentence, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- manifests ---------------------------------------------------------------------------------------------------------- */

/* The options that every command takes that reads manifests; put them into its table. */
#define COMMAND_MANIFEST_OPTIONS \
    {"set", 's', "NAME=VALUE", "what ${NAME} stands for in manifests; may be given several times"}, { \
        "project", 'p', "NAME", "the project that the names belong to, instead of that of grove.yaml" \
    }
/* The options for manifest.h, from --set, --project, --run and --state. They live as long as the process. */
int command_manifest_options(const struct invocation *invocation, struct manifest_options *options);
/* Print what the compiler found: lines "file:line: field: sentence", or with --json one object with the list. Returns
 * COMMAND_FAILED. */
int command_fail_manifest(const struct invocation *invocation, const struct manifest_errors *errors);
/* The same list for results of one's own: [{"file", "line", "column", "field", "error"}]. */
json_t *command_manifest_errors(const struct manifest_errors *errors);

/* ---- the kernel ------------------------------------------------------------------------------------------------------- */

/* "RUN/kernel.sock"; constant for the process. */
const char *command_socket(const struct invocation *invocation);
/* Is there a kernel that answers? Prints nothing. */
bool command_kernel_runs(const struct invocation *invocation);
/* The kernel that this command was connected to has ended. */
bool command_kernel_has_ended(void);
/*
 * Open the session to the running kernel, once per process: later calls return the same one. Returns 0, or
 * COMMAND_FAILED after printing why not and what to do.
 */
int command_connect(const struct invocation *invocation, struct grove_session **session);

/* ---- output: one source for people and programs ------------------------------------------------------------------------ */

enum output_colour { OUTPUT_PLAIN, OUTPUT_GOOD, OUTPUT_WARNING, OUTPUT_BAD, OUTPUT_DIM, OUTPUT_STRONG };
/* Escape sequences for standard output, or "" when it is not coloured. */
const char *output_on(const struct invocation *invocation, enum output_colour colour);
const char *output_off(const struct invocation *invocation);

/*
 * A table is a JSON array of objects, shown as it is with --json and as columns otherwise. Sizes and times are numbers in
 * JSON, in the unit that the member's name ends with.
 */
enum output_style {
    OUTPUT_TEXT, /* strings, numbers and booleans as they are; an absent or null one is "-" */
    OUTPUT_BYTES, /* 1536 -> 1.5K */
    OUTPUT_DURATION, /* nanoseconds -> 1.5s */
    OUTPUT_STATE, /* a state by its name, coloured: ready good, failed bad, ... */
    OUTPUT_PERCENT, /* parts per million -> 12.5% */
    OUTPUT_LIST, /* an array of strings, with spaces between */
};
struct output_column {
    const char *heading; /* NULL ends the list */
    const char *member;
    enum output_style style;
};
/* Print `rows` (takes the reference) in this form; `none` is what a person reads when there are no rows. */
void output_table(const struct invocation *invocation, json_t *rows, const struct output_column *columns,
                  const char *none);
/* Cut the lines of tables at this many columns, for a screen that is drawn again and again; 0: not. */
void output_crop(unsigned columns);
/* Print one object (takes the reference): as JSON, or one "heading  value" line per column. */
void output_record(const struct invocation *invocation, json_t *record, const struct output_column *columns);
/* Print a document as JSON, indented on a terminal (takes the reference). For --json. */
void output_json(json_t *document);
/* One document on one line, flushed: for commands that follow something (takes the reference). */
void output_json_line(json_t *document);
/* A duration, an amount of memory, a share, as people read it. Return `text`. */
const char *output_duration(uint64_t duration_ns, char *text, size_t size_bytes);
const char *output_bytes(uint64_t bytes, char *text, size_t size_bytes);

/*
 * Progress on standard error: on a terminal one line that changes, otherwise a line for each step that ended; nothing
 * with --json.
 */
void progress_show(const struct invocation *invocation, const char *sentence, ...)
    __attribute__((format(printf, 2, 3)));
/* The step is done: its line stays. */
void progress_done(const struct invocation *invocation, enum output_colour colour, const char *sentence, ...)
    __attribute__((format(printf, 3, 4)));
/* Remove the changing line, if there is one. */
void progress_end(const struct invocation *invocation);

/* ---- refusals explained ------------------------------------------------------------------------------------------------- */

/*
 * The audit record's refusal in words (law 9): "demo.app may not connect to 10.0.0.1:443/tcp: NET_CONNECT:... is missing".
 * `grant` (may be NULL) gets the capability text that would allow it. False if the record is not a refusal.
 */
bool refusal_explain(const struct grove_audit_record *record, char *sentence, size_t sentence_bytes, char *grant,
                     size_t grant_bytes);

/* ---- the table of commands (main.c) -------------------------------------------------------------------------------------- */

extern const struct command *const command_table[]; /* ends with NULL */
const struct command *command_by_name(const char *name);
extern const struct command_option command_common_options[]; /* --json, --run, ... taken by every command */

#endif
