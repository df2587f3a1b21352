/*
 * A service for the tests of configuration: `reader NAME [VALIDATES | later]`. It reads its configuration, watches all of it
 * and, with VALIDATES, validates: "own" its own keys, else a pattern over SERVICE.KEY. With "later" it does not wait for its
 * configuration. What it is asked is in the methods below.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grove/config.h"

enum method {
    METHOD_READ = 1, /* key -> its value as text, or why not */
    METHOD_PAIR = 2, /* -> left and right, which are always changed together */
    METHOD_TOLD = 3, /* -> how many changes it was told of, and the last one in words */
    METHOD_MODE = 4, /* 0: accept proposals, 1: refuse them, 2: never answer one, 3: end when asked */
    METHOD_SPEED = 5, /* count -> nanoseconds of a read by name, and by a key that was looked up */
    METHOD_FETCH = 6, /* "SERVICE KEY" -> that value, by a call */
};

static struct grove_config *config;
static uint64_t mode, told_count;
static char told_last[512], asked_last[512];

/* ---- words ---- */

static void print_item(const struct grove_config_value *value, uint32_t index, char *text, size_t bytes) {
    int64_t whole = 0;
    double real = 0;
    bool flag = false;
    uint64_t amount = 0;
    const char *words = "";
    switch (value->kind & 0xff) {
    case GROVE_CONFIG_INT:
        (void)grove_config_item_int(value, index, &whole);
        (void)snprintf(text, bytes, "%lld", (long long)whole);
        break;
    case GROVE_CONFIG_FLOAT:
        (void)grove_config_item_float(value, index, &real);
        (void)snprintf(text, bytes, "%g", real);
        break;
    case GROVE_CONFIG_BOOL:
        (void)grove_config_item_bool(value, index, &flag);
        (void)snprintf(text, bytes, "%s", flag ? "true" : "false");
        break;
    case GROVE_CONFIG_DURATION:
        (void)grove_config_item_duration(value, index, &amount);
        (void)snprintf(text, bytes, "%lluns", (unsigned long long)amount);
        break;
    case GROVE_CONFIG_SIZE:
        (void)grove_config_item_size(value, index, &amount);
        (void)snprintf(text, bytes, "%llu", (unsigned long long)amount);
        break;
    default:
        (void)grove_config_item_text(value, index, &words);
        (void)snprintf(text, bytes, "%s", words);
    }
}

static void print_value(const struct grove_config_value *value, char *text, size_t bytes) {
    (void)snprintf(text, bytes, "%s", value == NULL ? "-" : "");
    for (uint32_t index = 0; value != NULL && index < value->count; index++) {
        char item[256];
        print_item(value, index, item, sizeof item);
        (void)snprintf(text + strlen(text), bytes - strlen(text), "%s%s", index > 0 ? "," : "", item);
    }
}

/* ---- what it is told and asked ---- */

static void changed(struct grove_config *own, const struct grove_config_change *change, void *context) {
    char before[200], after[200];
    (void)own;
    (void)context;
    print_value(change->before, before, sizeof before);
    print_value(change->after, after, sizeof after);
    (void)snprintf(told_last, sizeof told_last, "%s: %s -> %s", change->key, before, after);
    told_count++;
}

static int validate(struct grove_config *own, const struct grove_config_proposal *proposal, char *reason,
                    size_t reason_bytes, void *context) {
    const struct grove_config_proposed *first = &proposal->changes[0];
    char before[200], after[200];
    (void)own;
    (void)context;
    print_value(first->before, before, sizeof before);
    print_value(first->after, after, sizeof after);
    (void)snprintf(asked_last, sizeof asked_last, "%s.%s: %s -> %s", first->service, first->key, before, after);
    if (mode == 1) {
        (void)snprintf(reason, reason_bytes, "asked about %s, and no", asked_last);
        return GROVE_DENIED;
    }
    if (mode == 2)
        (void)pause();
    if (mode == 3)
        _exit(7);
    return 0;
}

/* ---- methods ---- */

static int reply_text(struct grove_request *request, const char *text) {
    return grove_reply(request, text, strlen(text));
}

static int on_read(struct grove_request *request, void *context) {
    char key[256] = "", room[8192], text[4096];
    struct grove_config_value value;
    size_t bytes = grove_request_bytes(request) < sizeof key - 1 ? grove_request_bytes(request) : sizeof key - 1;
    (void)context;
    memcpy(key, grove_request_data(request), bytes);
    int status = grove_config_get(config, key, room, sizeof room, &value);
    if (status < 0)
        return grove_fail(request, status, "%s", grove_last_error());
    print_value(&value, text, sizeof text);
    return reply_text(request, text);
}

