/*
 * grove learn: run a program in an open container, see what it uses, and write the manifest with which it runs confined.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "userspace/grove/learn/needs.h"
#include "userspace/grove/learn/write.h"
#include "userspace/grove/run/launch.h"
#include "userspace/grove/run/request.h"

static const struct command_option options[] = {
    {"output", 'o', "FILE", "write the manifest here, instead of PROGRAM.yaml; - is standard output"},
    {"force", 'f', NULL, "overwrite the file"},
    {"timeout", 't', "TIME", "stop the program after this time"},
    {"bare", 'b', NULL, "write down the system's programs and libraries too"},
    REQUEST_OPTIONS,
    COMMAND_MANIFEST_OPTIONS,
    {0},
};

static void remember(const struct grove_capability *capability, void *context) {
    needs_add(context, capability);
}

/* The program's name, made of what names are made of. */
static char *service_name(const struct request *request) {
    const char *given = command_value(request->invocation, "name");
    char *name = strdup(given ? given : strrchr(request->program, '/') + 1);
    for (char *at = name; !given && at && *at; at++)
        if (!((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') || *at == '_'))
            *at = '-';
    return name;
}

/* Where the manifest goes; NULL is standard output. Says so before the program has run for an hour. */
static int choose_file(const struct invocation *invocation, const char *name, char **file) {
    const char *given = command_value(invocation, "output");
    *file = NULL;
    if (given && !strcmp(given, "-"))
        return 0;
    if (asprintf(file, given ? "%s" : "%s.yaml", given ? given : name) < 0)
        return command_fail(invocation, "memory is exhausted");
    if (access(*file, F_OK) == 0 && !command_has(invocation, "force"))
        return command_fail(invocation, "%s exists; --force overwrites it, and -o names another file", *file);
    return 0;
}

/* The variables that the program had and that the manifest should give it: where its home is, and what --env said. */
static const char **keep_environment(const struct grove_spec *spec, const struct needs *needs) {
    const char **kept = calloc(spec->environment.count + 1, sizeof(*kept));
    static const char *const passed[] = {
        "PATH=", "TERM=", "COLORTERM=", "NO_COLOR=", "COLUMNS=", "LINES=", "USER=", "LOGNAME=", "LANG=", "LC_", "TZ="};
    unsigned count = 0;
    (void)needs;
    for (uint32_t i = 0; kept && i < spec->environment.count; i++) {
        const char *variable = grove_spec_environment(spec, i);
        bool is_usual = false;
        for (size_t j = 0; j < sizeof(passed) / sizeof(passed[0]); j++)
            is_usual |= !strncmp(variable, passed[j], strlen(passed[j]));
        if (!is_usual)
            kept[count++] = variable;
    }
    return kept;
}

/* Whole or not at all: written beside its place and moved there. */
static int write_file(const struct invocation *invocation, const struct learned *learned, const char *file) {
    char *temporary;
    if (!file)
        return write_learned(learned, stdout) && fflush(stdout) == 0 ? 0
                                                                     : command_fail(invocation, "it was not written");
    if (asprintf(&temporary, "%s.new", file) < 0)
        return command_fail(invocation, "memory is exhausted");
    FILE *stream = fopen(temporary, "we");
    bool is_written = stream && write_learned(learned, stream);
    if (stream && fclose(stream) != 0)
        is_written = false;
    if (!is_written || rename(temporary, file) < 0) {
        int status = command_fail(invocation, "%s cannot be written: %s", file, strerror(errno));
        unlink(temporary);
        free(temporary);
        return status;
    }
    free(temporary);
    return 0;
}

static int report(const struct invocation *invocation, const struct needs *needs, const char *file) {
    if (invocation->json && file) {
        json_t *list = json_array();
        for (unsigned i = 0; i < needs_count(needs); i++) {
            char text[600];
            grove_capability_format(needs_at(needs, i), text, sizeof(text));
            json_array_append_new(list, json_string(text));
        }
        output_json(json_pack("{s:s, s:o}", "manifest", file, "capabilities", list));
    } else if (file) {
        command_remark(invocation,
                       "grove learn: %u capabilit%s written to %s; run it confined with: grove run "
                       "--manifest %s",
                       needs_count(needs), needs_count(needs) == 1 ? "y is" : "ies are", file, file);
    }
    return 0;
}

static int write_result(const struct request *request, struct needs *needs, const char *name, const char *file) {
    const struct invocation *invocation = request->invocation;
    needs_reduce(needs);
    const char **environment = keep_environment(request->spec, needs);
    if (!environment)
        return command_fail(invocation, "memory is exhausted");
    const struct learned learned = {.name = name,
                                    .executable = request->program,
                                    .arguments = invocation->arguments,
                                    .folder = request->folder,
                                    .environment = environment,
                                    .needs = needs};
    int status = write_file(invocation, &learned, file);
    free(environment);
    return status == 0 ? report(invocation, needs, file) : status;
}

/* The program's own status counts unless it was stopped: that is how a server's run ends. */
static int learn_with_kernel(const struct request *request, struct needs *needs, uint64_t timeout_ns) {
    struct run_kernel kernel;
    struct launch launch = {.invocation = request->invocation,
                            .kernel = &kernel,
                            .spec = request->spec,
                            .spec_bytes = request->spec_bytes,
                            .timeout_ns = timeout_ns,
                            .learned = remember,
                            .context = needs,
                            .interrupt_stops = true};
    if (run_kernel_open(request->invocation, RUN_KERNEL_OPEN, &kernel) != 0)
        return -LAUNCH_FAILED;
    int status = launch_run(&launch);
    run_kernel_close(&kernel);
    if (launch.was_interrupted || launch.has_timed_out)
        return 0;
    return launch.exit_cause == GROVE_EXIT_NONE ? -status : status;
}

static int run(struct invocation *invocation) {
    static struct request request; /* its strings live as long as the process */
    struct needs *needs = needs_create();
    char *name = NULL, *file = NULL;
    uint64_t timeout_ns = 0;
    request = (struct request){.invocation = invocation, .folder = getcwd(NULL, 0), .flags = GROVE_SPEC_LEARN};
    if (!request.folder)
        request.folder = "/";
    int status = needs ? command_duration(invocation, "timeout", 0, &timeout_ns)
                       : command_fail(invocation, "memory is exhausted");
    if (status == 0)
        status = request_find_program(invocation, request.folder, invocation->arguments[0], &request.program);
    if (status == 0)
        status = (name = service_name(&request)) ? choose_file(invocation, name, &file) : LAUNCH_FAILED;
    if (status == 0)
        status = request_make(&request);
    /* Nothing ran yet: 1 and 2 would be taken for the program's. */
    if (status == COMMAND_FAILED || status == COMMAND_MISUSED)
        status = LAUNCH_FAILED;
    if (status == 0)
        status = learn_with_kernel(&request, needs, timeout_ns);
    if (status >= 0 && request.spec) {
        int written = write_result(&request, needs, name, file);
        status = written != 0 ? LAUNCH_FAILED : status;
    }
    needs_destroy(needs);
    free(request.spec);
    free(name);
    free(file);
    return status < 0 ? -status : status;
}

const struct command command_learn = {
    .name = "learn",
    .summary = "run a program in the open and write the manifest it needs",
    .usage = "PROGRAM [ARGUMENT...]",
    .description =
        "Runs a program unconfined, as the calling user, and records the files, addresses and programs that "
        "it uses. When "
        "it has ended, or after Ctrl-C, which stops it, the smallest manifest is written with which it then "
        "runs confined. "
        "Let it do all that it should be able to do meanwhile.\n\n"
        "Many files of one folder become the folder, but never one as wide as /etc or /var/lib; what a "
        "program itself makes "
        "in such a folder is marked as wide. The system's programs and libraries and the private /tmp need "
        "no capability.\n\n"
        "The exit status is that of the program, 0 if it was stopped, 128 and the signal's number if a signal ended "
        "it, 125 if grove itself failed, 126 if the program cannot be executed and 127 if there is no such program.",
    .examples = "  grove learn -- nginx -g 'daemon off;'     then use it, then Ctrl-C\n"
                "  grove run --manifest nginx.yaml           the same, confined\n"
                "  grove learn -o app.yaml -- python3 app.py",
    .operands = COMMAND_OPERANDS_PROGRAM,
    .minimum = 1,
    .stops_at_operand = true,
    .options = options,
    .run = run,
};
