/*
 * The Modbus/TCP side of the substation; see device.h.
 *
 * One epoll descriptor holds the listening socket and the connections, so that the owner, whatever loop it runs, has one
 * descriptor to wait for. libmodbus makes the answers (modbus_reply) from a copy of the model in its register tables;
 * it never waits for input here. One thread; nothing outlives a crash but the grid_state, which is the caller's.
 */
#include "examples/grid/substation/device.h"

#include "grove/abi/status.h"

#include <errno.h>
#include <math.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 16u
#define FRAME_BYTES_MAX 260u
#define REGISTERS_PER_FEEDER ((size_t)16)
#define INPUTS_USED 5u
#define LISTENER CONNECTIONS_MAX /* epoll: this number stands for the listening socket */

struct connection {
    int descriptor; /* -1: free */
    size_t received_bytes;
    unsigned char received[FRAME_BYTES_MAX];
};
struct device {
    const struct profile *profile;
    struct grid_state *state;
    modbus_t *modbus;
    modbus_mapping_t *mapping;
    int listener, poller;
    struct connection connection[CONNECTIONS_MAX];
};

static int device_fail(struct problem *problem, const char *what, const char *host, unsigned port) {
    snprintf(problem->sentence, sizeof problem->sentence, "cannot %s %s:%u: %s", what, host, port,
             modbus_strerror(errno));
    return GROVE_IO;
}

static int device_listen(struct device *device, const char *host, unsigned port, struct problem *problem) {
    int count = (int)(device->profile->feeder_count * REGISTERS_PER_FEEDER);
    device->modbus = modbus_new_tcp(host, (int)port);
    device->mapping = modbus_mapping_new(count, count, 0, count);
    if (device->modbus == NULL || device->mapping == NULL)
        return device_fail(problem, "prepare", host, port);
    /* After a request that it cannot read, libmodbus waits this long for the rest of it: nobody else should. */
    modbus_set_response_timeout(device->modbus, 0, 1000);
    device->listener = modbus_tcp_listen(device->modbus, (int)CONNECTIONS_MAX);
    if (device->listener < 0)
        return device_fail(problem, "listen on", host, port);
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = LISTENER}};
    device->poller = epoll_create1(EPOLL_CLOEXEC);
    if (device->poller < 0 || epoll_ctl(device->poller, EPOLL_CTL_ADD, device->listener, &event) < 0)
        return device_fail(problem, "watch", host, port);
    return 0;
}

int device_create(const char *host, unsigned port, const struct profile *profile, struct grid_state *state,
                  struct device **device, struct problem *problem) {
    struct device *made = calloc(1, sizeof *made);
    if (made == NULL)
        return GROVE_NO_MEMORY;
    made->profile = profile;
    made->state = state;
    made->listener = made->poller = -1;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        made->connection[i].descriptor = -1;
    int status = device_listen(made, host, port, problem);
    if (status < 0) {
        device_destroy(made);
        return status;
    }
    *device = made;
    return 0;
}

void device_destroy(struct device *device) {
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        if (device->connection[i].descriptor >= 0)
            close(device->connection[i].descriptor);
    if (device->poller >= 0)
        close(device->poller);
    if (device->listener >= 0)
        close(device->listener);
    if (device->mapping != NULL)
        modbus_mapping_free(device->mapping);
    if (device->modbus != NULL)
        modbus_free(device->modbus);
    free(device);
}

int device_descriptor(const struct device *device) {
    return device->poller;
}

static uint16_t word_of(double value) {
    return value <= 0 ? 0 : value >= 65535 ? 65535 : (uint16_t)lround(value);
}

/* The model as it is now, into the register tables. */
static void registers_fill(struct device *device) {
    const struct grid_state *state = device->state;
    for (unsigned i = 0; i < device->profile->feeder_count; i++) {
        struct feeder_values values = model_feeder(state, device->profile, i);
        uint16_t *input = device->mapping->tab_input_registers + (size_t)i * REGISTERS_PER_FEEDER;
        uint32_t power = (uint32_t)(int32_t)(values.power_kw * 1000);
        const uint16_t words[INPUTS_USED] = {word_of(values.voltage_v), word_of(values.current_a * 10),
                                             word_of(state->frequency_hz * 1000), (uint16_t)(power >> 16),
                                             (uint16_t)power};
        memcpy(input, words, sizeof words);
        device->mapping->tab_input_bits[i * REGISTERS_PER_FEEDER] = values.is_closed;
        device->mapping->tab_bits[i * REGISTERS_PER_FEEDER] = state->is_open[i];
    }
}

/* What the request wrote moves the breakers. */
static void coils_apply(struct device *device) {
    for (unsigned i = 0; i < device->profile->feeder_count; i++)
        device->state->is_open[i] = device->mapping->tab_bits[i * REGISTERS_PER_FEEDER] != 0;
}

static void connection_close(struct connection *connection) {
    close(connection->descriptor);
    connection->descriptor = -1;
}

/* Length of the whole frame at the start of the buffer; 0: more must come; -1: this is no Modbus/TCP. */
static int frame_length(const struct connection *connection) {
    const unsigned char *at = connection->received;
    if (connection->received_bytes < 6)
        return 0;
    unsigned length = 6 + ((unsigned)at[4] << 8 | at[5]);
    if (at[2] != 0 || at[3] != 0 || length < 8 || length > FRAME_BYTES_MAX)
        return -1;
    return connection->received_bytes < length ? 0 : (int)length;
}

/* Answer one frame. libmodbus reads the counts in it without asking for its length, hence the zeros behind it. */
static bool frame_answer(struct device *device, struct connection *connection, int length) {
    unsigned char frame[FRAME_BYTES_MAX] = {0};
    memcpy(frame, connection->received, (size_t)length);
    connection->received_bytes -= (size_t)length;
    memmove(connection->received, connection->received + length, connection->received_bytes);
    registers_fill(device);
    modbus_set_socket(device->modbus, connection->descriptor);
    bool answered = modbus_reply(device->modbus, frame, length, device->mapping) >= 0;
    coils_apply(device);
    return answered;
}

static void connection_turn(struct device *device, struct connection *connection) {
    ssize_t got = recv(connection->descriptor, connection->received + connection->received_bytes,
                       sizeof connection->received - connection->received_bytes, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            connection_close(connection);
        return;
    }
    connection->received_bytes += (size_t)got;
    int length;
    while ((length = frame_length(connection)) != 0)
        if (length < 0 || !frame_answer(device, connection, length)) {
            connection_close(connection);
            return;
        }
}

static void connection_accept(struct device *device) {
    int descriptor = accept4(device->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0)
        return;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &device->connection[i];
        if (connection->descriptor >= 0)
            continue;
        struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = i}};
        if (epoll_ctl(device->poller, EPOLL_CTL_ADD, descriptor, &event) < 0)
            break;
        *connection = (struct connection){.descriptor = descriptor};
        return;
    }
    /* More clients than a substation has room for: the newest is turned away. */
    close(descriptor);
}

void device_turn(struct device *device, uint64_t now_ns) {
    struct epoll_event events[CONNECTIONS_MAX];
    int count = epoll_wait(device->poller, events, (int)CONNECTIONS_MAX, 0);
    model_advance(device->state, device->profile, now_ns);
    for (int i = 0; i < count; i++) {
        unsigned which = events[i].data.u32;
        if (which == LISTENER)
            connection_accept(device);
        else if (device->connection[which].descriptor >= 0)
            connection_turn(device, &device->connection[which]);
    }
}