static int on_pair(struct grove_request *request, void *context) {
    int64_t pair[2] = {0, 0};
    uint64_t before;
    int status;
    (void)context;
    do {
        before = grove_config_change_number(config);
        status = grove_config_get_int(config, "left", &pair[0]);
        if (status == 0)
            status = grove_config_get_int(config, "right", &pair[1]);
    } while (grove_config_change_number(config) != before);
    return status < 0 ? grove_fail(request, status, "%s", grove_last_error()) : grove_reply(request, pair, sizeof pair);
}

static int on_told(struct grove_request *request, void *context) {
    struct {
        uint64_t count;
        char last[sizeof told_last + sizeof asked_last + 4];
    } answer = {.count = told_count};
    (void)context;
    (void)snprintf(answer.last, sizeof answer.last, "%s | %s", told_last, asked_last);
    return grove_reply(request, &answer, sizeof answer.count + strlen(answer.last));
}

static int on_mode(struct grove_request *request, void *context) {
    (void)context;
    if (grove_request_bytes(request) != sizeof mode)
        return grove_fail(request, GROVE_INVALID, "a mode has 8 bytes");
    memcpy(&mode, grove_request_data(request), sizeof mode);
    return 0;
}

static int on_speed(struct grove_request *request, void *context) {
    struct grove_config_key key;
    uint64_t count, begin_ns;
    double speeds[2];
    int64_t value, sum = 0;
    (void)context;
    memcpy(&count, grove_request_data(request), sizeof count);
    int status = grove_config_key_open(config, "left", GROVE_CONFIG_INT, &key);
    begin_ns = grove_now_ns();
    for (uint64_t index = 0; status == 0 && index < count; index++) {
        status = grove_config_get_int(config, "left", &value);
        sum += value;
    }
    speeds[0] = (double)(grove_now_ns() - begin_ns) / (double)count;
    begin_ns = grove_now_ns();
    for (uint64_t index = 0; status == 0 && index < count; index++) {
        status = grove_config_key_int(&key, &value);
        sum += value;
    }
    speeds[1] = (double)(grove_now_ns() - begin_ns) / (double)count;
    if (status < 0 || sum == INT64_MIN)
        return grove_fail(request, status, "%s", grove_last_error());
    return grove_reply(request, speeds, sizeof speeds);
}

static int on_fetch(struct grove_request *request, void *context) {
    char words[256] = "", text[4096];
    size_t bytes = grove_request_bytes(request) < sizeof words - 1 ? grove_request_bytes(request) : sizeof words - 1;
    (void)context;
    memcpy(words, grove_request_data(request), bytes);
    char *space = strchr(words, ' ');
    if (space == NULL)
        return grove_fail(request, GROVE_INVALID, "the request is SERVICE KEY");
    *space = '\0';
    int status = grove_config_fetch(NULL, words, space + 1, text, sizeof text);
    return status < 0 ? grove_fail(request, status, "%s", grove_last_error()) : reply_text(request, text);
}

int main(int argument_count, char **arguments) {
    static const struct {
        uint32_t number;
        grove_handler *handler;
    } methods[] = {{METHOD_READ, on_read}, {METHOD_PAIR, on_pair},   {METHOD_TOLD, on_told},
                   {METHOD_MODE, on_mode}, {METHOD_SPEED, on_speed}, {METHOD_FETCH, on_fetch}};
    struct grove_service *service;
    if (argument_count < 2)
        return 2;
    bool is_later = argument_count > 2 && strcmp(arguments[2], "later") == 0;
    int status = is_later ? grove_config_open_later(NULL, &config) : grove_config_open(NULL, &config);
    if (status < 0 || grove_config_watch(config, ">", changed, NULL) < 0)
        return grove_report("reader");
    if (argument_count > 2 && !is_later &&
        grove_config_validate(config, strcmp(arguments[2], "own") == 0 ? NULL : arguments[2], validate, NULL) < 0)
        return grove_report("reader");
    if (grove_service_create(NULL, &service) < 0)
        return grove_report("reader");
    for (size_t index = 0; index < sizeof methods / sizeof methods[0]; index++)
        if (grove_service_on(service, arguments[1], methods[index].number, methods[index].handler, NULL) < 0)
            return grove_report("reader");
    return grove_service_run(service) < 0 ? grove_report("reader") : 0;
}
