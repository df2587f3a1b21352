/* A Modbus/TCP client that never blocks; the state diagram is in modbus_client.h. */
#include "examples/grid/common/modbus_client.h"

#include "grove/abi/status.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKOFF_FIRST_NS 10000000u
#define BACKOFF_LAST_NS 2000000000u
#define CONNECT_TIMEOUT_NS 1000000000u

void modbus_client_init(struct modbus_client *client, const struct config_device *device) {
    *client = (struct modbus_client){.device = device, .descriptor = -1, .backoff_ns = BACKOFF_FIRST_NS};
}

/* End the connection and, if a request is under way, the request. */
static void client_drop(struct modbus_client *client, int status, uint64_t now_ns) {
    bool was_waiting = client->state == MODBUS_WAITING;
    if (client->descriptor >= 0 && client->on_close != NULL)
        client->on_close(client);
    if (client->descriptor >= 0)
        close(client->descriptor);
    client->descriptor = -1;
    client->events = 0;
    client->state = MODBUS_ABSENT;
    client->due_ns = now_ns + client->backoff_ns;
    client->backoff_ns = client->backoff_ns * 2 < BACKOFF_LAST_NS ? client->backoff_ns * 2 : BACKOFF_LAST_NS;
    if (was_waiting)
        client->done(client, status, NULL, client->context);
}

void modbus_client_close(struct modbus_client *client, uint64_t now_ns) {
    client_drop(client, GROVE_CLOSED, now_ns);
}

static void client_connected(struct modbus_client *client) {
    int on = 1;
    /* A request is one small packet: waiting to fill it up would cost the reaction time. Failing only costs time. */
    (void)setsockopt(client->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    client->state = MODBUS_IDLE;
    client->events = POLLIN;
    client->received_bytes = 0;
}

static void client_connect(struct modbus_client *client, uint64_t now_ns) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)client->device->port)};
    inet_pton(AF_INET, client->device->host, &address.sin_addr);
    client->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->descriptor < 0) {
        client_drop(client, GROVE_CLOSED, now_ns);
        return;
    }
    client->state = MODBUS_CONNECTING;
    client->events = POLLOUT;
    client->due_ns = now_ns + CONNECT_TIMEOUT_NS;
    if (connect(client->descriptor, (const struct sockaddr *)&address, sizeof address) == 0)
        client_connected(client);
    else if (errno != EINPROGRESS)
        client_drop(client, GROVE_CLOSED, now_ns);
}

void modbus_client_tick(struct modbus_client *client, uint64_t now_ns) {
    if (now_ns < client->due_ns || client->state == MODBUS_IDLE)
        return;
    if (client->state == MODBUS_ABSENT)
        client_connect(client, now_ns);
    else
        client_drop(client, GROVE_TIMED_OUT, now_ns);
}

int modbus_client_request(struct modbus_client *client, const struct modbus_request *request, uint64_t now_ns,
                          modbus_done *done, void *context) {
    if (client->state == MODBUS_WAITING)
        return GROVE_AGAIN;
    if (client->state != MODBUS_IDLE)
        return GROVE_CLOSED;
    uint16_t transaction = (uint16_t)(client->request.transaction + 1);
    client->request = *request;
    client->request.transaction = transaction;
    unsigned char frame[MODBUS_FRAME_BYTES_MAX];
    size_t length = modbus_frame_write(&client->request, frame);
    /* Twelve bytes into a socket with nothing unread before them: either they fit or the connection is broken. */
    if (send(client->descriptor, frame, length, MSG_NOSIGNAL) != (ssize_t)length) {
        client_drop(client, GROVE_CLOSED, now_ns);
        return GROVE_CLOSED;
    }
    client->done = done;
    client->context = context;
    client->due_ns = now_ns + client->device->timeout_ns;
    client->state = MODBUS_WAITING;
    return 0;
}

/* Take the frames that have arrived; the one that answers the request ends it. */
static void client_take(struct modbus_client *client, uint64_t now_ns) {
    size_t length;
    int status;
    while ((status = modbus_frame_length(client->received, client->received_bytes, &length)) == 0) {
        struct modbus_answer answer;
        int fits = client->state == MODBUS_WAITING
                       ? modbus_frame_read(client->received, length, &client->request, &answer)
                       : GROVE_CORRUPT;
        client->received_bytes -= length;
        memmove(client->received, client->received + length, client->received_bytes);
        if (fits == GROVE_CORRUPT) {
            client_drop(client, GROVE_CORRUPT, now_ns);
            return;
        }
        if (fits < 0)
            continue;
        client->state = MODBUS_IDLE;
        client->backoff_ns = BACKOFF_FIRST_NS;
        client->done(client, 0, &answer, client->context);
        if (client->state == MODBUS_ABSENT)
            return;
    }
    if (status == GROVE_CORRUPT)
        client_drop(client, GROVE_CORRUPT, now_ns);
}

static void client_receive(struct modbus_client *client, uint64_t now_ns) {
    ssize_t got = recv(client->descriptor, client->received + client->received_bytes,
                       sizeof client->received - client->received_bytes, 0);
    if (got > 0) {
        client->received_bytes += (size_t)got;
        client_take(client, now_ns);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        client_drop(client, GROVE_CLOSED, now_ns);
    }
}

void modbus_client_ready(struct modbus_client *client, short events, uint64_t now_ns) {
    if (client->state == MODBUS_CONNECTING) {
        int error = 0;
        socklen_t length = sizeof error;
        bool failed = getsockopt(client->descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error != 0;
        if (failed)
            client_drop(client, GROVE_CLOSED, now_ns);
        else if (events & POLLOUT)
            client_connected(client);
    } else if (client->state != MODBUS_ABSENT) {
        client_receive(client, now_ns);
    }
}
