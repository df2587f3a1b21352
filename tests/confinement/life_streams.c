/*
 * Standard streams, the kernel port, readiness and listening sockets: every descriptor that a program begins with.
 */
#include "tests/confinement/life.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* ---- streams and sockets ---- */

void life_streams_are_kept(void) {
    machine_object streams[2];
    char words[64] = "";
    CHECK(life_ended_with(life_run_shell("echo one"), GROVE_EXIT_CODE, 0) && strcmp(life_output, "one\n") == 0);
    struct recipe recipe = life_shell("echo two");
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK && harness_wait(&harness_record(0)->is_started) &&
          harness_wait(&harness_record(0)->is_exited));
    machine_container_streams(0, streams);
    CHECK(read(streams[0], words, sizeof words - 1) == 4 && strcmp(words, "two\n") == 0);
}

void life_passed_streams(void) {
    struct recipe recipe = life_shell("read word; echo got $word");
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    char words[64] = "";
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 && write(in[1], "this\n", 5) == 5);
    recipe.streams = GROVE_STREAM_PASSED;
    CHECK(harness_start_with(0, harness_spec(&recipe), (const int[]){in[0], out[1], out[1]}) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && harness_wait(&harness_record(0)->is_exited));
    (void)close(out[1]);
    CHECK(read(out[0], words, sizeof words - 1) == 9 && strcmp(words, "got this\n") == 0);
    /* Nobody but us holds the other end now. */
    CHECK(read(out[0], words, sizeof words) == 0);
    (void)close(out[0]);
    (void)close(in[0]);
    (void)close(in[1]);
}

void life_nothing_else_is_open(void) {
    CHECK(life_ended_with(life_run_shell("ls /proc/self/fd"), GROVE_EXIT_CODE, 0));
    /* 0, 1, 2, and the folder that ls reads. */
    CHECK(strcmp(life_output, "0\n1\n2\n3\n") == 0);
}

void life_native_port(void) {
    struct recipe recipe = {.flags = GROVE_SPEC_NATIVE,
                            .executable = life_program,
                            .arguments = {life_program, "say-on-port"},
                            .grants = {{GROVE_CAP_FS_EXEC, 0, life_program}}};
    char words[16] = "";
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    struct pollfd ready = {.fd = harness_port(0), .events = POLLIN};
    CHECK(poll(&ready, 1, 10000) == 1 && read(ready.fd, words, sizeof words - 1) == 5 && strcmp(words, "hello") == 0);
    CHECK(harness_wait(&harness_record(0)->is_exited) && life_ended_with(harness_record(0), GROVE_EXIT_CODE, 0));
    CHECK(harness_record(0)->is_started && harness_record(0)->status == GROVE_OK);
}

void life_readiness(void) {
    struct recipe recipe = {.flags = GROVE_SPEC_NOTIFY_SOCKET,
                            .executable = life_program,
                            .arguments = {life_program, "say-ready"},
                            .grants = {{GROVE_CAP_FS_EXEC, 0, life_program}}};
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && harness_record(0)->status == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_ready));
    machine_container_kill(0);
    CHECK(harness_wait(&harness_record(0)->is_exited));
}

void life_passed_listeners(void) {
    struct recipe recipe = life_shell("echo $LISTEN_FDS $LISTEN_PID $$; readlink /proc/self/fd/3 | cut -d: -f1");
    recipe.flags |= GROVE_SPEC_LISTEN_FDS;
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_NET_BIND, 0, NULL};
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 0) && strcmp(life_output, "1 2 2\nsocket\n") == 0);
}
