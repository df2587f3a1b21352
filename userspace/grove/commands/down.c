/*
 * grove down: end a project, or the whole system.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "servers/common/names.h"
#include "userspace/grove/commands/system_client.h"

static const struct command_option options[] = {
    {"project", 'p', "NAME", "this project, wherever its folder is"},
    {"all", 'a', NULL, "the whole system: every service, the system services, the kernel"},
    {"keep", 'k', NULL, "stop the services, but leave them registered"},
    {"timeout", 't', "TIME", "with --all: wait no longer than this for the end (30s)"},
    {0},
};

/* ---- the whole system ---- */

static pid_t kernel_process(const struct invocation *invocation) {
    char path[4200];
    char line[32] = "";
    (void)snprintf(path, sizeof path, "%s/kernel.pid", invocation->run_folder);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    long process = fgets(line, sizeof line, file) == NULL ? 0 : strtol(line, NULL, 10);
    (void)fclose(file);
    return process > 1 ? (pid_t)process : 0;
}

static int wait_for_end(const struct invocation *invocation, int descriptor, pid_t process, uint64_t timeout_ns) {
    struct pollfd end = {.fd = descriptor, .events = POLLIN};
    int result = poll(&end, 1, (int)(timeout_ns / GROVE_MILLISECOND));
    if (result == 1)
        return 0;
    return command_fail(invocation,
                        "the kernel (process %d) has not ended in time; it goes on stopping, \"kill -9 %d\" "
                        "ends it at once",
                        (int)process, (int)process);
}

static int down_all(const struct invocation *invocation) {
    uint64_t timeout_ns;
    int status = command_duration(invocation, "timeout", 30 * GROVE_SECOND, &timeout_ns);
    if (status != 0)
        return status;
    pid_t process = kernel_process(invocation);
    if (!command_kernel_runs(invocation)) {
        command_remark(invocation, "no kernel runs in %s", invocation->run_folder);
        if (invocation->json)
            output_json(json_pack("{s:n}", "stopped_kernel"));
        return COMMAND_OK;
    }
    if (process == 0) {
        struct grove_session *session;
        return command_connect(invocation, &session) != 0
                   ? COMMAND_FAILED
                   : command_fail(invocation, "%s/kernel.pid does not say which process the kernel is",
                                  invocation->run_folder);
    }
    int descriptor = (int)syscall(SYS_pidfd_open, process, 0);
    if (descriptor < 0 || syscall(SYS_pidfd_send_signal, descriptor, SIGTERM, NULL, 0) < 0) {
        status = command_fail(invocation, "the kernel (process %d) cannot be asked to stop: %s", (int)process,
                              strerror(errno));
    } else {
        progress_show(invocation, "stopping everything");
        status = wait_for_end(invocation, descriptor, process, timeout_ns);
        progress_end(invocation);
    }
    if (descriptor >= 0)
        (void)close(descriptor);
    if (status == 0 && invocation->json)
        output_json(json_pack("{s:i}", "stopped_kernel", (int)process));
    return status;
}

/* ---- a project ---- */

static int project_of_folder(const struct invocation *invocation, const char *path, struct grove_name *name) {
    struct manifest_options manifest_options = {.state_folder = invocation->state_folder,
                                                .run_folder = invocation->run_folder};
    struct manifest_errors errors = {0};
    struct project *project;
    int status = project_load(path, &manifest_options, &project, &errors);
    if (status < 0) {
        status = command_fail_manifest(invocation, &errors);
        command_remark(invocation,
                       "\"grove down --project NAME\" needs no folder, and \"grove down --all\" ends the whole system");
    } else {
        name_set(name, project->name);
        project_destroy(project);
    }
    manifest_errors_deinit(&errors);
    return status;
}

static int down_project(const struct invocation *invocation, const struct grove_name *project) {
    uint32_t count = 0;
    if (project->text[0] == '\0' || strcmp(project->text, "system") == 0)
        return command_misused(invocation, "that would be the whole system; say --all");
    int status = system_change(invocation, REGISTRY_STOP, NULL, project, &count, NULL);
    if (status == 0 && !command_has(invocation, "keep"))
        status = system_change(invocation, REGISTRY_UNREGISTER, NULL, project, &count, NULL);
    if (status != 0)
        return status;
    if (invocation->json)
        output_json(json_pack("{s:s, s:I}", "project", project->text, "services", (json_int_t)count));
    else
        command_remark(invocation, "%u service%s of %s stopped", count, count == 1 ? "" : "s", project->text);
    return COMMAND_OK;
}

static int run(struct invocation *invocation) {
    struct grove_name project = {""};
    const char *named = command_value(invocation, "project");
    struct grove_session *session;
    if (command_has(invocation, "all"))
        return down_all(invocation);
    int status = command_connect(invocation, &session);
    if (status != 0)
        return status;
    if (named != NULL)
        name_set(&project, named);
    else
        status =
            project_of_folder(invocation, invocation->argument_count > 0 ? invocation->arguments[0] : ".", &project);
    return status != 0 ? status : down_project(invocation, &project);
}

const struct command command_down = {
    .name = "down",
    .summary = "stop a project, or the whole system",
    .usage = "[FOLDER]",
    .description =
        "Stops the services of a project in the reverse order of their requirements and forgets them; what they "
        "keep on disk stays. With --all the whole system ends, the kernel included; what was registered and "
        "wanted then comes back with the next \"grove up\".",
    .examples = "  grove down                 the project of the current folder\n"
                "  grove down -p grid         a project by name\n"
                "  grove down --all           everything",
    .operands = COMMAND_OPERANDS_FILE,
    .maximum = 1,
    .options = options,
    .run = run,
};
