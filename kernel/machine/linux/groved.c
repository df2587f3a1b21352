/*
 * groved: the kernel as a Linux process.
 *
 * main reads the options, goes into the background unless told not to, makes the kernel (run.c), opens the control
 * socket, boots and runs. Whoever started it learns the outcome: in the background, by the exit status of the first
 * process, which waits until the kernel serves or has failed; in the foreground, by a byte on --ready-fd.
 */
#include "kernel/machine/linux/audit/audit.h"
#include "kernel/machine/linux/folders.h"
#include "kernel/machine/linux/port/port.h"
#include "kernel/machine/linux/run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] = "Usage: groved [OPTION]...\n"
                            "The Grove kernel: runs services in containers of their own.\n\n"
                            "  --run DIR            sockets and locks (root: /run/grove)\n"
                            "  --state DIR          audit log and services' state (root: /var/lib/grove)\n"
                            "  --boot SPEC          start this compiled spec as the first service and keep it running\n"
                            "  --optional LAYER,... start containers even where these sandbox layers cannot be set up\n"
                            "  --foreground         stay in the foreground\n"
                            "  --ready-fd N         write a line to descriptor N when shells can connect\n"
                            "  --json               say the outcome as JSON\n"
                            "  --help, --version\n\n"
                            "Signals: TERM and INT end it and all it runs; HUP opens its log files anew.\n";

struct settings {
    char run[PATH_MAX], state[PATH_MAX], boot[PATH_MAX];
    uint64_t optional_layers;
    bool is_foreground, is_json;
    int ready;
};

static struct linux_machine the_machine;
static char log_path[PATH_MAX + 16];

/* ---- saying the outcome ---- */

static void print_json_text(FILE *out, const char *text) {
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20)
            fprintf(out, "\\u%04x", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

static int complain(const struct settings *settings, const char *problem) {
    if (!settings->is_json) {
        fprintf(stderr, "groved: %s\n", problem);
    } else {
        printf("{\"ready\":false,\"error\":");
        print_json_text(stdout, problem);
        printf("}\n");
        fflush(stdout);
    }
    return EXIT_FAILURE;
}

static void say_ready(const struct settings *settings) {
    if (settings->is_json) {
        printf("{\"ready\":true,\"process\":%ld,\"run\":", (long)getpid());
        print_json_text(stdout, settings->run);
        printf("}\n");
        fflush(stdout);
    }
    if (settings->ready >= 0) {
        (void)!write(settings->ready, "ready\n", 6);
        close(settings->ready);
    }
}

/* ---- options ---- */

static bool layer_by_name(const char *name, size_t length, uint64_t *layers) {
#define LAYER_NAME(identifier, number, text) \
    if ((number) != 0 && strlen(text) == length && memcmp(text, name, length) == 0) { \
        *layers |= UINT64_C(1) << (number); \
        return true; \
    }
    GROVE_LAYER_TABLE(LAYER_NAME)
#undef LAYER_NAME
    return false;
}

static bool parse_layers(const char *text, uint64_t *layers) {
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        if (length > 0 && !layer_by_name(text, length, layers)) {
            fprintf(stderr, "groved: --optional: \"%.*s\" is no sandbox layer; they are:", (int)length, text);
#define LAYER_PRINT(identifier, number, name) \
    if ((number) != 0) \
        fprintf(stderr, " %s", name);
            GROVE_LAYER_TABLE(LAYER_PRINT)
#undef LAYER_PRINT
            fputc('\n', stderr);
            return false;
        }
        text += length;
        text += *text == ',';
    }
    return true;
}

static bool parse_descriptor(const char *text, int *descriptor) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text || value < 0 || value > INT_MAX || fcntl((int)value, F_GETFD) < 0) {
        fprintf(stderr, "groved: --ready-fd: \"%s\" is not an open descriptor\n", text);
        return false;
    }
    *descriptor = (int)value;
    (void)fcntl(*descriptor, F_SETFD, FD_CLOEXEC);
    return true;
}

/* The folders may be given relative; the kernel changes to the root folder and needs them whole. */
static bool take_path(const char *option, const char *text, char *path) {
    char here[PATH_MAX] = "";
    if (text[0] != '/' && getcwd(here, sizeof here) == NULL) {
        fprintf(stderr, "groved: %s: the current folder is gone; give a whole path\n", option);
        return false;
    }
    int length = snprintf(path, PATH_MAX, "%s%s%s", here, here[0] != '\0' ? "/" : "", text);
    if (text[0] != '\0' && length < PATH_MAX)
        return true;
    fprintf(stderr, "groved: %s: the path is %s\n", option, text[0] == '\0' ? "empty" : "too long");
    return false;
}

enum { OPTION_RUN = 256, OPTION_STATE, OPTION_BOOT, OPTION_OPTIONAL, OPTION_FOREGROUND, OPTION_READY, OPTION_JSON };

static bool take_option(int option, struct settings *settings) {
    switch (option) {
    case OPTION_RUN:
        return take_path("--run", optarg, settings->run);
    case OPTION_STATE:
        return take_path("--state", optarg, settings->state);
    case OPTION_BOOT:
        return take_path("--boot", optarg, settings->boot);
    case OPTION_OPTIONAL:
        return parse_layers(optarg, &settings->optional_layers);
    case OPTION_READY:
        return parse_descriptor(optarg, &settings->ready);
    case OPTION_FOREGROUND:
        settings->is_foreground = true;
        return true;
    case OPTION_JSON:
        settings->is_json = true;
        return true;
    case 'h':
        fputs(usage, stdout);
        exit(EXIT_SUCCESS);
    case 'V':
        puts("groved " GROVE_RELEASE);
        exit(EXIT_SUCCESS);
    default:
        fputs("Try `groved --help`.\n", stderr);
        return false;
    }
}

