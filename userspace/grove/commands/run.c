/*
 * grove run: any program, with exactly the rights that the options give.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "userspace/grove/run/launch.h"
#include "userspace/grove/run/refusals.h"
#include "userspace/grove/run/request.h"

static const struct command_option options[] = {
    REQUEST_OPTIONS,
    {"deny", 'd', "CAPABILITY", "take away what --manifest gives and this covers; may be given several times"},
    {"manifest", 'M', "FILE", "run the program of this manifest, with its rights; --allow adds to them"},
    {"bare", 'b', NULL, "leave out the system's programs and libraries too"},
    {"timeout", 't', "TIME", "stop it after this time, with exit status 124"},
    {"explain", 0, NULL, "say also which files were not there for it; its file calls are slower"},
    {"own-kernel", 0, NULL, "use a kernel of its own for this command, even if one runs"},
    COMMAND_MANIFEST_OPTIONS,
    {0},
};

/* What a person ended by a key, at whatever terminal, has not failed. */
static bool has_failed(const struct launch *launch, int status) {
    bool is_ended_by_key = status == LAUNCH_SIGNALLED + SIGINT || status == LAUNCH_SIGNALLED + SIGQUIT;
    return status != 0 && !is_ended_by_key && !launch->was_interrupted && !launch->has_timed_out;
}

/* Say what was refused; and where nothing was but it failed all the same, what may have been missing. */
static void explain(const struct launch *launch, uint64_t from, const char *folder, int status) {
    unsigned count = refusals_print(launch, from);
    if (!has_failed(launch, status))
        return;
    if (!command_has(launch->invocation, "explain"))
        count += refusals_print_hidden(launch, folder);
    if (!count && !command_has(launch->invocation, "explain") && isatty(STDERR_FILENO))
        command_remark(launch->invocation,
                       "grove run: it ended with %d; run it again with --explain to see which files were not there",
                       status);
}

static int run_with_kernel(struct invocation *invocation, const struct request *request, uint64_t timeout_ns) {
    struct run_kernel kernel;
    struct launch launch = {.invocation = invocation,
                            .kernel = &kernel,
                            .spec = request->spec,
                            .spec_bytes = request->spec_bytes,
                            .timeout_ns = timeout_ns};
    bool own = command_has(invocation, "own-kernel");
    if (run_kernel_open(invocation, own ? RUN_KERNEL_OWN : RUN_KERNEL_ANY, &kernel) != 0)
        return LAUNCH_FAILED;
    uint64_t from = run_kernel_audit_position(&kernel);
    int status = launch_run(&launch);
    explain(&launch, from, request->folder, status);
    run_kernel_close(&kernel);
    return status;
}

static int run(struct invocation *invocation) {
    static struct request request; /* its strings live as long as the process */
    uint64_t timeout_ns;
    bool has_manifest = command_has(invocation, "manifest");
    if (command_duration(invocation, "timeout", 0, &timeout_ns) != 0)
        return LAUNCH_FAILED;
    request = (struct request){.invocation = invocation, .folder = getcwd(NULL, 0)};
    if (command_has(invocation, "explain"))
        request.flags = GROVE_SPEC_EXPLAIN;
    if (!request.folder)
        request.folder = "/";
    if (!has_manifest && !invocation->argument_count) {
        command_misused(invocation, "the program is missing");
        return LAUNCH_FAILED;
    }
    int status =
        has_manifest ? 0 : request_find_program(invocation, request.folder, invocation->arguments[0], &request.program);
    if (status == 0)
        status = request_make(&request);
    if (status == 0)
        status = run_with_kernel(invocation, &request, timeout_ns);
    free(request.spec);
    return status;
}

const struct command command_run = {
    .name = "run",
    .summary = "run any program with exactly the rights given",
    .usage = "PROGRAM [ARGUMENT...]",
    .description =
        "Runs a program confined: it sees the files, reaches the addresses and uses the memory that the options give, "
        "and "
        "nothing else. Its streams, signals and exit status are passed through. Without --bare the system's programs "
        "and "
        "libraries are there to read and execute; nothing of /etc, /home, /root and /var is, and /tmp is private and "
        "empty. It works in the current folder if an allowed path covers that, and in / otherwise. Relative paths in "
        "--allow begin at the current folder. It runs as the calling user. Of the environment it gets PATH, HOME, "
        "USER, "
        "TERM, the language and the time zone, and what --env says.\n\n"
        "The kernel that runs in the run folder is used; if there is none, one is started for the time of the "
        "command.\n\n"
        "What the program was refused is printed when it has ended, each once, with the option that would grant it. A "
        "file "
        "that was not granted is simply not there, which many programs take for an answer: with --explain each file "
        "that it misses and that exists outside is printed too. \"grove learn\" finds out what a program needs.\n\n"
        "The exit status is that of the program, 128 and the signal's number if a signal ended it, 124 after "
        "--timeout, "
        "125 if grove itself failed, 126 if the program cannot be executed and 127 if there is none.",
    .examples = "  grove run -- ls /                                              what does it see?\n"
                "  grove run --allow FS_READ:. -- python3 app.py\n"
                "  grove run --allow FS_READ:. --allow NET_CONNECT:127.0.0.1:5432 -- python3 app.py\n"
                "  grove run --explain -- python3 app.py                           which files does it miss?\n"
                "  grove run --memory 64M --timeout 10s -- ./untrusted\n"
                "  grove run --manifest nginx.yaml                                with the rights of a manifest",
    .operands = COMMAND_OPERANDS_PROGRAM,
    .stops_at_operand = true,
    .options = options,
    .run = run,
};
