/*
 * grove abi: which Linux system calls programs made that this machine's kernel does not have, by program.
 *
 * A bare kernel keeps count and tells it in /proc/grove/abi (docs/formats.md). What that file says is input like any other: lines that
 * cannot be understood are an error. On Linux there is no such file, as Linux serves the calls itself.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/command.h"

#define REPORT "/proc/grove/abi"
#define LINE_BYTES 256
#define LINES_MAX 4096 /* the kernel keeps 256 */

static const struct command_option options[] = {
    {"from", 'f', "FILE", "read a report that was kept, instead of " REPORT},
    {0},
};

struct report {
    FILE *file;
    uint32_t processor; /* as libseccomp numbers it */
    json_t *calls;
    uint64_t others; /* calls that found no room in the kernel's table */
    bool is_whole; /* its last line was seen */
};

static int begin(struct report *report, const char *line) {
    static const struct {
        const char *name;
        uint32_t processor;
    } processors[] = {{"calls x86_64", SCMP_ARCH_X86_64}, {"calls aarch64", SCMP_ARCH_AARCH64}};
    for (size_t i = 0; i < sizeof(processors) / sizeof(processors[0]); i++)
        if (strcmp(line, processors[i].name) == 0) {
            report->processor = processors[i].processor;
            return 0;
        }
    return -1;
}

/* A number at the beginning of *at, which is moved behind it and one blank. */
static bool take_number(char **at, uint64_t maximum, uint64_t *number) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(*at, &end, 10);
    if (end == *at || errno != 0 || value > maximum || **at < '0' || **at > '9' || (*end != ' ' && *end != 0))
        return false;
    *number = value;
    *at = *end == ' ' ? end + 1 : end;
    return true;
}

static int add_call(struct report *report, char *line) {
    uint64_t number, count;
    if (!take_number(&line, INT32_MAX, &number) || !take_number(&line, INT64_MAX, &count) || line[0] == 0)
        return -1;
    char *name = seccomp_syscall_resolve_num_arch(report->processor, (int)number);
    json_t *call = json_pack("{s:s%, s:s, s:I, s:I}", "program", line, strnlen(line, LINE_BYTES), "call",
                             name != NULL ? name : "?", "number", (json_int_t)number, "times", (json_int_t)count);
    free(name);
    /* A program's name may be no text. */
    if (call == NULL)
        call = json_pack("{s:s, s:s, s:I, s:I}", "program", "?", "call", "?", "number", (json_int_t)number, "times",
                         (json_int_t)count);
    return json_array_append_new(report->calls, call);
}

static int read_line(struct report *report, char *line, unsigned number) {
    if (number == 0)
        return begin(report, line);
    if (strncmp(line, "others ", 7) == 0) {
        char *at = line + 7;
        report->is_whole = true;
        return take_number(&at, INT64_MAX, &report->others) ? 0 : -1;
    }
    return report->is_whole ? -1 : add_call(report, line);
}

static int read_report(struct report *report) {
    char line[LINE_BYTES];
    for (unsigned number = 0; fgets(line, sizeof(line), report->file) != NULL; number++) {
        size_t length = strlen(line);
        if (length == 0 || line[length - 1] != '\n' || number == LINES_MAX)
            return -1;
        line[length - 1] = 0;
        if (read_line(report, line, number) != 0)
            return -1;
    }
    return report->is_whole ? 0 : -1;
}

static int print_report(const struct invocation *invocation, const struct report *report) {
    static const struct output_column columns[] = {{"PROGRAM", "program", OUTPUT_TEXT},
                                                   {"CALL", "call", OUTPUT_TEXT},
                                                   {"NUMBER", "number", OUTPUT_TEXT},
                                                   {"TIMES", "times", OUTPUT_TEXT},
                                                   {0}};
    if (invocation->json) {
        output_json(json_pack("{s:s, s:O, s:I}", "served_by", "grove", "calls", report->calls, "others",
                              (json_int_t)report->others));
        return COMMAND_OK;
    }
    output_table(invocation, json_incref(report->calls), columns, "no program made a call that is missing");
    if (report->others > 0)
        command_remark(invocation, "and %llu calls for which the kernel's list had no room",
                       (unsigned long long)report->others);
    return COMMAND_OK;
}

static int tell_of_linux(const struct invocation *invocation) {
    if (invocation->json)
        output_json(json_pack("{s:s, s:[], s:i}", "served_by", "linux", "calls", "others", 0));
    else
        printf("Linux serves the system calls of programs on this machine, so Grove misses none of them.\n");
    return COMMAND_OK;
}

static int run(struct invocation *invocation) {
    const char *path = command_value(invocation, "from");
    struct report report = {.file = fopen(path != NULL ? path : REPORT, "re")};
    if (report.file == NULL && path == NULL && errno == ENOENT)
        return tell_of_linux(invocation);
    if (report.file == NULL)
        return command_fail(invocation, "%s cannot be read: %s", path != NULL ? path : REPORT, strerror(errno));
    report.calls = json_array();
    int status = read_report(&report);
    fclose(report.file);
    if (status == 0)
        status = print_report(invocation, &report);
    else
        status = command_fail(invocation, "%s is no report of missing calls", path != NULL ? path : REPORT);
    json_decref(report.calls);
    return status;
}

const struct command command_abi = {
    .name = "abi",
    .summary = "show which Linux system calls programs made that are missing",
    .usage = "",
    .description =
        "On a machine where Grove's own kernel runs programs, lists the system calls that they made and that this "
        "kernel answers with ENOSYS (\"Function not implemented\"), by program, and how often. Many of them are "
        "harmless: a program then takes another way.\n\n"
        "On Linux, where groved runs beside programs, Linux itself serves their calls: the command says so.",
    .examples = "  grove abi                         what did programs want that is not there?\n"
                "  grove abi --from report           the same, of a report that was kept\n"
                "  grove abi --json | jq -r '.calls[] | select(.program == \"python3\") | .call'",
    .operands = COMMAND_OPERANDS_NONE,
    .options = options,
    .run = run,
};
