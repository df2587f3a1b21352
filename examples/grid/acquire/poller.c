/* Polling of all feeders; see poller.h. Runs in the owner's thread, driven by its modbus_clients. */
#include "examples/grid/acquire/poller.h"

#include "examples/grid/common/clock.h"
#include "grove/abi/status.h"

static void device_next(struct poller_device *device, uint64_t now_ns);

static float *reading_field(struct reading *reading, enum quantity quantity) {
    switch (quantity) {
    case QUANTITY_VOLTAGE:
        return &reading->voltage_v;
    case QUANTITY_CURRENT:
        return &reading->current_a;
    case QUANTITY_FREQUENCY:
        return &reading->frequency_hz;
    case QUANTITY_POWER:
        return &reading->power_w;
    default:
        return NULL;
    }
}

void poller_init(struct poller *poller, const struct grid_config *config, poller_handler *handler, void *context) {
    *poller = (struct poller){.config = config, .handler = handler, .context = context};
    for (unsigned i = 0; i < config->device_count; i++)
        poller->device[i].poller = poller;
    for (unsigned i = 0; i < config->feeder_count; i++) {
        const struct config_feeder *feeder = &config->feeder[i];
        struct poller_device *device = &poller->device[feeder->device];
        device->feeders[device->feeder_count++] = i;
        /* Tried before, when the configuration was read: it cannot fail. */
        (void)register_plan(&config->map[feeder->map].registers, (uint16_t)feeder->base, &poller->plan[i]);
        poller->latest[i].feeder = (uint16_t)feeder->number;
    }
}

static unsigned feeder_at(const struct poller_device *device) {
    return device->feeders[device->at];
}

/* Hand the reading of the present feeder over and turn to the next one. */
static void feeder_finish(struct poller_device *device, uint64_t now_ns) {
    struct poller *poller = device->poller;
    unsigned feeder = feeder_at(device);
    struct reading *reading = &poller->latest[feeder];
    reading->time_ns = now_ns;
    reading->wall_ns = clock_wall_ns();
    reading->quality = device->quality;
    device->at++;
    device->request = 0;
    device->quality = 0;
    poller->handler(feeder, reading, poller->context);
}

/* The device answers no more in this cycle: its remaining feeders get their last values and this quality. */
static void device_give_up(struct poller_device *device, uint16_t quality, uint64_t now_ns) {
    while (device->at < device->feeder_count) {
        device->quality |= quality;
        feeder_finish(device, now_ns);
    }
    device->is_busy = false;
}

/* Put what an answer carries into the reading. */
static void answer_apply(struct poller_device *device, const struct modbus_answer *answer) {
    struct poller *poller = device->poller;
    unsigned feeder = feeder_at(device);
    const struct register_request *request = &poller->plan[feeder].request[device->request];
    const struct register_map *map = &poller->config->map[poller->config->feeder[feeder].map].registers;
    struct reading *reading = &poller->latest[feeder];
    for (unsigned i = 0; i < QUANTITY_READ_COUNT; i++) {
        if (!(request->quantities & 1u << i))
            continue;
        double value = register_value(&map->point[i], answer->words + request->offset[i]);
        float *field = reading_field(reading, (enum quantity)i);
        if (field != NULL)
            *field = (float)value;
        else
            reading->breaker_closed = value != 0;
    }
}

static void on_answer(struct modbus_client *client, int status, const struct modbus_answer *answer, void *context) {
    struct poller_device *device = context;
    uint64_t now_ns = clock_now_ns();
    (void)client;
    if (status < 0) {
        device_give_up(device, QUALITY_NO_ANSWER, now_ns);
        return;
    }
    if (answer->exception != 0)
        device->quality |= QUALITY_EXCEPTION;
    else
        answer_apply(device, answer);
    device->request++;
    device_next(device, now_ns);
}

/* A feeder whose map lacks something is still worth reading, but says so. */
static uint16_t map_quality(const struct register_map *map) {
    for (unsigned i = 0; i < QUANTITY_READ_COUNT; i++)
        if (!map->point[i].is_mapped)
            return QUALITY_PARTIAL;
    return 0;
}

/* Send the next request of the cycle, finishing feeders on the way. */
static void device_next(struct poller_device *device, uint64_t now_ns) {
    struct poller *poller = device->poller;
    while (device->at < device->feeder_count && device->request == poller->plan[feeder_at(device)].count) {
        const struct config_feeder *feeder = &poller->config->feeder[feeder_at(device)];
        device->quality |= map_quality(&poller->config->map[feeder->map].registers);
        feeder_finish(device, now_ns);
    }
    if (device->at == device->feeder_count) {
        device->is_busy = false;
        return;
    }
    const struct register_request *wanted = &poller->plan[feeder_at(device)].request[device->request];
    struct modbus_request request = {.unit = (uint8_t)poller->config->feeder[feeder_at(device)].unit,
                                     .table = wanted->table,
                                     .address = wanted->address,
                                     .count = wanted->count};
    if (modbus_client_request(device->client, &request, now_ns, on_answer, device) < 0)
        device_give_up(device, QUALITY_UNREACHABLE, now_ns);
}

unsigned poller_cycle(struct poller *poller, uint64_t now_ns) {
    unsigned left_out = 0;
    for (unsigned i = 0; i < poller->config->device_count; i++) {
        struct poller_device *device = &poller->device[i];
        if (device->is_busy) {
            left_out++;
            continue;
        }
        device->is_busy = true;
        device->at = device->request = 0;
        device->quality = 0;
        device_next(device, now_ns);
    }
    return left_out;
}
