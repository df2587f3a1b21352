/*
 * What the files of the fake kernel share. The lock is held by whoever calls any of this.
 */
#ifndef GROVE_TESTING_FAKE_INTERNAL_H
#define GROVE_TESTING_FAKE_INTERNAL_H

#include "lib/testing/fake_kernel.h"

#include <pthread.h>

#define CONTAINERS_MAX 64
#define CHANNELS_MAX 256
#define REPORTS_MAX 8

struct container {
    struct grove_name name, endpoint;
    int port, page_memory;
    struct grove_kernel_page *page;
    uint32_t generation;
    uint32_t ring;
    bool is_running, is_destroyed, is_poor; /* poor: it holds no permission */
    uint32_t reports[REPORTS_MAX];
    uint64_t report_values[REPORTS_MAX];
    uint32_t requests[GROVE_REQUEST_END];
    int state_memory;
    uint64_t state_bytes;
    const struct channel *waker; /* through whose client's word this container is woken as well; NULL: none */
};

struct channel_side {
    int container, memory, bell;
    uint8_t *mapping; /* made before the seal */
    bool is_attached, is_shown; /* shown: the peer has been given it */
    uint32_t epoch;
    bool is_closed;
};

struct channel {
    bool is_used;
    uint32_t generation;
    grove_object_id id;
    uint64_t tag;
    struct grove_channel_layout layout;
    struct channel_side sides[2];
};

struct fake_kernel {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int wake[2];
    bool is_stopping, wakes_through_clients;
    struct container containers[CONTAINERS_MAX];
    int container_count;
    struct channel channels[CHANNELS_MAX];
};

#define must(condition) fake_must((condition), #condition, __FILE__, __LINE__)
void fake_must(bool condition, const char *text, const char *file, int line);

/* ---- fake_kernel.c ---- */

int fake_memory(uint64_t size_bytes); /* zeroed, sealed against resizing */
void fake_say(struct container *container, struct grove_message *message, const int *objects, unsigned count);
void fake_reply(struct container *container, const struct grove_message *request, int status,
                struct grove_message *body, const int *objects, unsigned count);

/* ---- fake_channels.c ---- */

void fake_channel_connect(struct fake_kernel *kernel, int client, const struct grove_message *request);
/* The container at the client end of the channel that this container serves; -1: there is none. */
int fake_channel_client(struct fake_kernel *kernel, int server, grove_handle handle);
void fake_channel_request(struct fake_kernel *kernel, int index, const struct grove_message *request);
/* An instance has ended: its segments are closed, and copied for the next one. */
void fake_channels_end(struct fake_kernel *kernel, int index);
/* The next instance has begun: it hears of its clients. */
void fake_channels_begin(struct fake_kernel *kernel, int index);
/* The container is gone for good. */
void fake_channels_close(struct fake_kernel *kernel, int index);
grove_object_id fake_channel_id(const struct channel *channel);
/* Change the signal word of a channel's client and wake who sleeps on it. */
void fake_channel_wake(const struct channel *channel);
void fake_channels_free(struct fake_kernel *kernel);

#endif
