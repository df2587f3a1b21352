/* Two pipes between two processes: the plainest thing that Linux has. */
#include "bench/common/peer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int to_server[2], to_client[2];

static void transfer(int descriptor, char *data, size_t bytes, ssize_t (*step)(int, void *, size_t)) {
    for (size_t done = 0; done < bytes;) {
        ssize_t n = step(descriptor, data + done, bytes - done);
        if (n <= 0) {
            peer_fail("pipe");
        }
        done += (size_t)n;
    }
}

static ssize_t write_step(int descriptor, void *data, size_t bytes) {
    return write(descriptor, data, bytes);
}

/* Frames: length, then bytes. */
static size_t frame_read(int descriptor, char *buffer) {
    size_t bytes;
    transfer(descriptor, (char *)&bytes, sizeof bytes, read);
    transfer(descriptor, buffer, bytes, read);
    return bytes;
}

static void frame_write(int descriptor, const char *data, size_t bytes) {
    static char frame[(1 << 20) + sizeof(size_t)];
    memcpy(frame, &bytes, sizeof bytes);
    memcpy(frame + sizeof bytes, data, bytes);
    transfer(descriptor, frame, sizeof bytes + bytes, write_step);
}

static void serve(const char *address, int ready) {
    (void)address;
    static char buffer[1 << 20];
    if (write(ready, "", 1) != 1) {
        peer_fail("ready");
    }
    do {
        size_t bytes = frame_read(to_server[0], buffer);
        if (buffer[0] != 'o') {
            frame_write(to_client[1], buffer, bytes);
        }
    } while (buffer[0] != 'q');
}

static void *dial(const char *address) {
    (void)address;
    return to_server;
}

static void call(void *client, const void *data, size_t bytes) {
    (void)client;
    static char answer[1 << 20];
    frame_write(to_server[1], data, bytes);
    frame_read(to_client[0], answer);
}

static void send_one(void *client, const void *data, size_t bytes) {
    (void)client;
    frame_write(to_server[1], data, bytes);
}

int main(int argc, char **argv) {
    static const struct peer peer = {
        .name = "pipe", .serve = serve, .dial = dial, .call = call, .send = send_one, .largest_bytes = 1 << 20};
    if (pipe(to_server) < 0 || pipe(to_client) < 0) {
        peer_fail("pipe");
    }
    return peer_main(&peer, argc, argv);
}
