/*
 * Races on the arguments of a notified call: one thread makes the call, another changes what it depends on all the time,
 * between something allowed and something refused. The refused server must never hear of it.
 *
 * Each race is run twice: against the broker, for a number of rounds, and against a broker that checks in the same way
 * but then lets the call go on (broker_trusts_callers), until the race is won there. If it cannot be won there, the
 * first run has proved nothing and the test fails.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <pthread.h>

#define ROUNDS 300
#define ROUNDS_NAIVE 500000 /* it ends with the first that is won; on a busy machine that can take long */

struct race {
    uint16_t allowed, refused;
    unsigned rounds;
    void (*round)(struct race *race);
    void (*flip)(struct race *race);
    int refused_server;
    /* in the child */
    struct sockaddr_in address;
    int socket, first, second;
    volatile bool is_over;
};

static void *flip_on(void *context) {
    struct race *race = context;
    while (!race->is_over)
        race->flip(race);
    return NULL;
}

static void run_race(void *context) {
    struct race *race = context;
    pthread_t flipper;
    race->address = loopback(race->allowed);
    EXPECT(pthread_create(&flipper, NULL, flip_on, race) == 0);
    for (unsigned i = 0; i < race->rounds && is_untouched(race->refused_server); i++)
        race->round(race);
    race->is_over = true;
    EXPECT(pthread_join(flipper, NULL) == 0);
}

/* True if the refused server was reached. */
static bool is_won(struct race *race, int type, bool is_naive) {
    int refused = serve(type, &race->refused);
    race->refused_server = refused;
    race->rounds = is_naive ? ROUNDS_NAIVE : ROUNDS;
    harness.is_naive = is_naive;
    run_confined(run_race, race);
    bool is_touched = !is_untouched(refused);
    close(refused);
    return is_touched;
}

static void flip_port(struct race *race) {
    *(volatile in_port_t *)&race->address.sin_port = htons(race->refused);
    *(volatile in_port_t *)&race->address.sin_port = htons(race->allowed);
}

static void connect_round(struct race *race) {
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    EXPECT(client >= 0);
    (void)connect(client, (struct sockaddr *)&race->address, sizeof race->address);
    close(client);
}

static void address_of_connect(void **state) {
    (void)state;
    struct race race = {.round = connect_round, .flip = flip_port};
    int allowed = serve(SOCK_STREAM, &race.allowed);
    allow(GROVE_CAP_NET_CONNECT, IPPROTO_TCP, race.allowed);
    assert_false(is_won(&race, SOCK_STREAM, false));
    assert_true(is_won(&race, SOCK_STREAM, true));
    close(allowed);
}

static void message_round(struct race *race) {
    struct iovec vector = {(void *)(uintptr_t) "x", 1};
    struct msghdr header = {
        .msg_name = &race->address, .msg_namelen = sizeof race->address, .msg_iov = &vector, .msg_iovlen = 1};
    if (race->socket == 0)
        race->socket = socket(AF_INET, SOCK_DGRAM, 0);
    (void)sendmsg(race->socket, &header, MSG_DONTWAIT);
}

static void address_of_sendmsg(void **state) {
    (void)state;
    struct race race = {.round = message_round, .flip = flip_port};
    int allowed = serve(SOCK_DGRAM, &race.allowed);
    allow(GROVE_CAP_NET_CONNECT, IPPROTO_UDP, race.allowed);
    assert_false(is_won(&race, SOCK_DGRAM, false));
    assert_true(is_won(&race, SOCK_DGRAM, true));
    close(allowed);
}

/* TCP to the port is allowed, UDP to the same port is not. The number of the TCP socket becomes the UDP one's. */
static void flip_descriptor(struct race *race) {
    if (race->first == 0)
        return;
    (void)dup2(race->second, race->socket);
    (void)dup2(race->first, race->socket);
}

static void descriptor_round(struct race *race) {
    if (race->first == 0) {
        race->second = socket(AF_INET, SOCK_DGRAM, 0);
        int first = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        race->socket = dup(first);
        __atomic_store_n(&race->first, first, __ATOMIC_SEQ_CST);
    }
    (void)connect(race->socket, (struct sockaddr *)&race->address, sizeof race->address);
    (void)send(race->second, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void descriptor_of_connect(void **state) {
    (void)state;
    struct race race = {.round = descriptor_round, .flip = flip_descriptor};
    int server = serve(SOCK_STREAM, &race.allowed);
    race.refused = race.allowed;
    allow(GROVE_CAP_NET_CONNECT, IPPROTO_TCP, race.allowed);
    assert_false(is_won(&race, SOCK_DGRAM, false));
    assert_true(is_won(&race, SOCK_DGRAM, true));
    close(server);
}

int main(void) {
#define TRIED(test) cmocka_unit_test_setup_teardown(test, harness_reset, harness_check)
    const struct CMUnitTest tests[] = {
        TRIED(address_of_connect),
        TRIED(address_of_sendmsg),
        TRIED(descriptor_of_connect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
