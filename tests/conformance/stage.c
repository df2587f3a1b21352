#include "tests/conformance/stage.h"

#include "tests/conformance/spec_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- notices ---- */

static struct actor *find_actor(struct stage *stage, grove_handle container) {
    for (unsigned i = 0; i < STAGE_ACTORS; i++)
        if (stage->actors[i].container == container)
            return &stage->actors[i];
    return NULL;
}

static void on_notice(const struct grove_message *notice, const int *objects, unsigned count, void *context) {
    struct stage *stage = context;
    (void)objects;
    (void)count;
    if (notice->operation == GROVE_NOTICE_CONTAINER_STATE) {
        const struct grove_notice_container *state = &notice->body.container_state;
        struct actor *actor = find_actor(stage, state->container);
        if (actor != NULL && state->generation >= actor->generation) {
            actor->state = state->state;
            actor->generation = state->generation;
        }
    } else if (notice->operation == GROVE_NOTICE_ENDPOINT_WANTED) {
        stage->wanted++;
        stage->wanted_actor = find_actor(stage, notice->body.endpoint_wanted.container);
        if (stage->starts_wanted && stage->wanted_actor != NULL)
            actor_start(stage, stage->wanted_actor);
    } else if (notice->operation == GROVE_NOTICE_CONTAINER_BUDGET) {
        stage->warned = notice->body.container_budget;
    }
}

int actor_await(struct stage *stage, struct actor *actor, uint32_t state) {
    uint64_t deadline_ns = grove_now_ns() + STAGE_WAIT_NS;
    while (actor->state != state) {
        uint64_t now_ns = grove_now_ns();
        if (now_ns >= deadline_ns)
            return GROVE_TIMED_OUT;
        int status = grove_session_dispatch(stage->session, deadline_ns - now_ns);
        if (status < 0 && status != GROVE_TIMED_OUT)
            return status;
    }
    return 0;
}

/* ---- actors ---- */

int stage_open(struct stage *stage, const char *executable) {
    *stage = (struct stage){.executable = executable};
    int status = grove_session_default(&stage->session);
    if (status == 0)
        grove_session_on_notice(stage->session, on_notice, stage);
    return status;
}

void stage_close(struct stage *stage) {
    grove_session_close(stage->session);
}

static int create_container(struct stage *stage, struct actor *actor, const char *full_name, const char *role) {
    static struct spec_builder builder;
    char text[GROVE_ARGUMENT_TEXT_MAX];
    void *blob;
    size_t blob_bytes;
    spec_begin(&builder, full_name, stage->executable);
    spec_argument(&builder, role);
    spec_argument(&builder, full_name);
    snprintf(text, sizeof text, "FS_EXEC:%s", stage->executable);
    spec_capability(&builder, text);
    snprintf(text, sizeof text, "IPC_RECV:%s", full_name);
    spec_capability(&builder, text);
    spec_capability(&builder, "SHM_CREATE:1M");
    spec_capability(&builder, "IPC_SEND:conformance.>");
    int status = spec_finish(&builder, &blob, &blob_bytes);
    if (status < 0)
        return status;
    struct grove_container_reply reply;
    status = grove_container_create(stage->session, blob, blob_bytes, &reply);
    free(blob);
    if (status == 0)
        *actor = (struct actor){.container = reply.container};
    return status;
}

int actor_create(struct stage *stage, const char *name, const char *role, struct actor **actor) {
    char full_name[GROVE_NAME_MAX + 1];
    struct actor *made = find_actor(stage, GROVE_HANDLE_NONE);
    snprintf(full_name, sizeof full_name, "conformance.%s", name);
    int status = made != NULL ? create_container(stage, made, full_name, role) : GROVE_EXHAUSTED;
    if (status == 0)
        status = grove_endpoint_create(stage->session, full_name, (struct grove_version){.major = 1}, made->container,
                                       &made->endpoint);
    if (status == 0)
        *actor = made;
    return status;
}

int actor_start(struct stage *stage, struct actor *actor) {
    struct grove_container_reply reply;
    const int streams[3] = {-1, -1, STDERR_FILENO}; /* what a service has to complain about is seen */
    int status =
        grove_container_start(stage->session, actor->container,
                              actor->generation == 0 ? GROVE_START_FRESH : GROVE_START_RESTARTED, streams, &reply);
    if (status < 0)
        return status;
    if (reply.generation > actor->generation) {
        actor->generation = reply.generation;
        actor->state = GROVE_CONTAINER_RUNNING;
    }
    return 0;
}

int actor_kill(struct stage *stage, struct actor *actor) {
    int status = grove_container_control(stage->session, actor->container, GROVE_ACTION_KILL, 0, STAGE_WAIT_NS);
    return status < 0 ? status : actor_await(stage, actor, GROVE_CONTAINER_STOPPED);
}

int actor_restart(struct stage *stage, struct actor *actor) {
    int status = actor_kill(stage, actor);
    return status < 0 ? status : actor_start(stage, actor);
}

void actor_destroy(struct stage *stage, struct actor *actor) {
    grove_container_control(stage->session, actor->container, GROVE_ACTION_DESTROY, 0, STAGE_WAIT_NS);
    *actor = (struct actor){0};
}

int actor_connect(struct stage *stage, const char *endpoint, uint64_t tag, struct grove_channel **channel) {
    struct grove_connect_options options = {.session = stage->session, .tag = tag};
    return grove_connect_with(endpoint, &options, channel);
}

/* ---- messages ---- */

int ask(struct grove_channel *channel, uint32_t method, const void *data, size_t bytes, void *answer,
        size_t answer_bytes) {
    struct grove_answer got;
    struct grove_call call = {.method = method, .data = data, .length_bytes = bytes, .timeout_ns = STAGE_WAIT_NS};
    int status = grove_call(channel, &call, &got);
    if (status < 0)
        return status;
    if (got.length_bytes != answer_bytes)
        status = GROVE_CORRUPT;
    else if (answer_bytes > 0)
        memcpy(answer, got.data, answer_bytes);
    grove_answer_release(&got);
    return status;
}

int tell(struct grove_channel *channel, uint32_t method, const void *data, size_t bytes) {
    struct grove_call call = {.method = method, .data = data, .length_bytes = bytes, .timeout_ns = STAGE_WAIT_NS};
    return grove_send(channel, &call);
}

/* ---- verdicts ---- */

void stage_fail(struct stage *stage, const char *condition, const char *file, int line) {
    stage->has_failed = true;
    printf("# %s:%d: %s does not hold; last error: %s\n", file, line, condition, grove_last_error());
}

void stage_try(struct stage *stage, const char *law, void (*try_it)(struct stage *stage)) {
    stage->law = law;
    stage->has_failed = false;
    stage->wanted = 0;
    stage->starts_wanted = false;
    try_it(stage);
    for (unsigned i = 0; i < STAGE_ACTORS; i++)
        if (stage->actors[i].container != GROVE_HANDLE_NONE)
            actor_destroy(stage, &stage->actors[i]);
    stage->failed += stage->has_failed;
    printf("%s %u - %s\n", stage->has_failed ? "not ok" : "ok", ++stage->number, law);
    fflush(stdout);
}
