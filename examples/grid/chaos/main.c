/*
 * Chaos: kills services at random, again and again; each one once before any comes a second time.
 *
 *     chaos [--every MILLISECONDS] [--seconds N] [--seed N]
 *
 * Any running service of the kernel may be hit, the system's own included; the kernel itself and shells are not
 * services. What is killed is written to standard output, so that a failure can be told. With the same seed and the same
 * answers from the kernel it makes the same choices.
 */
#include "grove/grove.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICES_MAX 256u

static uint64_t random_next(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

struct round {
    unsigned count;
    struct grove_name hit[SERVICES_MAX];
};

static bool was_hit(const struct round *round, const char *name) {
    for (unsigned i = 0; i < round->count; i++)
        if (strcmp(round->hit[i].text, name) == 0)
            return true;
    return false;
}

/* Names of the services that run now and were not hit in this round. */
static unsigned list_running(struct grove_session *session, const struct round *round,
                             struct grove_name names[SERVICES_MAX]) {
    struct grove_container_record record;
    uint32_t cursor = 0;
    unsigned count = 0;
    do {
        if (grove_container_next(session, &cursor, &record) < 0)
            break;
        bool is_running = record.state == GROVE_CONTAINER_READY || record.state == GROVE_CONTAINER_RUNNING;
        if (record.ring < 3 && is_running && count < SERVICES_MAX && !was_hit(round, record.name.text))
            names[count++] = record.name;
    } while (cursor != 0);
    return count;
}

static void kill_one(struct grove_session *session, struct round *round, uint64_t *random) {
    static struct grove_name names[SERVICES_MAX];
    unsigned count = list_running(session, round, names);
    if (count == 0) {
        round->count = 0;
        count = list_running(session, round, names);
    }
    if (count == 0)
        return;
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_CONTROL};
    message.body.control.name = names[random_next(random) % count];
    message.body.control.action = GROVE_ACTION_SIGNAL;
    message.body.control.detail = SIGKILL;
    struct grove_name name = message.body.control.name;
    int status = grove_kernel_request(session, &message, NULL, 0, NULL, NULL, GROVE_SECOND);
    if (status == 0 && round->count < SERVICES_MAX)
        round->hit[round->count++] = name;
    /* It may have ended by itself since it was listed. */
    printf("chaos: killed %s%s%s\n", name.text, status < 0 ? ": " : "", status < 0 ? grove_status_text(status) : "");
    fflush(stdout);
}

int main(int count, char **words) {
    uint64_t every_ms = 300, seconds = 0, random = grove_now_ns();
    for (int i = 1; i + 1 < count; i += 2) {
        uint64_t value = strtoull(words[i + 1], NULL, 10);
        if (strcmp(words[i], "--every") == 0)
            every_ms = value;
        else if (strcmp(words[i], "--seconds") == 0)
            seconds = value;
        else if (strcmp(words[i], "--seed") == 0)
            random = value;
    }
    static struct round round;
    struct grove_session *session;
    if (grove_session_open(NULL, &session) < 0)
        return grove_report("chaos");
    uint64_t end = seconds == 0 ? UINT64_MAX : grove_now_ns() + seconds * GROVE_SECOND;
    printf("chaos: seed %llu\n", (unsigned long long)random);
    while (grove_now_ns() + every_ms * GROVE_MILLISECOND < end) {
        (void)poll(NULL, 0, (int)every_ms);
        kill_one(session, &round, &random);
    }
    grove_session_close(session);
    return 0;
}
