/*
 * Laws about messages between two ends that live.
 */
#include "tests/conformance/laws.h"

#include <stdlib.h>
#include <string.h>

void law_calls_are_answered(struct stage *stage) {
    struct scene scene;
    CHECK(stage, scene_open(stage, &scene) == 0);
    for (unsigned priority = GROVE_PRIORITY_INHERIT; priority <= GROVE_PRIORITY_LOW; priority++)
        for (uint64_t i = 0; i < 300; i++) {
            struct grove_call call = {.method = METHOD_ECHO,
                                      .priority = (enum grove_priority)priority,
                                      .data = &i,
                                      .length_bytes = sizeof i,
                                      .timeout_ns = STAGE_WAIT_NS};
            struct grove_answer answer;
            CHECK(stage, grove_call(scene.channel, &call, &answer) == 0);
            bool is_same = answer.length_bytes == sizeof i && memcmp(answer.data, &i, sizeof i) == 0;
            grove_answer_release(&answer);
            CHECK(stage, is_same);
        }
    scene_close(stage, &scene);
}

void law_failures_explain(struct stage *stage) {
    struct scene scene;
    CHECK(stage, scene_open(stage, &scene) == 0);
    CHECK(stage, ask(scene.channel, METHOD_FAIL, NULL, 0, NULL, 0) == GROVE_FULL);
    CHECK(stage, strstr(grove_last_error(), "the feeder list is full: remove one first") != NULL);
    CHECK(stage, strstr(grove_last_error(), "conformance.server") != NULL);
    CHECK(stage, ask(scene.channel, 4711, NULL, 0, NULL, 0) == GROVE_NOT_FOUND);
    CHECK(stage, strstr(grove_last_error(), "4711") != NULL);
    scene_close(stage, &scene);
}

void law_clients_are_known(struct stage *stage) {
    struct scene scene;
    struct who who;
    CHECK(stage, scene_open(stage, &scene) == 0);
    CHECK(stage, ask(scene.channel, METHOD_WHO, NULL, 0, &who, sizeof who) == 0);
    const struct grove_notice_init *identity = grove_session_identity(stage->session);
    CHECK(stage, strcmp(who.client, identity->name.text) == 0);
    CHECK(stage, who.ring == identity->ring);
    scene_close(stage, &scene);
}

static int quiesce(struct stage *stage, struct actor *actor) {
    return grove_container_control(stage->session, actor->container, GROVE_ACTION_QUIESCE, 0, STAGE_WAIT_NS);
}

static int resume(struct stage *stage, struct actor *actor) {
    return grove_container_control(stage->session, actor->container, GROVE_ACTION_RESUME, 0, STAGE_WAIT_NS);
}

void law_highest_first(struct stage *stage) {
    struct scene scene;
    char order[7] = "";
    CHECK(stage, scene_open(stage, &scene) == 0);
    CHECK(stage, ask(scene.channel, METHOD_ECHO, NULL, 0, NULL, 0) == 0);
    CHECK(stage, quiesce(stage, scene.server) == 0);
    for (int priority = GROVE_PRIORITY_LOW; priority >= GROVE_PRIORITY_HIGH; priority--)
        for (int i = 0; i < 2; i++) {
            struct grove_call message = {.method = METHOD_ORDER, .priority = (enum grove_priority)priority};
            CHECK(stage, grove_send(scene.channel, &message) == 0);
        }
    CHECK(stage, resume(stage, scene.server) == 0);
    CHECK(stage, grove_channel_flush(scene.channel, STAGE_WAIT_NS) == 0);
    CHECK(stage, ask(scene.channel, METHOD_ORDERED, NULL, 0, order, 6) == 0);
    CHECK(stage, strcmp(order, "HHMMLL") == 0);
    scene_close(stage, &scene);
}

void law_deadlines_hold(struct stage *stage) {
    struct scene scene;
    struct counts counts;
    CHECK(stage, scene_open(stage, &scene) == 0);
    struct grove_call never = {.method = METHOD_NEVER, .timeout_ns = GROVE_MILLISECOND};
    CHECK(stage, grove_call(scene.channel, &never, NULL) == GROVE_TIMED_OUT);
    CHECK(stage, grove_call(scene.channel, &(struct grove_call){.timeout_ns = GROVE_FOREVER}, NULL) == GROVE_INVALID);
    CHECK(stage, quiesce(stage, scene.server) == 0);
    struct numbered numbered = {.number = 0, .value = 1000};
    struct grove_call late = {
        .method = METHOD_ADD, .data = &numbered, .length_bytes = sizeof numbered, .timeout_ns = GROVE_MILLISECOND};
    CHECK(stage, grove_call(scene.channel, &late, NULL) == GROVE_TIMED_OUT);
    CHECK(stage, tell(scene.channel, METHOD_COUNT, &numbered, sizeof numbered) == 0); /* no deadline: delivered */
    CHECK(stage, resume(stage, scene.server) == 0);
    uint64_t sum = 1;
    numbered = (struct numbered){.number = 0, .value = 5};
    CHECK(stage, ask(scene.channel, METHOD_ADD, &numbered, sizeof numbered, &sum, sizeof sum) == 0);
    CHECK(stage, sum == 5); /* and not 1005: the late call never ran */
    CHECK(stage, ask(scene.channel, METHOD_COUNTS, NULL, 0, &counts, sizeof counts) == 0);
    CHECK(stage, counts.next == 1);
    scene_close(stage, &scene);
}

