/*
 * Finding a service by what it is, among few and among many registered ones, beside a plain call.
 *
 *     discover-bench BINARY FEW MANY
 *
 * Registers services that nobody starts, each with a tag of its own, and measures the median time of finding one by its tag
 * and one by its endpoint, with FEW and with MANY registered; in turn with batches of calls to the echo service of 64 bytes,
 * so that both see the same minute. Needs a running system with that service, bench.echo.
 */
#include "bench/common/peer.h"
#include "bench/grove/methods.h"
#include "servers/registry/protocol.h"
#include "userspace/manifest/manifest.h"

#include <grove/grove.h>
#include <grove/registry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 50, BATCHES = 41, WINDOW = 64 };

static struct grove_channel *registry, *echo;
static size_t answered;

static void check(int status, const char *what) {
    if (status < 0) {
        fprintf(stderr, "discover-bench: %s: %s\n", what, grove_last_error());
        exit(1);
    }
}

/* ---- registering ---- */

static void was_registered(int status, const struct grove_answer *answer, void *context) {
    (void)answer;
    (void)context;
    check(status, "register");
    answered++;
}

static void send_spec(const void *spec, size_t bytes) {
    static char message[sizeof(struct registry_register) + 16384];
    const struct registry_register head = {.version = REGISTRY_PROTOCOL_VERSION, .spec_bytes = (uint32_t)bytes};
    if (bytes > sizeof message - sizeof head)
        peer_fail("the spec is too large");
    memcpy(message, &head, sizeof head);
    memcpy(message + sizeof head, spec, bytes);
    check(grove_call_start(registry,
                           &(struct grove_call){.method = REGISTRY_REGISTER,
                                                .data = message,
                                                .length_bytes = sizeof head + bytes,
                                                .timeout_ns = 60 * GROVE_SECOND},
                           was_registered, NULL),
          "register");
}

static void register_one(const char *binary, size_t number) {
    struct manifest_errors errors = {0};
    struct manifest *manifest;
    const struct manifest_options options = {.project = "many", .no_drop_ins = true};
    char text[1024];
    void *spec;
    size_t bytes;
    int length =
        snprintf(text, sizeof text,
                 "name: s%zu\nversion: 1.0.0\nnative: true\non-demand: true\nexec: [\"%s\"]\nprovides: [s%zu]\n"
                 "tags: [all, t%zu]\n",
                 number, binary, number, number);
    if (manifest_load_text(text, (size_t)length, "discover-bench", &options, &manifest, &errors) < 0 ||
        manifest_compile(manifest, &spec, &bytes, &errors) < 0) {
        manifest_errors_print(&errors, stderr);
        exit(1);
    }
    send_spec(spec, bytes);
    free(spec);
    manifest_destroy(manifest);
}

static void register_range(const char *binary, size_t from, size_t to) {
    struct grove_session *session;
    check(grove_session_default(&session), "session");
    for (size_t number = from; number < to; number++) {
        register_one(binary, number);
        while (answered + WINDOW <= number + 1)
            (void)grove_session_dispatch(session, GROVE_SECOND);
    }
    while (answered < to)
        (void)grove_session_dispatch(session, GROVE_SECOND);
}

/* ---- measuring ---- */

static int count_found(const struct grove_found *found, void *context) {
    (void)found;
    ++*(unsigned *)context;
    return 0;
}

static void find(const struct grove_find *what) {
    unsigned count = 0;
    check(grove_registry_find(NULL, what, count_found, &count), "find");
    if (count != 1)
        peer_fail("exactly one service should have been found");
}

static void find_by_tag(size_t number) {
    struct grove_find what = {0};
    (void)snprintf(what.tags[0], sizeof what.tags[0], "t%zu", number);
    find(&what);
}

static void find_by_endpoint(size_t number) {
    struct grove_find what = {0};
    (void)snprintf(what.provides.text, sizeof what.provides.text, "many.s%zu", number);
    find(&what);
}

static void call_echo(size_t number) {
    char data[64] = {0};
    struct grove_answer answer;
    (void)number;
    check(grove_call(echo,
                     &(struct grove_call){
                         .method = BENCH_ECHO, .data = data, .length_bytes = sizeof data, .timeout_ns = GROVE_SECOND},
                     &answer),
          "call");
    grove_answer_release(&answer);
}

static double batch_ns(void (*one)(size_t number), size_t registered, size_t seed) {
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < BATCH; i++)
        one((seed * BATCH + i) * 7919 % registered);
    return (double)(bench_now_ns() - start) / BATCH;
}

struct figures {
    double call_ns, tag_ns, endpoint_ns;
};

static struct figures measure(size_t registered) {
    double calls[BATCHES], tags[BATCHES], endpoints[BATCHES];
    for (size_t i = 0; i < BATCHES; i++) {
        calls[i] = batch_ns(call_echo, registered, i);
        tags[i] = batch_ns(find_by_tag, registered, i);
        endpoints[i] = batch_ns(find_by_endpoint, registered, i);
    }
    return (struct figures){bench_median(calls, BATCHES), bench_median(tags, BATCHES),
                            bench_median(endpoints, BATCHES)};
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: discover-bench BINARY FEW MANY\n");
        return 2;
    }
    size_t few = strtoul(argv[2], NULL, 10), many = strtoul(argv[3], NULL, 10);
    check(grove_connect(REGISTRY_ENDPOINT, &registry), "connect");
    check(grove_connect("bench.echo", &echo), "connect");
    register_range(argv[1], 0, few);
    struct figures first = measure(few);
    register_range(argv[1], few, many);
    struct figures last = measure(many);
    printf("{\"registered\": %zu, \"call_few_ns\": %.0f, \"tag_few_ns\": %.0f, \"endpoint_few_ns\": %.0f, "
           "\"call_ns\": %.0f, \"tag_ns\": %.0f, \"endpoint_ns\": %.0f, \"tag_to_call\": %.2f}\n",
           many, first.call_ns, first.tag_ns, first.endpoint_ns, last.call_ns, last.tag_ns, last.endpoint_ns,
           last.tag_ns / last.call_ns);
    return 0;
}
