/*
 * A Modbus/TCP client that never blocks: one connection to one device, one request at a time.
 *
 * The owner watches `descriptor` for `events` in its own loop (and stops in on_close), calls modbus_client_ready when they come, and
 * modbus_client_tick now and then (each poll cycle) for what time brings: a missing answer, the next attempt to connect.
 * A device that is not there costs no more than those attempts, which back off from 10 ms to 2 s.
 *
 *     absent --tick, when due--> connecting --connected--> idle --request--> waiting --answer--> idle
 *        ^                           |                                          |
 *        +---- any error, no answer in time, an answer that is no Modbus/TCP ---+
 *
 * A connection that missed an answer is given up: what comes later on it could be taken for the next answer.
 */
#ifndef GRID_COMMON_MODBUS_CLIENT_H
#define GRID_COMMON_MODBUS_CLIENT_H

#include "examples/grid/common/config.h"
#include "examples/grid/common/modbus_frame.h"

enum modbus_state { MODBUS_ABSENT, MODBUS_CONNECTING, MODBUS_IDLE, MODBUS_WAITING };

struct modbus_client;
/* The end of a request: 0 and the answer (which may be an exception), or GROVE_TIMED_OUT, GROVE_CLOSED, GROVE_CORRUPT. */
typedef void modbus_done(struct modbus_client *client, int status, const struct modbus_answer *answer, void *context);

struct modbus_client {
    const struct config_device *device;
    enum modbus_state state;
    int descriptor; /* -1: none */
    short events; /* of poll.h, to watch the descriptor for */
    uint64_t due_ns; /* ABSENT: next attempt; else: when to give up */
    uint64_t backoff_ns;
    void (*on_close)(struct modbus_client *client); /* before the descriptor is closed; may be NULL */
    void *owner; /* for on_close */
    struct modbus_request request;
    modbus_done *done;
    void *context;
    size_t received_bytes;
    unsigned char received[MODBUS_FRAME_BYTES_MAX];
};

void modbus_client_init(struct modbus_client *client, const struct config_device *device);
void modbus_client_close(struct modbus_client *client, uint64_t now_ns);
void modbus_client_tick(struct modbus_client *client, uint64_t now_ns);
void modbus_client_ready(struct modbus_client *client, short events, uint64_t now_ns);
/*
 * Send a request; the transaction number is chosen here. GROVE_AGAIN: another one is under way; GROVE_CLOSED: not
 * connected. `done` is called later, once, never from inside this call.
 */
int modbus_client_request(struct modbus_client *client, const struct modbus_request *request, uint64_t now_ns,
                          modbus_done *done, void *context);

#endif
