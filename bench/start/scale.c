/*
 * Many confined idle services at once: does finding and connecting slow down with their number?
 *
 *     scale-bench BINARY RUNNING REGISTERED
 *
 * Makes REGISTERED containers with an endpoint each, starts RUNNING of them, and measures the median time of a connect
 * with its first call, and of a look-up, with few and with all. Needs root or enough processes for the user.
 */
#include "bench/common/peer.h"
#include "bench/grove/methods.h"
#include "userspace/manifest/manifest.h"

#include <grove/grove.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 101 };

static struct grove_session *session;

static void check(int status, const char *what) {
    if (status < 0) {
        fprintf(stderr, "scale-bench: %s: %s\n", what, grove_last_error());
        exit(1);
    }
}

static void endpoint_name(char name[64], size_t index) {
    snprintf(name, 64, "scale.s%zu", index);
}

static grove_handle container_make(const char *binary, size_t index) {
    struct manifest_errors errors = {0};
    struct manifest *manifest;
    struct manifest_options options = {.project = "scale", .no_drop_ins = true};
    struct grove_container_reply reply;
    grove_handle endpoint;
    char text[1024], name[64];
    void *spec;
    size_t bytes;
    int length =
        snprintf(text, sizeof text,
                 "name: s%zu\nversion: 1.0.0\nnative: true\nexec: [\"%s\"]\ncapabilities: [\"IPC_RECV:scale.s%zu\"]\n",
                 index, binary, index);
    if (manifest_load_text(text, (size_t)length, "scale-bench", &options, &manifest, &errors) < 0 ||
        manifest_compile(manifest, &spec, &bytes, &errors) < 0) {
        manifest_errors_print(&errors, stderr);
        exit(1);
    }
    check(grove_container_create(session, spec, bytes, &reply), "create");
    endpoint_name(name, index);
    check(grove_endpoint_create(session, name, (struct grove_version){.major = 1}, reply.container, &endpoint),
          "endpoint");
    free(spec);
    manifest_destroy(manifest);
    return reply.container;
}

/* Connect to a service among the first `range`, spread evenly, and call it once. */
static double connect_ns(size_t range) {
    double times[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++) {
        struct grove_connect_options options = {.tag = i + 1};
        struct grove_channel *channel;
        char name[64];
        endpoint_name(name, i * 7919 % range);
        uint64_t start = bench_now_ns();
        check(grove_connect_with(name, &options, &channel), "connect");
        struct grove_answer answer;
        struct grove_call call = {.method = UINT32_MAX - 1, .timeout_ns = 10 * GROVE_SECOND};
        int status = grove_call(channel, &call, &answer);
        if (status == 0) {
            grove_answer_release(&answer);
        }
        times[i] = (double)(bench_now_ns() - start);
        grove_channel_close(channel);
    }
    return bench_median(times, SAMPLES);
}

static double look_up_ns(size_t range) {
    double times[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++) {
        struct grove_message message = {.operation = GROVE_REQUEST_ENDPOINT_READ};
        endpoint_name(message.body.endpoint_read.name.text, i * 7919 % range);
        uint64_t start = bench_now_ns();
        check(grove_kernel_request(session, &message, NULL, 0, NULL, NULL, GROVE_SECOND), "look up");
        times[i] = (double)(bench_now_ns() - start);
    }
    return bench_median(times, SAMPLES);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: scale-bench BINARY RUNNING REGISTERED\n");
        return 2;
    }
    size_t running = strtoul(argv[2], NULL, 10), registered = strtoul(argv[3], NULL, 10), few = 10;
    grove_handle *containers = calloc(registered, sizeof *containers);
    struct grove_container_reply reply;
    check(grove_session_default(&session), "session");
    for (size_t i = 0; i < few; i++) {
        containers[i] = container_make(argv[1], i);
        check(grove_container_start(session, containers[i], GROVE_START_FRESH, NULL, &reply), "start");
    }
    double connect_few = connect_ns(few), look_up_few = look_up_ns(few);
    for (size_t i = few; i < registered; i++) {
        containers[i] = container_make(argv[1], i);
    }
    uint64_t start = bench_now_ns();
    for (size_t i = few; i < running; i++) {
        check(grove_container_start(session, containers[i], GROVE_START_FRESH, NULL, &reply), "start");
    }
    double each = (double)(bench_now_ns() - start) / (double)(running - few);
    double connect_many = connect_ns(running), look_up_many = look_up_ns(registered);
    printf("{\"running\": %zu, \"registered\": %zu, \"start_each_ns\": %.0f, \"connect_few_ns\": %.0f, "
           "\"connect_many_ns\": %.0f, \"look_up_few_ns\": %.0f, \"look_up_many_ns\": %.0f}\n",
           running, registered, each, connect_few, connect_many, look_up_few, look_up_many);
    return 0;
}
