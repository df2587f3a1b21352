/*
 * The operator's terminal: watches the grid and gives commands.
 *
 *     operator [--config FILE] [--project NAME] [--grove PATH] [--seconds N] [--lines]
 *
 * A client of the kernel like any shell, with no state of its own: it may be killed and started at will, and goes on
 * while services are killed. On a terminal it shows a view with a prompt below; otherwise, or with --lines, a line a
 * second. It ends after N seconds, with an interrupt or with `quit`, and prints the summary; exit status 1 if anything
 * was lost.
 */
#include "examples/grid/operator/console.h"
#include "examples/grid/operator/summary.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_EVERY_NS (250 * GROVE_MILLISECOND)
#define ASKED_PER_LINE 4u

struct operator_options {
    const char *config_path, *project, *grove;
    uint64_t seconds; /* 0: until told */
    bool wants_lines;
};

static volatile sig_atomic_t was_interrupted, was_resized, must_stop;

static void on_signal(int number) {
    if (number == SIGWINCH)
        was_resized = 1;
    else if (number == SIGTSTP)
        must_stop = 1;
    else
        was_interrupted = 1;
}

static bool read_arguments(int count, char **words, struct operator_options *options) {
    *options = (struct operator_options){.project = "grid", .grove = "grove"};
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "--lines") == 0) {
            options->wants_lines = true;
            continue;
        }
        if (i + 1 == count)
            return false;
        const char *value = words[i + 1];
        if (strcmp(words[i], "--config") == 0)
            options->config_path = value;
        else if (strcmp(words[i], "--project") == 0)
            options->project = value;
        else if (strcmp(words[i], "--grove") == 0)
            options->grove = value;
        else if (strcmp(words[i], "--seconds") == 0)
            options->seconds = strtoull(value, NULL, 10);
        else
            return false;
        i++;
    }
    return true;
}

/* Without a console a stop needs nothing from us. */
static void catch_signals(bool has_console) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP};
    struct sigaction action = {.sa_handler = on_signal};
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0] - (has_console ? 0 : 1); i++)
        sigaction(numbers[i], &action, NULL);
}

/*
 * Sleep until something comes or the time is up. Returns whether standard input has something. The session arms its
 * descriptor at the end of each dispatch, so that one comes right before the sleep.
 */
static bool wait_until(struct grove_session *session, bool has_console, uint64_t until_ns) {
    (void)grove_session_dispatch(session, 0);
    uint64_t now = grove_now_ns();
    struct pollfd wait[2] = {{.fd = grove_session_descriptor(session), .events = POLLIN},
                             {.fd = has_console ? STDIN_FILENO : -1, .events = POLLIN}};
    int timeout_ms = until_ns <= now ? 0 : (int)((until_ns - now) / 1000000 + 1);
    if (poll(wait, 2, timeout_ms) > 0 && wait[0].revents != 0)
        (void)grove_session_dispatch(session, 0);
    return wait[1].revents != 0;
}

static void print_line(const struct snapshot *snapshot, uint64_t began_ns) {
    char text[VIEW_LINE_BYTES];
    view_line(text, sizeof text, snapshot, (grove_now_ns() - began_ns) / GROVE_SECOND);
    puts(text);
    fflush(stdout);
}

/* Until the time is up or somebody ends it. */
static void watch(struct snapshot *snapshot, struct console *console, const struct grid_config *config,
                  const struct operator_options *options) {
    uint64_t began = grove_now_ns(), next = began;
    unsigned asked = 0;
    uint64_t end = options->seconds == 0 ? UINT64_MAX : began + options->seconds * GROVE_SECOND;
    while (!was_interrupted && grove_now_ns() < end && (console == NULL || !console->must_end)) {
        if (grove_now_ns() >= next) {
            if (console != NULL)
                console_draw(console, config);
            else if (asked > 0 && asked % ASKED_PER_LINE == 0)
                print_line(snapshot, began);
            snapshot_refresh(snapshot);
            asked++;
            next += ASK_EVERY_NS;
        }
        if (was_resized && console != NULL)
            console_resize(console);
        was_resized = 0;
        if (must_stop)
            console_stop(console);
        must_stop = 0;
        if (wait_until(snapshot->session, console != NULL, next < end ? next : end))
            console_read(console);
    }
}

int main(int count, char **words) {
    static struct snapshot snapshot;
    static struct grid_config config;
    struct operator_options options;
    struct problem problem = {""};
    struct grove_session *session;
    if (!read_arguments(count, words, &options)) {
        fputs("usage: operator [--config FILE] [--project NAME] [--grove PATH] [--seconds N] [--lines]\n", stderr);
        return 2;
    }
    if (options.config_path != NULL && config_load(options.config_path, &config, &problem) < 0) {
        fprintf(stderr, "operator: %s\n", problem.sentence);
        return 1;
    }
    if (grove_session_open(NULL, &session) < 0)
        return grove_report("operator");
    bool has_console = !options.wants_lines && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    catch_signals(has_console);
    snapshot_init(&snapshot, session, options.project);
    struct console console = {.snapshot = &snapshot, .grove = options.grove};
    if (has_console)
        console_open(&console);
    watch(&snapshot, has_console ? &console : NULL, options.config_path != NULL ? &config : NULL, &options);
    if (has_console)
        console_close(&console);
    int status = summary_print(&snapshot);
    grove_session_close(session);
    return status;
}
