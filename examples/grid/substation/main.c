/*
 * The substation: plays a grid and answers Modbus/TCP about it, as real bay controllers do.
 *
 *     substation --profile FILE [--listen IPV4:PORT] [--alone]
 *
 * As a service of Grove its grid lives in the state region: a kill leaves breakers, frequency and the place in the
 * profile as they are. --alone runs it as a plain program, to try other Modbus tools on; it then forgets when it ends.
 */
#include "examples/grid/common/config.h"
#include "examples/grid/substation/device.h"
#include "grove/grove.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct substation {
    const char *profile_path;
    char host[LINES_WORD_BYTES_MAX + 1];
    uint64_t port;
    bool is_alone;
    struct profile profile;
    struct device *device;
};

static int usage(void) {
    fputs("usage: substation --profile FILE [--listen IPV4:PORT] [--alone]\n", stderr);
    return 2;
}

static bool read_arguments(int count, char **words, struct substation *substation) {
    snprintf(substation->host, sizeof substation->host, "127.0.0.1");
    substation->port = 1502;
    for (int i = 1; i < count; i++) {
        bool has_value = i + 1 < count;
        if (strcmp(words[i], "--alone") == 0)
            substation->is_alone = true;
        else if (strcmp(words[i], "--profile") == 0 && has_value)
            substation->profile_path = words[++i];
        else if (strcmp(words[i], "--listen") == 0 && has_value &&
                 config_read_address(words[++i], substation->host, &substation->port))
            continue;
        else
            return false;
    }
    return substation->profile_path != NULL;
}

static int refuse(int status, const struct problem *problem) {
    fprintf(stderr, "substation: %s\n", status == GROVE_NO_MEMORY ? "memory is exhausted" : problem->sentence);
    return 1;
}

static void on_device(struct grove_service *service, int descriptor, short events, void *context) {
    (void)service, (void)descriptor, (void)events;
    device_turn(((struct substation *)context)->device, grove_now_ns());
}

/* Between questions the frequency goes on by itself; the model only must not fall more than its limit behind. */
static void on_second(struct grove_service *service, void *context) {
    (void)service;
    device_turn(((struct substation *)context)->device, grove_now_ns());
}

static int run_alone(struct substation *substation) {
    static struct grid_state state;
    struct problem problem = {""};
    model_start(&state, grove_now_ns());
    int status = device_create(substation->host, (unsigned)substation->port, &substation->profile, &state,
                               &substation->device, &problem);
    if (status < 0)
        return refuse(status, &problem);
    printf("substation: %u feeders on %s:%u\n", substation->profile.feeder_count, substation->host,
           (unsigned)substation->port);
    fflush(stdout);
    for (;;) {
        struct pollfd wait = {.fd = device_descriptor(substation->device), .events = POLLIN};
        if (poll(&wait, 1, 1000) < 0 && errno != EINTR)
            return 1;
        device_turn(substation->device, grove_now_ns());
    }
}

static int run_as_service(struct substation *substation) {
    struct grove_service *service;
    struct grove_region *region;
    struct problem problem = {""};
    bool is_fresh;
    if (grove_service_create(NULL, &service) < 0 ||
        grove_region_state(grove_service_session(service), sizeof(struct grid_state), &region, &is_fresh) < 0)
        return grove_report("substation");
    struct grid_state *state = grove_region_data(region, NULL);
    model_start(state, grove_now_ns());
    int status = device_create(substation->host, (unsigned)substation->port, &substation->profile, state,
                               &substation->device, &problem);
    if (status < 0)
        return refuse(status, &problem);
    uint32_t timer;
    if (grove_service_watch(service, device_descriptor(substation->device), POLLIN, on_device, substation) < 0 ||
        grove_service_every(service, GROVE_SECOND, on_second, substation, &timer) < 0 || grove_service_run(service) < 0)
        return grove_report("substation");
    device_destroy(substation->device);
    return 0;
}

int main(int count, char **words) {
    static struct substation substation;
    struct problem problem = {""};
    if (!read_arguments(count, words, &substation))
        return usage();
    int status = profile_load(substation.profile_path, &substation.profile, &problem);
    if (status < 0)
        return refuse(status, &problem);
    return substation.is_alone ? run_alone(&substation) : run_as_service(&substation);
}