void law_back_pressure(struct stage *stage) {
    struct scene scene;
    static const uint8_t block[4000];
    uint32_t accepted = 0, swallowed = 0;
    int status;
    CHECK(stage, scene_open(stage, &scene) == 0);
    CHECK(stage, ask(scene.channel, METHOD_ECHO, NULL, 0, NULL, 0) == 0);
    CHECK(stage, quiesce(stage, scene.server) == 0);
    struct grove_call message = {.method = METHOD_SWALLOW,
                                 .priority = GROVE_PRIORITY_LOW,
                                 .data = block,
                                 .length_bytes = sizeof block,
                                 .timeout_ns = GROVE_MILLISECOND};
    while ((status = grove_send(scene.channel, &message)) == 0)
        accepted++;
    CHECK(stage, status == GROVE_EXHAUSTED);
    CHECK(stage, accepted > 0);
    CHECK(stage, resume(stage, scene.server) == 0);
    message.timeout_ns = STAGE_WAIT_NS;
    for (int i = 0; i < 500; i++) /* far more than the lane holds: each send waits for room */
        CHECK(stage, grove_send(scene.channel, &message) == 0);
    CHECK(stage, grove_channel_flush(scene.channel, STAGE_WAIT_NS) == 0);
    CHECK(stage, ask(scene.channel, METHOD_SWALLOWED, NULL, 0, &swallowed, sizeof swallowed) == 0);
    CHECK(stage, swallowed == accepted + 500);
    scene_close(stage, &scene);
}

void law_loans(struct stage *stage) {
    struct scene scene;
    CHECK(stage, scene_open(stage, &scene) == 0);
    for (unsigned round = 0; round < 20; round++) {
        struct grove_loan loan;
        struct grove_answer answer;
        size_t bytes = 1 + (size_t)round * 100000;
        CHECK(stage, grove_loan(scene.channel, bytes, STAGE_WAIT_NS, &loan) == 0);
        memset(loan.data, (int)round, bytes);
        struct grove_call call = {.method = METHOD_LEND, .timeout_ns = STAGE_WAIT_NS, .loan = &loan};
        CHECK(stage, grove_call(scene.channel, &call, &answer) == 0);
        const uint8_t *slice = answer.slice;
        bool is_right = answer.slice_bytes == bytes && slice[0] == round + 1 && slice[bytes - 1] == round + 1;
        grove_answer_release(&answer);
        CHECK(stage, is_right);
    }
    struct grove_loan loan;
    CHECK(stage, grove_loan(scene.channel, (size_t)1 << 31, STAGE_WAIT_NS, &loan) == GROVE_TOO_LARGE);
    CHECK(stage, grove_loan(scene.channel, 3u << 20, STAGE_WAIT_NS, &loan) == 0);
    struct grove_loan second;
    CHECK(stage, grove_loan(scene.channel, 3u << 20, GROVE_MILLISECOND, &second) == GROVE_EXHAUSTED);
    grove_loan_return(&loan);
    CHECK(stage, grove_loan(scene.channel, 3u << 20, STAGE_WAIT_NS, &second) == 0);
    grove_loan_return(&second);
    scene_close(stage, &scene);
}

void law_slices(struct stage *stage) {
    struct scene scene;
    struct grove_loan loan;
    struct grove_answer answer;
    CHECK(stage, scene_open(stage, &scene) == 0);
    CHECK(stage, grove_loan(scene.channel, 8192, STAGE_WAIT_NS, &loan) == 0);
    uint8_t *mine = loan.data;
    for (unsigned i = 0; i < 8192; i++)
        mine[i] = (uint8_t)i;
    struct grove_call call = {.method = METHOD_PART, .timeout_ns = STAGE_WAIT_NS, .loan = &loan};
    CHECK(stage, grove_call(scene.channel, &call, &answer) == 0);
    CHECK(stage, answer.slice == mine + 100 && answer.slice_bytes == 50);
    grove_answer_release(&answer);
    scene_close(stage, &scene);
}

void law_large_messages(struct stage *stage) {
    struct scene scene;
    static uint8_t data[131072], back[131072];
    CHECK(stage, scene_open(stage, &scene) == 0);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t bytes = 1; bytes < 30000; bytes = bytes * 3 + 1) {
        CHECK(stage, ask(scene.channel, METHOD_ECHO, data, bytes, back, bytes) == 0);
        CHECK(stage, memcmp(data, back, bytes) == 0);
    }
    struct grove_call call = {.method = METHOD_ECHO, .data = data, .length_bytes = sizeof data};
    CHECK(stage, grove_call(scene.channel, &call, NULL) == GROVE_TOO_LARGE);
    CHECK(stage, ask(scene.channel, METHOD_ECHO, data, 10, back, 10) == 0);
    scene_close(stage, &scene);
}

void law_many_clients(struct stage *stage) {
    enum { CHANNELS = 50 };
    struct scene scene;
    struct grove_channel *channels[CHANNELS];
    CHECK(stage, scene_open(stage, &scene) == 0);
    for (uint64_t i = 0; i < CHANNELS; i++) {
        struct grove_connect_options options = {
            .session = stage->session, .tag = i + 1, .arena_bytes = GROVE_ARENA_NONE};
        CHECK(stage, grove_connect_with("conformance.server", &options, &channels[i]) == 0);
    }
    for (uint64_t round = 0; round < 4; round++)
        for (uint64_t i = 0; i < CHANNELS; i++) {
            uint64_t back = 0;
            CHECK(stage, ask(channels[i], METHOD_ECHO, &i, sizeof i, &back, sizeof back) == 0);
            CHECK(stage, back == i);
        }
    for (unsigned i = 0; i < CHANNELS; i++)
        grove_channel_close(channels[i]);
    CHECK(stage, ask(scene.channel, METHOD_ECHO, NULL, 0, NULL, 0) == 0);
    scene_close(stage, &scene);
}