static bool parse_options(int count, char **arguments, struct settings *settings) {
    static const struct option options[] = {
        {"run", required_argument, NULL, OPTION_RUN},
        {"state", required_argument, NULL, OPTION_STATE},
        {"boot", required_argument, NULL, OPTION_BOOT},
        {"optional", required_argument, NULL, OPTION_OPTIONAL},
        {"foreground", no_argument, NULL, OPTION_FOREGROUND},
        {"ready-fd", required_argument, NULL, OPTION_READY},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(count, arguments, "h", options, NULL)) != -1)
        if (!take_option(option, settings))
            return false;
    if (optind == count)
        return true;
    fprintf(stderr, "groved: unexpected \"%s\"; try `groved --help`\n", arguments[optind]);
    return false;
}

/* ---- folders and the background ---- */

static int prepare_folders(struct settings *settings, char *problem, size_t problem_bytes) {
    if (settings->run[0] == '\0' && folders_run(settings->run, sizeof settings->run) < 0) {
        snprintf(problem, problem_bytes, "no run folder; name one with --run");
        return GROVE_INVALID;
    }
    int status = folders_make_private(settings->run, problem, problem_bytes);
    if (status < 0)
        return status;
    if (settings->state[0] == '\0' && folders_state(settings->state, sizeof settings->state) < 0) {
        snprintf(problem, problem_bytes, "no state folder: HOME is not set; name one with --state");
        return GROVE_INVALID;
    }
    /* Without a writable state folder the kernel runs on: the audit log says what it cannot keep. */
    if (folders_make(settings->state, problem, problem_bytes) < 0)
        fprintf(stderr, "groved: %s\n", problem);
    return 0;
}

/* The first process waits for the outcome: a byte is success, the end of the pipe a failure that was explained. */
static void go_to_background(int *outcome) {
    int ends[2];
    *outcome = -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        (void)setsid();
        *outcome = ends[1];
        return;
    }
    close(ends[1]);
    char byte;
    ssize_t got = child < 0 ? 0 : read(ends[0], &byte, 1);
    _exit(got == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void send_output_to_log(void) {
    int file = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        file = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return;
    (void)dup2(file, STDOUT_FILENO);
    (void)dup2(file, STDERR_FILENO);
    close(file);
}

static void leave_terminal(const struct settings *settings) {
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        close(null);
    }
    snprintf(log_path, sizeof log_path, "%s/groved.log", settings->state);
    send_output_to_log();
}

static void reopen_logs(void) {
    audit_file_reopen();
    if (log_path[0] != '\0')
        send_output_to_log();
}

/* Descriptors 0 to 2 must be taken, or a log line would go into whatever opens there. */
static void fill_standard_streams(void) {
    int descriptor;
    do
        descriptor = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor >= 0)
        close(descriptor);
}

/* ---- the whole ---- */

static int start(struct linux_machine *machine, const struct settings *settings, char *problem, size_t problem_bytes) {
    int status = control_lock(settings->run, problem, problem_bytes);
    if (status == 0)
        status = run_create(machine, problem, problem_bytes);
    if (status == 0)
        status = run_take_signals(machine);
    if (status == 0)
        status = control_open(machine, problem, problem_bytes);
    if (status == 0 && settings->boot[0] != '\0')
        status = run_boot(machine, settings->boot, problem, problem_bytes);
    return status;
}

static int serve(struct linux_machine *machine, const struct settings *settings, int outcome) {
    char problem[1024] = "cannot start";
    int status = start(machine, settings, problem, sizeof problem);
    if (status < 0) {
        complain(settings, problem);
    } else {
        say_ready(settings);
        run_on_hang_up(reopen_logs);
        if (!settings->is_foreground) {
            leave_terminal(settings);
            (void)!write(outcome, "+", 1);
            close(outcome);
        }
        status = run_loop(machine);
    }
    control_close();
    run_destroy(machine);
    return status < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * Low numbers are taken for good when containers are prepared for (container/plan.h). What is open now and closed later
 * would leave a hole among them, and what is opened then would be overwritten in a starting child.
 */
#define HIGH_DESCRIPTOR 100

static void move_high(int *descriptor) {
    int moved = *descriptor <= STDERR_FILENO ? -1 : fcntl(*descriptor, F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR);
    if (moved < 0)
        return;
    close(*descriptor);
    *descriptor = moved;
}

/* What nohup or a shell's "&" left ignored would be ignored by every service too. */
static void forget_ignored_signals(void) {
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            (void)signal(number, SIG_DFL);
    }
}

int main(int count, char **arguments) {
    static struct settings settings = {.ready = -1};
    char problem[1024];
    int outcome = -1;
    fill_standard_streams();
    forget_ignored_signals();
    if (!parse_options(count, arguments, &settings))
        return 2;
    if (prepare_folders(&settings, problem, sizeof problem) < 0)
        return complain(&settings, problem);
    if (!settings.is_foreground)
        go_to_background(&outcome);
    move_high(&settings.ready);
    move_high(&outcome);
    (void)!chdir("/");
    (void)umask(022);
    the_machine.options = (struct linux_options){
        .run_folder = settings.run, .state_folder = settings.state, .optional_layers = settings.optional_layers};
    return serve(&the_machine, &settings, outcome);
}
