/*
 * What the tests of a container's life share: recipes, running one, and reading what it says.
 */
#include "tests/confinement/life.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char life_program[96], life_base[64];
bool life_is_rootless;
char life_output[65536];
unsigned life_failures;
const char *life_test_name;

void life_check(bool holds, const char *text, int line) {
    if (holds)
        return;
    life_failures++;
    (void)printf("%s, line %d: not so: %s\n", life_test_name, line, text);
}

struct recipe life_shell(const char *command) {
    return (struct recipe){.flags = GROVE_SPEC_SYSTEM_FILES,
                           .executable = "/bin/sh",
                           .arguments = {"sh", "-c", command},
                           .environment = {"PATH=/usr/bin:/bin"}};
}

struct record *life_run(const struct recipe *recipe) {
    return harness_run(0, harness_spec(recipe), life_output, sizeof life_output);
}

struct record *life_run_shell(const char *command) {
    struct recipe recipe = life_shell(command);
    return life_run(&recipe);
}

bool life_ended_with(const struct record *record, enum grove_exit_cause cause, int detail) {
    if (record->is_exited && record->cause == cause && record->exit_detail == detail)
        return true;
    (void)printf("%s: started %d, status %d, layer %d, error %d; cause %d, detail %d; said: %s\n", life_test_name,
                 record->is_started, record->status, (int)record->layer, record->start_detail, (int)record->cause,
                 record->exit_detail, life_output);
    return false;
}

/* Read until the words have come, for at most ten seconds. */
bool life_says(machine_container container, const char *words) {
    machine_object streams[2];
    size_t length = 0;
    machine_container_streams(container, streams);
    life_output[0] = '\0';
    while (strstr(life_output, words) == NULL) {
        struct pollfd ready = {.fd = streams[0], .events = POLLIN};
        if (poll(&ready, 1, 10000) <= 0)
            return false;
        ssize_t got = read(streams[0], life_output + length, sizeof life_output - 1 - length);
        if (got <= 0)
            return false;
        length += (size_t)got;
        life_output[length] = '\0';
    }
    return true;
}

const char *life_path(const char *name) {
    static char paths[4][160];
    static unsigned turn;
    turn = (turn + 1) % 4;
    (void)snprintf(paths[turn], sizeof paths[turn], "%s/%s", life_base, name);
    return paths[turn];
}

void life_make_file(const char *path, const char *text, mode_t mode) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(file, mode) == 0);
    (void)close(file);
}

bool life_has_ended(int descriptor) {
    struct pollfd end = {.fd = descriptor, .events = POLLIN};
    return descriptor >= 0 && poll(&end, 1, 5000) == 1;
}
