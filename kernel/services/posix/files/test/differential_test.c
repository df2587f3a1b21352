/*
 * Our system calls on files and Linux's answer the same: see differential.h. The seeds are fixed; GROVE_SEED tries another
 * one, GROVE_SHOW=1 prints the calls. Skipped where no tmpfs can be mounted.
 */
#include "kernel/services/posix/files/test/differential.h"

#include "kernel/core/test/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 40u
#define STEPS 2000u
#define SKIPPED 77

static void describe(const struct step *step, char *text, size_t size) {
    const uint64_t *a = step->arguments;
    snprintf(text, size, "%s(%#llx, %#llx, %#llx, %#llx, %#llx, %#llx) \"%s\" \"%s\"", step_names[step->call],
             (unsigned long long)a[0], (unsigned long long)a[1], (unsigned long long)a[2], (unsigned long long)a[3],
             (unsigned long long)a[4], (unsigned long long)a[5], step->path, step->path_2);
}

static void show_bytes(const char *name, const uint8_t *bytes, unsigned count) {
    fprintf(stderr, " %s", name);
    for (unsigned i = 0; i < count; i++)
        fprintf(stderr, "%s%02x", i % 8 == 0 ? " " : "", bytes[i]);
}

static void show(uint32_t number, const struct step *step, const char *text, const struct outcome *theirs) {
    fprintf(stderr, "%u: %s = %lld", number, text, (long long)theirs->result);
    show_bytes("in", step->in, 24);
    show_bytes("out", theirs->out, 24);
    fprintf(stderr, "\n");
}

static void compare_bytes(const char *where, const uint8_t *theirs, const uint8_t *ours, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (theirs[i] != ours[i])
            fail_msg("%s: byte %zu is %#x on Linux, here %#x", where, i, theirs[i], ours[i]);
}

static void compare(uint64_t seed, uint32_t number, const struct step *step, const struct outcome *theirs,
                    const struct outcome *ours) {
    char text[300], where[400];
    describe(step, text, sizeof(text));
    if (getenv("GROVE_SHOW") != NULL)
        show(number, step, text, theirs);
    snprintf(where, sizeof(where), "seed %llu, step %u, %s", (unsigned long long)seed, number, text);
    if (ours->result != theirs->result)
        fail_msg("%s: Linux says %lld, we %lld", where, (long long)theirs->result, (long long)ours->result);
    if (ours->result == -EFAULT) /* how much was written before the bad address is nobody's concern */
        return;
    compare_bytes(where, theirs->in, ours->in, IN_BYTES);
    compare_bytes(where, theirs->out, ours->out, OUT_BYTES);
    if (ours->data_sum != theirs->data_sum)
        fail_msg("%s: contents differ", where);
    if (ours->is_broken != theirs->is_broken)
        fail_msg("%s: SIGPIPE %d on Linux, here %d", where, theirs->is_broken, ours->is_broken);
}

/* Also finds the steps that are left out. */
static void run_ours(struct step *steps, struct outcome *outcomes) {
    ours_begin();
    for (uint32_t i = 0; i < STEPS; i++) {
        steps[i].is_left_out = ours_is_odd(&steps[i]);
        if (!steps[i].is_left_out)
            ours_apply(&steps[i], &outcomes[i]);
    }
    ours_end();
}

/* False: no tmpfs of Linux can be had. */
static bool run_on_linux(const struct step *steps, struct outcome *outcomes) {
    int code;
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!theirs_begin())
            _exit(SKIPPED);
        for (uint32_t i = 0; i < STEPS; i++)
            if (!steps[i].is_left_out)
                theirs_apply(&steps[i], &outcomes[i]);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    return WEXITSTATUS(code) == 0;
}

static bool run_round(uint64_t seed) {
    struct step *steps = calloc(STEPS, sizeof(*steps));
    struct outcome *ours = calloc(STEPS, sizeof(*ours));
    size_t size = STEPS * sizeof(struct outcome);
    struct outcome *theirs = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(steps != NULL && ours != NULL && theirs != MAP_FAILED);
    steps_begin(seed);
    for (uint32_t i = 0; i < STEPS; i++)
        steps_pick(&steps[i]);
    run_ours(steps, ours);
    bool is_run = run_on_linux(steps, theirs);
    for (uint32_t i = 0; is_run && i < STEPS; i++)
        if (!steps[i].is_left_out)
            compare(seed, i, &steps[i], &theirs[i], &ours[i]);
    (void)munmap(theirs, size);
    free(ours);
    free(steps);
    return is_run;
}

static void we_answer_as_linux_does(void **state) {
    (void)state;
    const char *seed = getenv("GROVE_SEED");
    if (seed != NULL) {
        (void)run_round(strtoull(seed, NULL, 10));
        return;
    }
    for (uint64_t i = 0; i < ROUNDS; i++)
        if (!run_round(i + 1))
            skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(we_answer_as_linux_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
