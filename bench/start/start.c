/*
 * How long from the decision to start a program until its first answer, the median over many starts.
 *
 *     start-bench grove BINARY COUNT        a confined service: launch, connect, first call answered
 *     start-bench restart BINARY COUNT      kill -9 of a running one by its owner, until the next instance answers
 *     start-bench command COUNT PROGRAM...  run a program until its first byte on standard output
 *
 * The same static binary (bench/grove/echo.c) is used everywhere. Prints one line of JSON.
 */
#include "bench/common/peer.h"
#include "bench/grove/methods.h"
#include "userspace/manifest/manifest.h"

#include <fcntl.h>
#include <grove/grove.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void check(int status, const char *what) {
    if (status < 0) {
        fprintf(stderr, "start-bench: %s: %s\n", what, grove_last_error());
        exit(1);
    }
}

static struct grove_session *session;
static void *spec;
static size_t spec_bytes;

/* All layers, and no right but to answer. */
static void spec_make(const char *binary) {
    struct manifest_errors errors = {0};
    struct manifest *manifest;
    struct manifest_options options = {.project = "start", .no_drop_ins = true};
    char text[1024];
    int length = snprintf(text, sizeof text,
                          "name: echo\nversion: 1.0.0\nnative: true\nexec: [\"%s\"]\nprovides:\n  - name: echo\n"
                          "    version: 1.0.0\n",
                          binary);
    if (manifest_load_text(text, (size_t)length, "start-bench", &options, &manifest, &errors) < 0 ||
        manifest_compile(manifest, &spec, &spec_bytes, &errors) < 0) {
        manifest_errors_print(&errors, stderr);
        exit(1);
    }
}

static void call_who(struct grove_channel *channel) {
    struct grove_answer answer;
    struct grove_call call = {.method = BENCH_WHO, .timeout_ns = 10 * GROVE_SECOND};
    check(grove_call(channel, &call, &answer), "call");
    grove_answer_release(&answer);
}

struct started {
    grove_handle container;
    struct grove_channel *channel;
};

static void start_one(struct started *started) {
    struct grove_container_reply container;
    check(grove_container_launch(session, spec, spec_bytes, true, NULL, &container), "launch");
    started->container = container.container;
    check(grove_connect("start.echo", &started->channel), "connect");
    call_who(started->channel);
}

static void end_one(struct started *started) {
    grove_channel_close(started->channel);
    check(grove_container_control(session, started->container, GROVE_ACTION_DESTROY, 0, 5 * GROVE_SECOND), "destroy");
}

static double measure_start(size_t count) {
    double *times = calloc(count, sizeof *times);
    for (size_t i = 0; i < count; i++) {
        struct started started;
        bench_settle();
        uint64_t start = bench_now_ns();
        start_one(&started);
        times[i] = (double)(bench_now_ns() - start);
        end_one(&started);
    }
    return bench_median(times, count);
}

static bool has_ended;

static void on_notice(const struct grove_message *notice, const int *objects, unsigned count, void *context) {
    (void)context;
    for (unsigned i = 0; i < count; i++) {
        close(objects[i]);
    }
    has_ended |= notice->operation == GROVE_NOTICE_CONTAINER_STATE &&
                 notice->body.container_state.state == GROVE_CONTAINER_STOPPED;
}

static double measure_restart(size_t count) {
    double *times = calloc(count, sizeof *times);
    struct started started;
    grove_session_on_notice(session, on_notice, NULL);
    start_one(&started);
    for (size_t i = 0; i < count; i++) {
        has_ended = false;
        bench_settle();
        uint64_t start = bench_now_ns();
        check(grove_container_control(session, started.container, GROVE_ACTION_KILL, 0, 5 * GROVE_SECOND), "kill");
        while (!has_ended) {
            check(grove_session_dispatch(session, 5 * GROVE_SECOND), "wait for its end");
        }
        check(grove_container_start_at_once(session, started.container, GROVE_START_RESTARTED, NULL, NULL), "start");
        call_who(started.channel);
        times[i] = (double)(bench_now_ns() - start);
    }
    end_one(&started);
    return bench_median(times, count);
}

static double measure_command(char **arguments, size_t count) {
    double *times = calloc(count, sizeof *times);
    for (size_t i = 0; i < count; i++) {
        int output[2];
        char byte;
        pid_t process;
        posix_spawn_file_actions_t actions;
        if (pipe2(output, O_CLOEXEC) < 0) {
            peer_fail("pipe");
        }
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
        bench_settle();
        uint64_t start = bench_now_ns();
        if (posix_spawnp(&process, arguments[0], &actions, NULL, arguments, environ) != 0) {
            peer_fail(arguments[0]);
        }
        close(output[1]);
        if (read(output[0], &byte, 1) != 1) {
            peer_fail("the program ended without an answer");
        }
        times[i] = (double)(bench_now_ns() - start);
        close(output[0]);
        waitpid(process, NULL, 0);
        posix_spawn_file_actions_destroy(&actions);
    }
    return bench_median(times, count);
}

int main(int argc, char **argv) {
    double median_ns;
    if (argc > 3 && strcmp(argv[1], "command") == 0) {
        median_ns = measure_command(argv + 3, strtoul(argv[2], NULL, 10));
    } else if (argc == 4) {
        check(grove_session_default(&session), "session");
        spec_make(argv[2]);
        size_t count = strtoul(argv[3], NULL, 10);
        median_ns = strcmp(argv[1], "restart") == 0 ? measure_restart(count) : measure_start(count);
    } else {
        fprintf(stderr, "usage: start-bench grove|restart BINARY COUNT | command COUNT PROGRAM...\n");
        return 2;
    }
    printf("{\"what\": \"%s\", \"median_ns\": %.0f}\n", argv[1], median_ns);
    return 0;
}
