/* Dead letters and durable streams: asking the bus, call by call. */
#include "lib/bus/bus.h"

#include <string.h>

static int set_text(char *field, size_t room_bytes, const char *text, const char *what) {
    if (text == NULL)
        return 0;
    size_t bytes = strlen(text);
    if (bytes >= room_bytes)
        return error_set(GROVE_INVALID, "%s has at most %zu bytes", what, room_bytes - 1);
    memcpy(field, text, bytes + 1);
    return 0;
}

static int describe(const struct grove_dead_letters *which, uint64_t cursor, struct bus_client **client,
                    struct grove_bus_dead_letters *asked) {
    *asked = (struct grove_bus_dead_letters){.version = GROVE_BUS_PROTOCOL_VERSION, .cursor = cursor};
    int status = bus_client_of(which != NULL ? which->session : NULL, client);
    if (status < 0 || which == NULL)
        return status;
    asked->id = which->id;
    asked->before_ns = which->before_ns;
    status = set_text(asked->subject, sizeof asked->subject, which->subject, "a pattern");
    if (status == 0)
        status = set_text(asked->subscriber.text, sizeof asked->subscriber.text, which->subscriber, "a service's name");
    return status;
}

int grove_bus_dead_letter_next(const struct grove_dead_letters *which, uint64_t *cursor,
                               struct grove_dead_letter *letter) {
    struct grove_bus_dead_letters asked;
    struct bus_client *client = NULL;
    struct {
        uint64_t cursor;
        struct grove_dead_letter letter;
    } told;
    int status = describe(which, *cursor, &client, &asked);
    if (status == 0)
        status = bus_call(client, GROVE_BUS_DEAD_LETTER_NEXT, &asked, sizeof asked, &told, sizeof told, 0);
    if (status != 0)
        return status;
    *cursor = told.cursor;
    *letter = told.letter;
    return 0;
}

int grove_bus_dead_letter_data(const struct grove_dead_letters *which, void *data, size_t *length_bytes) {
    struct grove_bus_dead_letters asked;
    struct bus_client *client = NULL;
    struct grove_channel *channel = NULL;
    struct grove_answer answer;
    int status = describe(which, 0, &client, &asked);
    if (status == 0)
        status = bus_channel(client, BUS_MAIN, &channel);
    if (status < 0)
        return status;
    struct grove_call call = {.method = GROVE_BUS_DEAD_LETTER_DATA, .data = &asked, .length_bytes = sizeof asked};
    status = grove_call(channel, &call, &answer);
    if (status < 0)
        return status;
    const void *told = answer.slice != NULL ? answer.slice : answer.data;
    size_t bytes = answer.slice != NULL ? answer.slice_bytes : answer.length_bytes;
    size_t room_bytes = *length_bytes;
    *length_bytes = bytes;
    if (bytes > room_bytes)
        status = error_set(GROVE_TOO_LARGE, "the event has %zu bytes", bytes);
    else if (bytes > 0)
        memcpy(data, told, bytes);
    grove_answer_release(&answer);
    return status;
}

static int for_all(const struct grove_dead_letters *which, uint32_t method, uint64_t *count) {
    struct grove_bus_dead_letters asked;
    struct bus_client *client = NULL;
    int status = describe(which, 0, &client, &asked);
    return status < 0 ? status : bus_call(client, method, &asked, sizeof asked, count, sizeof *count, 0);
}

int grove_bus_dead_letter_replay(const struct grove_dead_letters *which, uint64_t *count) {
    return for_all(which, GROVE_BUS_DEAD_LETTER_REPLAY, count);
}

int grove_bus_dead_letter_purge(const struct grove_dead_letters *which, uint64_t *count) {
    return for_all(which, GROVE_BUS_DEAD_LETTER_PURGE, count);
}

static int ask_stream(struct grove_session *session, uint32_t method, const struct grove_bus_stream *stream) {
    const struct {
        struct grove_bus_member head;
        struct grove_bus_stream stream;
    } asked = {.head = {.version = GROVE_BUS_PROTOCOL_VERSION}, .stream = *stream};
    struct bus_client *client = NULL;
    int status = bus_client_of(session, &client);
    return status < 0 ? status : bus_call(client, method, &asked, sizeof asked, NULL, 0, 0);
}

int grove_bus_stream_set(struct grove_session *session, const struct grove_bus_stream *stream) {
    return ask_stream(session, GROVE_BUS_STREAM_SET, stream);
}

int grove_bus_stream_remove(struct grove_session *session, const char *name) {
    struct grove_bus_stream stream = {.retain_bytes = 0};
    if (name == NULL || strlen(name) >= sizeof stream.name)
        return error_set(GROVE_INVALID, "a stream's name has at most %u bytes", GROVE_BUS_GROUP_MAX);
    memcpy(stream.name, name, strlen(name) + 1);
    return ask_stream(session, GROVE_BUS_STREAM_REMOVE, &stream);
}

int grove_bus_stream_next(struct grove_session *session, uint64_t *cursor, struct grove_bus_stream *stream) {
    const struct grove_bus_member asked = {.version = GROVE_BUS_PROTOCOL_VERSION, .value = *cursor};
    struct {
        uint64_t cursor;
        struct grove_bus_stream stream;
    } told;
    struct bus_client *client = NULL;
    int status = bus_client_of(session, &client);
    if (status == 0)
        status = bus_call(client, GROVE_BUS_STREAM_NEXT, &asked, sizeof asked, &told, sizeof told, 0);
    if (status != 0)
        return status;
    *cursor = told.cursor;
    *stream = told.stream;
    return 0;
}
