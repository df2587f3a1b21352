/*
 * Laws about messages when an end dies: nothing accepted is lost, and what is seen twice is marked.
 */
#include "tests/conformance/laws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KILLS = 12 };

/* Kills come after a number of messages that differs each time, so they hit different moments. */
static uint64_t messages_before_kill(unsigned round) {
    return 1 + (round * 2654435761u >> 4) % 900;
}

void law_one_way_survives_kills(struct stage *stage) {
    struct scene scene;
    struct counts counts;
    struct numbered numbered = {.value = 5000};
    CHECK(stage, scene_open(stage, &scene) == 0);
    for (unsigned round = 0; round < KILLS; round++) {
        for (uint64_t i = messages_before_kill(round); i > 0; i--, numbered.number++)
            CHECK(stage, tell(scene.channel, METHOD_COUNT, &numbered, sizeof numbered) == 0);
        CHECK(stage, actor_restart(stage, scene.server) == 0);
    }
    CHECK(stage, grove_channel_flush(scene.channel, STAGE_WAIT_NS) == 0);
    CHECK(stage, ask(scene.channel, METHOD_COUNTS, NULL, 0, &counts, sizeof counts) == 0);
    printf("# sent %llu, handled %llu, lost %llu, redelivered %llu, unmarked %llu\n",
           (unsigned long long)numbered.number, (unsigned long long)counts.next, (unsigned long long)counts.lost,
           (unsigned long long)counts.marked, (unsigned long long)counts.unmarked);
    CHECK(stage, counts.next == numbered.number);
    CHECK(stage, counts.lost == 0);
    CHECK(stage, counts.unmarked == 0);
    CHECK(stage, counts.marked <= KILLS); /* one for each kill: the message being handled, and no other */
    scene_close(stage, &scene);
}

struct sums {
    struct stage *stage;
    uint64_t answered, expected, last;
    bool is_wrong;
};

static void on_sum(int status, const struct grove_answer *answer, void *context) {
    struct sums *sums = context;
    uint64_t sum = 0;
    if (status < 0 || answer->length_bytes != sizeof sum) {
        printf("# an answer failed: %s\n", grove_last_error());
        sums->is_wrong = true;
    } else {
        memcpy(&sum, answer->data, sizeof sum);
        sums->expected += sums->answered;
        sums->is_wrong |= sum != sums->expected;
        sums->last = sum;
    }
    sums->answered++;
}

void law_calls_survive_kills(struct stage *stage) {
    struct scene scene;
    struct sums sums = {.stage = stage};
    uint64_t number = 0;
    CHECK(stage, scene_open(stage, &scene) == 0);
    for (unsigned round = 0; round < KILLS; round++) {
        for (unsigned i = 0; i < 1 + round * 7 % 60; i++, number++) {
            struct numbered numbered = {.number = number, .value = number};
            struct grove_call call = {
                .method = METHOD_ADD, .data = &numbered, .length_bytes = sizeof numbered, .timeout_ns = STAGE_WAIT_NS};
            CHECK(stage, grove_call_start(scene.channel, &call, on_sum, &sums) == 0);
        }
        CHECK(stage, actor_restart(stage, scene.server) == 0);
        while (sums.answered < number)
            CHECK(stage, grove_session_dispatch(stage->session, STAGE_WAIT_NS) == 0);
    }
    CHECK(stage, !sums.is_wrong);
    CHECK(stage, sums.last == number * (number - 1) / 2);
    scene_close(stage, &scene);
}

void law_reply_applied_once(struct stage *stage) {
    struct actor *server, *client;
    struct grove_channel *channel;
    struct progress progress = {0};
    CHECK(stage, actor_create(stage, "server", "server", &server) == 0);
    CHECK(stage, actor_start(stage, server) == 0);
    CHECK(stage, actor_create(stage, "client", "client", &client) == 0);
    CHECK(stage, actor_start(stage, client) == 0);
    CHECK(stage, actor_connect(stage, "conformance.client", 0, &channel) == 0);
    for (unsigned round = 0; round < KILLS; round++) {
        uint64_t before = progress.applied;
        do
            CHECK(stage, ask(channel, METHOD_PROGRESS, NULL, 0, &progress, sizeof progress) == 0);
        while (progress.applied < before + 5);
        CHECK(stage, actor_restart(stage, round % 3 == 2 ? server : client) == 0);
    }
    CHECK(stage, ask(channel, METHOD_PROGRESS, NULL, 0, &progress, sizeof progress) == 0);
    printf("# applied %llu, resumed %llu\n", (unsigned long long)progress.applied,
           (unsigned long long)progress.resumed);
    CHECK(stage, progress.sum == progress.applied * (progress.applied - 1) / 2);
    CHECK(stage, progress.resumed == KILLS - KILLS / 3);
    grove_channel_close(channel);
}

void law_activation(struct stage *stage) {
    struct actor *server;
    struct grove_channel *channel;
    struct counts counts;
    struct numbered numbered = {0};
    CHECK(stage, actor_create(stage, "server", "server", &server) == 0);
    CHECK(stage, actor_connect(stage, "conformance.server", 0, &channel) == 0);
    for (; numbered.number < 20; numbered.number++)
        CHECK(stage, tell(channel, METHOD_COUNT, &numbered, sizeof numbered) == 0);
    stage->starts_wanted = true;
    while (stage->wanted == 0)
        CHECK(stage, grove_session_dispatch(stage->session, STAGE_WAIT_NS) == 0);
    CHECK(stage, stage->wanted_actor == server);
    CHECK(stage, ask(channel, METHOD_COUNTS, NULL, 0, &counts, sizeof counts) == 0);
    CHECK(stage, counts.next == 20 && counts.lost == 0 && counts.marked == 0 && counts.unmarked == 0);
    grove_channel_close(channel);
}

void law_destroyed_server_closes(struct stage *stage) {
    struct scene scene;
    CHECK(stage, scene_open(stage, &scene) == 0);
    CHECK(stage, ask(scene.channel, METHOD_ECHO, NULL, 0, NULL, 0) == 0);
    actor_destroy(stage, scene.server);
    struct grove_call call = {.method = METHOD_ECHO, .timeout_ns = STAGE_WAIT_NS};
    CHECK(stage, grove_call(scene.channel, &call, NULL) == GROVE_CLOSED);
    CHECK(stage, strstr(grove_last_error(), "gone") != NULL);
    grove_channel_close(scene.channel);
}

void law_state_survives(struct stage *stage) {
    struct scene scene;
    uint64_t sum = 0;
    uint32_t generation = 0;
    struct numbered numbered = {.number = 0, .value = 42};
    CHECK(stage, scene_open(stage, &scene) == 0);
    CHECK(stage, ask(scene.channel, METHOD_ADD, &numbered, sizeof numbered, &sum, sizeof sum) == 0);
    for (uint32_t i = 2; i < 5; i++) {
        CHECK(stage, actor_restart(stage, scene.server) == 0);
        CHECK(stage, ask(scene.channel, METHOD_GENERATION, NULL, 0, &generation, sizeof generation) == 0);
        CHECK(stage, generation == i);
        CHECK(stage, ask(scene.channel, METHOD_ADD, &numbered, sizeof numbered, &sum, sizeof sum) == 0);
        CHECK(stage, sum == 42);
    }
    scene_close(stage, &scene);
}
