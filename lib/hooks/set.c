/*
 * Setting hooks, answering as one, and extensions: one call each to the service of hooks, over a channel of its own that
 * lasts as long as the call. Nothing is kept here.
 */
#include "grove/hooks.h"

#include <stdio.h>
#include <string.h>

#include "lib/hooks/wire.h"
#include "lib/session/session.h"

#define CALL_TIMEOUT_NS (5 * GROVE_SECOND)

static const char *const point_texts[GROVE_HOOK_POINTS] = {
#define POINT_TEXT(name, number, text) [number] = (text),
    GROVE_HOOK_POINT_TABLE(POINT_TEXT)
#undef POINT_TEXT
};

const char *grove_hook_point_text(uint32_t point) {
    return point < GROVE_HOOK_POINTS ? point_texts[point] : "unknown";
}

/* One call; the first bytes of the answer go to `reply`. */
static int call_hooks(struct grove_session *session, uint32_t method, const void *data, size_t bytes, void *reply,
                      size_t reply_bytes) {
    struct grove_connect_options options = {.session = session, .arena_bytes = GROVE_ARENA_NONE};
    struct grove_call call = {.method = method, .data = data, .length_bytes = bytes, .timeout_ns = CALL_TIMEOUT_NS};
    struct grove_channel *channel;
    struct grove_answer answer;
    int status = grove_connect_with(GROVE_HOOKS_ENDPOINT, &options, &channel);
    if (status < 0)
        return status;
    status = grove_call(channel, &call, &answer);
    if (status == 0) {
        if (answer.length_bytes < reply_bytes)
            status = error_set(GROVE_CORRUPT, "the service of hooks answered with too little");
        else if (reply_bytes > 0)
            memcpy(reply, answer.data, reply_bytes);
        grove_answer_release(&answer);
    }
    grove_channel_close(channel);
    return status;
}

static int fill(struct grove_session **session, const struct grove_hook *hook, struct grove_hooks_set *set) {
    const char *pattern = hook->pattern != NULL ? hook->pattern : ">";
    int status = session_or_default(*session, session);
    if (status < 0)
        return status;
    *set = (struct grove_hooks_set){.version = GROVE_HOOKS_VERSION,
                                    .point = hook->point,
                                    .priority = hook->priority,
                                    .timeout_ns = hook->timeout_ns};
    if (strlen(pattern) > GROVE_HOOK_SUBJECT_MAX)
        return error_set(GROVE_INVALID, "a pattern has at most %u bytes", GROVE_HOOK_SUBJECT_MAX);
    memcpy(set->pattern, pattern, strlen(pattern));
    return session_full_name(*session, hook->endpoint, &set->endpoint);
}

int grove_hook_set(struct grove_session *session, const struct grove_hook *hook) {
    struct grove_hooks_set set;
    int status = fill(&session, hook, &set);
    return status < 0 ? status : call_hooks(session, GROVE_HOOKS_SET, &set, sizeof set, NULL, 0);
}

int grove_hook_clear(struct grove_session *session, enum grove_hook_point point, const char *endpoint) {
    struct grove_hooks_set set;
    int status = fill(&session, &(struct grove_hook){.point = point, .endpoint = endpoint, .pattern = ""}, &set);
    return status < 0 ? status : call_hooks(session, GROVE_HOOKS_CLEAR, &set, sizeof set, NULL, 0);
}

/* ---- being asked ---- */

int grove_hook_read(const struct grove_request *request, struct grove_hook_call *call) {
    static _Thread_local struct grove_hooks_run run; /* a copy: the data is the sender's */
    return hook_call_read(grove_request_data(request), grove_request_bytes(request), &run, call);
}

static int answer(struct grove_request *request, enum grove_hook_result result, const void *data, size_t bytes) {
    char reply[sizeof(struct grove_hooks_result) + GROVE_HOOK_DATA_MAX];
    struct grove_hooks_result head = {.version = GROVE_HOOKS_VERSION, .result = result};
    if (bytes > GROVE_HOOK_DATA_MAX)
        return error_set(GROVE_TOO_LARGE, "a hook can give back %u bytes, not %zu", GROVE_HOOK_DATA_MAX, bytes);
    memcpy(reply, &head, sizeof head);
    if (bytes > 0)
        memcpy(reply + sizeof head, data, bytes);
    return grove_reply(request, reply, sizeof head + bytes);
}

int grove_hook_continue(struct grove_request *request) {
    return answer(request, GROVE_HOOK_CONTINUE, NULL, 0);
}

int grove_hook_change(struct grove_request *request, const void *data, size_t length_bytes) {
    return answer(request, GROVE_HOOK_CHANGE, data, length_bytes);
}

int grove_hook_veto(struct grove_request *request, const char *reason) {
    size_t bytes = reason != NULL ? strlen(reason) : 0;
    return answer(request, GROVE_HOOK_VETO, reason, bytes < GROVE_HOOK_REASON_MAX ? bytes : GROVE_HOOK_REASON_MAX);
}

/* ---- extensions ---- */

int grove_extension_register(struct grove_session *session, const struct grove_extension *extension) {
    struct grove_hooks_extension wanted = {.version = GROVE_HOOKS_VERSION, .extension = *extension};
    int status = session_or_default(session, &session);
    wanted.extension.endpoint.text[GROVE_NAME_MAX] = '\0';
    if (status == 0)
        status = session_full_name(session, extension->endpoint.text, &wanted.extension.endpoint);
    return status < 0 ? status : call_hooks(session, GROVE_HOOKS_EXTEND, &wanted, sizeof wanted, NULL, 0);
}

int grove_extension_unregister(struct grove_session *session, uint32_t kind, const char *name) {
    struct grove_hooks_extension wanted = {.version = GROVE_HOOKS_VERSION, .extension.kind = kind};
    if (name == NULL || strlen(name) > GROVE_NAME_MAX)
        return error_set(GROVE_INVALID, "that is no name of an extension");
    memcpy(wanted.extension.name.text, name, strlen(name));
    return call_hooks(session, GROVE_HOOKS_WITHDRAW, &wanted, sizeof wanted, NULL, 0);
}

int grove_extension_next(struct grove_session *session, uint32_t kind, struct grove_version below, uint32_t *cursor,
                         struct grove_extension *extension) {
    struct grove_hooks_list list = {.version = GROVE_HOOKS_VERSION, .cursor = *cursor, .kind = kind, .least = below};
    struct grove_hooks_extension found = {0};
    int status = call_hooks(session, GROVE_HOOKS_EXTENSIONS, &list, sizeof list, &found, sizeof found);
    if (status < 0)
        return status;
    *cursor = found.cursor;
    *extension = found.extension;
    return 0;
}
