/* The probe; see probe.h. A plain program with a poll loop over the same poller and clients that the service uses. */
#include "examples/grid/acquire/probe.h"

#include "examples/grid/acquire/poller.h"
#include "examples/grid/common/clock.h"

#include <poll.h>
#include <stdio.h>

#define PROBE_NS UINT64_C(2000000000)

struct probe {
    struct poller poller;
    struct modbus_client client[GRID_DEVICES_MAX];
    unsigned answered, good;
};

static const struct {
    unsigned bit;
    const char *text;
} quality_words[] = {{QUALITY_NO_ANSWER, "no answer"},
                     {QUALITY_UNREACHABLE, "unreachable"},
                     {QUALITY_EXCEPTION, "Modbus exception: an address or function is not there"},
                     {QUALITY_PARTIAL, "partial map"}};

static void print_reading(unsigned feeder, const struct reading *reading, void *context) {
    struct probe *probe = context;
    const struct config_feeder *configured = &probe->poller.config->feeder[feeder];
    probe->answered++;
    probe->good += (reading->quality & QUALITY_BAD) == 0;
    printf("feeder %u %s: voltage %g current %g frequency %g power %g breaker %s", reading->feeder, configured->name,
           (double)reading->voltage_v, (double)reading->current_a, (double)reading->frequency_hz,
           (double)reading->power_w, reading->breaker_closed ? "closed" : "open");
    for (unsigned i = 0; i < sizeof quality_words / sizeof quality_words[0]; i++)
        if (reading->quality & quality_words[i].bit)
            printf(" [%s]", quality_words[i].text);
    putchar('\n');
}

/* One turn: connect, wait, receive. */
static void probe_turn(struct probe *probe) {
    struct pollfd wait[GRID_DEVICES_MAX];
    unsigned count = probe->poller.config->device_count;
    for (unsigned i = 0; i < count; i++) {
        modbus_client_tick(&probe->client[i], clock_now_ns());
        wait[i] = (struct pollfd){.fd = probe->client[i].descriptor, .events = probe->client[i].events};
    }
    if (poll(wait, count, 10) <= 0)
        return;
    for (unsigned i = 0; i < count; i++)
        if (wait[i].revents != 0)
            modbus_client_ready(&probe->client[i], wait[i].revents, clock_now_ns());
}

static bool all_connected(const struct probe *probe) {
    for (unsigned i = 0; i < probe->poller.config->device_count; i++)
        if (probe->client[i].state != MODBUS_IDLE)
            return false;
    return true;
}

int probe_run(const struct grid_config *config) {
    static struct probe probe;
    uint64_t end_ns = clock_now_ns() + PROBE_NS;
    poller_init(&probe.poller, config, print_reading, &probe);
    for (unsigned i = 0; i < config->device_count; i++) {
        modbus_client_init(&probe.client[i], &config->device[i]);
        probe.poller.device[i].client = &probe.client[i];
    }
    while (!all_connected(&probe) && clock_now_ns() < end_ns)
        probe_turn(&probe);
    poller_cycle(&probe.poller, clock_now_ns());
    while (probe.answered < config->feeder_count && clock_now_ns() < end_ns)
        probe_turn(&probe);
    return probe.good == config->feeder_count ? 0 : 1;
}
