/*
 * A point without a hook costs nothing: a call, a load and a branch, and nothing is called behind them. What a request to the
 * store passes on its way, and the looks that all services make, is counted in instructions, CALLS times, with the service of
 * hooks at hand and no hook set; and the same where there is no such service.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/testing/fake_kernel.h"
#include "servers/store/points.h"
#include "tests/hooks/single_step.h"

#define CALLS 200u
/* A call of the library, a load, and a test of the bit. */
#define INSTRUCTIONS_MAX 16
#define PATIENCE_NS (30 * GROVE_SECOND)

/* cost_bus.c */
unsigned bus_looks(const uint32_t *points, unsigned calls);

struct scene {
    struct store store;
    const uint32_t *points; /* as the bus keeps them */
    struct transaction transaction;
    struct operation operation;
    struct pending pending;
    unsigned calls;
};

static void expect(bool is_true, const char *what) {
    if (is_true)
        return;
    (void)fprintf(stderr, "not so: %s\n", what);
    abort();
}

/* ---- what may not be called where no hook is set ---- */

int commit_go_on(struct store *store, struct grove_request *request, struct pending *pending) {
    (void)store;
    (void)request;
    (void)pending;
    abort();
}

int reply_bytes(struct grove_request *request, const void *data, size_t bytes) {
    (void)request;
    (void)data;
    (void)bytes;
    abort();
}

/* ---- what is counted ---- */

static volatile unsigned held; /* what a look says is used */

static void nothing(const void *context) {
    const struct scene *scene = context;
    for (unsigned index = 0; index < scene->calls; index++)
        held += index > CALLS;
}

static void look(const void *context) {
    const struct scene *scene = context;
    for (unsigned index = 0; index < scene->calls; index++)
        held += grove_hooks_are_set(scene->store.hooks, GROVE_HOOK_BEFORE_START);
}

static void look_of_the_bus(const void *context) {
    const struct scene *scene = context;
    held += bus_looks(scene->points, scene->calls);
}

static void commit(const void *context) {
    struct scene *scene = (struct scene *)(uintptr_t)context;
    for (unsigned index = 0; index < scene->calls; index++)
        held += points_hold_commit(&scene->store, NULL, &scene->pending);
}

static void written(const void *context) {
    struct scene *scene = (struct scene *)(uintptr_t)context;
    for (unsigned index = 0; index < scene->calls; index++)
        points_written(&scene->store, "test.client", "test.client", &scene->transaction);
}

static void read_of_a_key(const void *context) {
    struct scene *scene = (struct scene *)(uintptr_t)context;
    for (unsigned index = 0; index < scene->calls; index++)
        held += points_hold_read(&scene->store, NULL, "test.client", (const uint8_t *)"key", 3, NULL);
}

static void reply(const void *context) {
    struct scene *scene = (struct scene *)(uintptr_t)context;
    static const struct grove_store_record record;
    for (unsigned index = 0; index < scene->calls; index++)
        held +=
            points_hold_reply(&scene->store, NULL, "test.client", (const uint8_t *)"key", 3, &record, sizeof record);
}

/* Instructions for one call, without those of the loop around it, which may have been fewer; or SINGLE_STEP_REFUSED. */
static long cost(struct scene *scene, void (*run)(const void *context)) {
    scene->calls = CALLS;
    long all = single_step(run, scene), loop = single_step(nothing, scene);
    expect(all != SINGLE_STEP_DIED && loop != SINGLE_STEP_DIED, "nothing lies behind a point without a hook");
    if (all < 0 || loop < 0)
        return SINGLE_STEP_REFUSED;
    return all > loop ? (all - loop) / (long)CALLS : 0;
}

static const struct counted {
    const char *name;
    void (*run)(const void *context);
} counted[] = {
    {"a look", look},           {"a look of the bus", look_of_the_bus}, {"before a write", commit},
    {"after a write", written}, {"before a read", read_of_a_key},       {"after a read", reply},
};

/* ---- the scene ---- */

/* Nobody answers for the service of hooks, and so, in the end, no hook is set. */
static void await_no_hooks(struct grove_session *session, const struct grove_hooks *hooks) {
    uint64_t end_ns = grove_now_ns() + PATIENCE_NS;
    expect(grove_hooks_are_set(hooks, GROVE_HOOK_BEFORE_WRITE), "before anything is known all points count as set");
    while (*grove_hooks_mask(hooks) != 0 && grove_now_ns() < end_ns)
        (void)grove_session_dispatch(session, GROVE_SECOND);
    expect(*grove_hooks_mask(hooks) == 0, "no point is set");
}

static void set_scene(struct scene *scene, struct grove_hooks *hooks) {
    static const uint32_t none;
    memset(scene, 0, sizeof *scene);
    scene->operation = (struct operation){.kind = GROVE_STORE_SET,
                                          .key = (const uint8_t *)"key",
                                          .key_bytes = 3,
                                          .value = (const uint8_t *)"",
                                          .value_bytes = 0};
    scene->transaction = (struct transaction){.count = 1, .operations = &scene->operation};
    scene->pending = (struct pending){.transaction = &scene->transaction};
    scene->store.hooks = hooks;
    scene->store.held_tail = &scene->store.held;
    scene->points = hooks != NULL ? grove_hooks_mask(hooks) : &none;
}

/* The number of those that cost too much; -1: nothing can be counted here. */
static int count_all(struct scene *scene, const char *where) {
    int faults = 0;
    for (unsigned index = 0; index < sizeof counted / sizeof counted[0]; index++) {
        const struct counted *one = &counted[index];
        long instructions = cost(scene, one->run);
        if (instructions < 0)
            return -1;
        printf("%s, %s: %ld instructions, at most %d\n", one->name, where, instructions, INSTRUCTIONS_MAX);
        faults += instructions > INSTRUCTIONS_MAX;
    }
    return faults;
}

int main(void) {
    static struct scene scene;
    struct grove_session *session = NULL;
    struct grove_hooks *hooks = NULL;
    struct fake_kernel *kernel = fake_kernel_start();
    int nobody = fake_kernel_add(kernel, "hooks", GROVE_HOOKS_ENDPOINT);
    const struct grove_session_options options = {.descriptor = fake_kernel_add(kernel, "client", NULL)};
    expect(nobody >= 0 && grove_session_open(&options, &session) == 0, "the session opens");
    expect(grove_hooks_open(session, &hooks) == 0, "the hooks open");
    await_no_hooks(session, hooks);
    set_scene(&scene, hooks);
    int faults = count_all(&scene, "no hook is set");
    set_scene(&scene, NULL);
    int others = faults < 0 ? -1 : count_all(&scene, "no service of hooks");
    grove_hooks_close(hooks);
    grove_session_close(session);
    fake_kernel_stop(kernel);
    if (others < 0) {
        printf("skipped: no process may be traced here, so nothing can be counted\n");
        return 77;
    }
    return faults + others > 0;
}
