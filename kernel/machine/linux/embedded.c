/*
 * The embedded kernel: what `grove run` uses where no kernel runs.
 *
 * A child process runs the same loop as groved for one client, whose end of the port the parent keeps. It has no control
 * socket, no boot spec and a run folder of its own, and ends when that client hangs up, with all it started: the client's
 * containers are the client's, and nothing else exists.
 *
 * It stays in its parent's session and process group, because the program it runs may use the terminal. So the keys of
 * the terminal reach it too, and it leaves INT and QUIT to the program.
 */
#include "kernel/machine/linux/port/port.h"
#include "kernel/machine/linux/run.h"
#include "kernel/machine/linux/sentence.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void client_gone(void *context) {
    run_shut_down(context);
}

/* A run folder that nobody else can know of; removed at the end, when what the parts kept in it is gone. */
static int make_run_folder(char *path, size_t bytes, char *problem, size_t problem_bytes) {
    const char *base = getenv("XDG_RUNTIME_DIR");
    if (base == NULL || base[0] != '/' || access(base, W_OK | X_OK) < 0)
        base = "/tmp";
    snprintf(path, bytes, "%s/grove-run-XXXXXX", base);
    if (mkdtemp(path) != NULL)
        return 0;
    snprintf(problem, problem_bytes, "cannot make a run folder in %s: %s", base, strerror(errno));
    path[0] = '\0';
    return GROVE_IO;
}

static int start(struct linux_machine *machine, int port, char *problem, size_t problem_bytes) {
    int status = run_create(machine, problem, problem_bytes);
    if (status == 0)
        status = run_take_signals(machine);
    if (status < 0)
        return status;
    char name[GROVE_NAME_MAX + 1];
    snprintf(name, sizeof name, "shell.%ld", (long)getppid());
    port_on_client_gone(client_gone, machine);
    status = port_open_client(machine, port, name, getuid(), getppid());
    if (status < 0)
        snprintf(problem, problem_bytes, "cannot serve the command: %s", linux_sentence(status));
    return status;
}

static _Noreturn void serve(const struct linux_options *options, int port) {
    static struct linux_machine machine;
    static char run_folder[PATH_MAX];
    char problem[1024] = "cannot start";
    int status = 0;
    machine.options = *options;
    machine.options.embedded = true;
    if (machine.options.run_folder == NULL) {
        status = make_run_folder(run_folder, sizeof run_folder, problem, sizeof problem);
        machine.options.run_folder = run_folder;
    }
    if (status == 0)
        status = start(&machine, port, problem, sizeof problem);
    if (status < 0)
        fprintf(stderr, "grove: the embedded kernel failed: %s\n", problem);
    else
        status = run_loop(&machine);
    run_destroy(&machine);
    if (run_folder[0] != '\0')
        (void)rmdir(run_folder);
    _exit(status < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Everything but the standard streams and the port is the command's, not the kernel's. */
static int keep_only(int port) {
    const int kept = STDERR_FILENO + 1;
    if (port != kept && dup3(port, kept, O_CLOEXEC) < 0)
        return -1;
    return close_range((unsigned)kept + 1, ~0U, 0) < 0 ? -1 : kept;
}

int groved_embedded(const struct linux_options *options, int *port, pid_t *process) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return errno == EMFILE || errno == ENFILE ? GROVE_NO_DESCRIPTORS : GROVE_IO;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int kept = keep_only(ends[1]);
        (void)!chdir("/");
        (void)umask(022);
        if (kept < 0)
            _exit(EXIT_FAILURE);
        serve(options, kept);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return GROVE_NO_MEMORY;
    }
    *port = ends[0];
    *process = child;
    return 0;
}
