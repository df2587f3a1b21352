/*
 * What each operation of a client does, and how an event becomes a message for it.
 *
 * Inboxes. Clients make up a subject of their own to be answered at. "_INBOX." with a second token that is no wildcard may be
 * subscribed to by anybody, as nobody can guess another's; what is published there is taken only from a client that was told
 * the subject as the reply of a message, or whose token allows it.
 */
#include "servers/nats/nats.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define INBOX "_INBOX."
/* Two subjects, an id, two numbers and a word. */
#define MESSAGE_LINE_MAX (2u * GROVE_SUBJECT_MAX + NATS_ID_MAX + 64u)
#define PUBLISH_PATIENCE_NS (100 * GROVE_MILLISECOND)

static bool copy(struct nats_text text, char *field, size_t size_bytes) {
    if (text.length_bytes == 0 || text.length_bytes >= size_bytes || memchr(text.text, '\0', text.length_bytes) != NULL)
        return false;
    memcpy(field, text.text, text.length_bytes);
    field[text.length_bytes] = '\0';
    return true;
}

static void acknowledge(struct client *client) {
    if (client->is_verbose)
        client_print(client, "+OK\r\n");
}

/* ---- CONNECT ---- */

static bool flag(const json_t *options, const char *name, bool otherwise) {
    const json_t *value = json_object_get(options, name);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

/* A token alone, or its name as the user and it as the password. */
static const struct token *authenticate(const struct client *client, const json_t *options) {
    const json_t *token = json_object_get(options, "auth_token"), *user = json_object_get(options, "user"),
                 *password = json_object_get(options, "pass");
    const struct tokens *tokens = &client->gateway->tokens;
    if (json_is_string(token))
        return tokens_find_secret(tokens, NULL, json_string_value(token), json_string_length(token));
    if (json_is_string(user) && json_is_string(password))
        return tokens_find_secret(tokens, json_string_value(user), json_string_value(password),
                                  json_string_length(password));
    return NULL;
}

static void run_connect(struct client *client, const struct nats_command *command) {
    json_error_t error;
    json_t *options = json_loadb(command->options.text, command->options.length_bytes, 0, &error);
    if (!json_is_object(options)) {
        client_fail(client, true, "Parser Error");
        json_decref(options);
        return;
    }
    const struct token *token = authenticate(client, options);
    if (token == NULL) {
        (void)fprintf(stderr, "nats: connection %llu gave no token that is known: `grove token add` makes one\n",
                      (unsigned long long)client->id);
        client_fail(client, true, "Authorization Violation");
    } else {
        client->token = *token;
        client->is_connected = true;
        client->allowed[0] = '\0';
        client->headers_bytes = (size_t)snprintf(client->headers, sizeof client->headers,
                                                 NATS_HEADERS_FIRST_LINE GROVE_CLIENT_HEADER "%s/%llu\r\n",
                                                 client->token.record.name.text, (unsigned long long)client->id);
        client->is_verbose = flag(options, "verbose", true);
        client->is_pedantic = flag(options, "pedantic", false);
        client->wants_echo = flag(options, "echo", true);
        client->wants_headers = flag(options, "headers", false);
        acknowledge(client);
    }
    json_decref(options);
}

/* ---- PUB, HPUB ---- */

static uint64_t hash_of(const char *text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return hash != 0 ? hash : 1;
}

static bool was_asked(const struct client *client, const char *subject) {
    uint64_t hash = hash_of(subject);
    for (unsigned i = 0; i < NATS_REPLIES; i++)
        if (client->replies[i] == hash)
            return true;
    return false;
}

static bool is_inbox(const char *subject) {
    return strncmp(subject, INBOX, strlen(INBOX)) == 0;
}

/* Most messages are published on the subject of the one before. */
static bool may_publish(struct client *client, const char *subject) {
    if (strcmp(subject, client->allowed) == 0)
        return true;
    if (!token_allows(&client->token, GROVE_CAP_BUS_PUB, subject))
        return was_asked(client, subject);
    (void)snprintf(client->allowed, sizeof client->allowed, "%s", subject);
    return true;
}

/* Our own header first, then the client's. 0: they are malformed, or do not fit. */
static size_t build_headers(const struct client *client, struct nats_text given, char *headers, size_t size_bytes) {
    size_t first_bytes = strlen(NATS_HEADERS_FIRST_LINE);
    if (given.length_bytes > 0 &&
        (given.length_bytes < first_bytes + 2 || memcmp(given.text, NATS_HEADERS_FIRST_LINE, first_bytes) != 0 ||
         memcmp(given.text + given.length_bytes - 2, "\r\n", 2) != 0))
        return 0;
    size_t rest_bytes = given.length_bytes > 0 ? given.length_bytes - first_bytes : 2;
    if (client->headers_bytes + rest_bytes > size_bytes)
        return 0;
    memcpy(headers, client->headers, client->headers_bytes);
    memcpy(headers + client->headers_bytes, given.length_bytes > 0 ? given.text + first_bytes : "\r\n", rest_bytes);
    return client->headers_bytes + rest_bytes;
}

static enum operation_result publish(struct client *client, const struct nats_command *command, const char *subject,
                                     const char *reply) {
    static char headers[NATS_PAYLOAD_MAX + 256];
    size_t headers_bytes = build_headers(client, command->headers, headers, sizeof headers);
    if (headers_bytes == 0) {
        client_fail(client, true, "Parser Error");
        return OPERATION_DONE;
    }
    int status = grove_bus_publish(
        &(struct grove_publish){.subject = subject,
                                .data = command->data.text,
                                .length_bytes = command->data.length_bytes,
                                .headers = headers,
                                .headers_bytes = headers_bytes,
                                .reply_to = reply[0] != '\0' ? reply : NULL,
                                .quality = is_inbox(subject) ? GROVE_BUS_AT_LEAST_ONCE : GROVE_BUS_AT_MOST_ONCE,
                                .priority = GROVE_PRIORITY_MEDIUM,
                                .timeout_ns = PUBLISH_PATIENCE_NS});
    if (status == GROVE_EXHAUSTED || status == GROVE_TIMED_OUT)
        return OPERATION_HELD;
    if (status == GROVE_DENIED)
        client_fail(client, false, "Permissions Violation for Publish to \"%s\"", subject);
    else if (status == GROVE_TOO_LARGE)
        client_fail(client, true, "Maximum Payload Violation");
    else if (status < 0)
        client_fail(client, false, "The bus did not take \"%s\": %s", subject, grove_last_error());
    else
        acknowledge(client);
    return OPERATION_DONE;
}

static enum operation_result run_publish(struct client *client, const struct nats_command *command) {
    char subject[GROVE_SUBJECT_MAX + 1], reply[GROVE_SUBJECT_MAX + 1] = "";
    if (!copy(command->subject, subject, sizeof subject) || grove_subject_check(subject) < 0 ||
        (command->reply.text != NULL &&
         (!copy(command->reply, reply, sizeof reply) || grove_subject_check(reply) < 0))) {
        client_fail(client, client->is_pedantic, "Invalid Publish Subject");
        return OPERATION_DONE;
    }
    if (!may_publish(client, subject)) {
        client_fail(client, false, "Permissions Violation for Publish to \"%s\"", subject);
        return OPERATION_DONE;
    }
    return publish(client, command, subject, reply);
}

/* ---- SUB, UNSUB ---- */

static bool is_own_inbox(const char *pattern) {
    const char *second = pattern + strlen(INBOX);
    return is_inbox(pattern) && strcspn(second, ".*>") >= 16 && second[strcspn(second, ".*>")] != '*' &&
           second[strcspn(second, ".*>")] != '>';
}

static void run_subscribe(struct client *client, const struct nats_command *command) {
    char pattern[GROVE_SUBJECT_MAX + 1], queue[GROVE_BUS_GROUP_MAX + 1] = "", id[NATS_ID_MAX + 1];
    if (!copy(command->subject, pattern, sizeof pattern) || grove_pattern_check(pattern) < 0) {
        client_fail(client, false, "Invalid Subject");
    } else if (!copy(command->id, id, sizeof id) ||
               (command->queue.text != NULL && !copy(command->queue, queue, sizeof queue))) {
        client_fail(client, true, "Parser Error");
    } else if (!token_allows(&client->token, GROVE_CAP_BUS_SUB, pattern) && !is_own_inbox(pattern)) {
        client_fail(client, false, "Permissions Violation for Subscription to \"%s\"", pattern);
    } else if (topic_find(client, command->id) != NULL) {
        acknowledge(client); /* the reference server takes no notice of a second one either */
    } else if (client->subscription_count == NATS_SUBSCRIPTIONS_MAX) {
        client_fail(client, true, "maximum subscriptions exceeded");
    } else if (topic_join(client, pattern, queue, id) < 0) {
        client_fail(client, false, "The bus did not take the subscription to \"%s\": %s", pattern, grove_last_error());
    } else {
        acknowledge(client);
    }
}

static void run_unsubscribe(struct client *client, const struct nats_command *command) {
    struct subscription *subscription = topic_find(client, command->id);
    if (subscription != NULL) {
        subscription->maximum = command->maximum;
        if (command->maximum <= subscription->delivered)
            topic_leave(subscription);
    }
    acknowledge(client);
}

/* ---- all ---- */

enum operation_result operation_run(struct client *client, const struct nats_command *command) {
    if (command->operation != NATS_CONNECT && command->operation != NATS_PING && command->operation != NATS_PONG &&
        !client->is_connected) {
        client_fail(client, true, "Authorization Violation");
        return OPERATION_DONE;
    }
    switch (command->operation) {
    case NATS_CONNECT:
        run_connect(client, command);
        break;
    case NATS_PUB:
    case NATS_HPUB:
        return run_publish(client, command);
    case NATS_SUB:
        run_subscribe(client, command);
        break;
    case NATS_UNSUB:
        run_unsubscribe(client, command);
        break;
    case NATS_PING:
        client_print(client, "PONG\r\n");
        break;
    case NATS_PONG:
    case NATS_OK:
    case NATS_ERROR:
        break;
    }
    return OPERATION_DONE;
}

/* ---- events ---- */

/* What an event brings as NATS headers. `own`: the line that this gateway wrote, of the client it came from. */
struct message_headers {
    struct nats_text own, rest;
};

/* Only what came through here has headers of this protocol; a service of Grove may use the field as it likes. */
static struct message_headers read_headers(const struct client *client, const struct grove_event *event) {
    struct message_headers headers = {.own = {.text = NULL}};
    size_t first_bytes = strlen(NATS_HEADERS_FIRST_LINE), mark_bytes = strlen(GROVE_CLIENT_HEADER);
    const char *text = event->headers, *end;
    if (text == NULL || event->publisher_id != grove_session_identity(client->gateway->session)->id ||
        event->headers_bytes < first_bytes + mark_bytes || memcmp(text, NATS_HEADERS_FIRST_LINE, first_bytes) != 0 ||
        memcmp(text + first_bytes, GROVE_CLIENT_HEADER, mark_bytes) != 0)
        return headers;
    const char *own = text + first_bytes + mark_bytes;
    end = memchr(own, '\r', event->headers_bytes - first_bytes - mark_bytes);
    if (end == NULL || (size_t)(text + event->headers_bytes - end) < 4)
        return headers;
    headers.own = (struct nats_text){own, (size_t)(end - own)};
    headers.rest = (struct nats_text){end + 2, (size_t)(text + event->headers_bytes - end - 2)};
    if (headers.rest.length_bytes == 2) /* nothing but the empty line at their end */
        headers.rest = (struct nats_text){.text = NULL};
    return headers;
}

static bool is_its_own(const struct client *client, struct nats_text own) {
    size_t before_bytes = strlen(NATS_HEADERS_FIRST_LINE GROVE_CLIENT_HEADER);
    return own.text != NULL && own.length_bytes == client->headers_bytes - before_bytes - 2 &&
           memcmp(client->headers + before_bytes, own.text, own.length_bytes) == 0;
}

/* The line of a message is put together by hand: formatting it would be a third of what a message costs here. */
struct line {
    char text[MESSAGE_LINE_MAX];
    size_t length_bytes;
};

static void put(struct line *line, const char *text, char after) {
    size_t length_bytes = strlen(text);
    if (length_bytes + 1 > sizeof line->text - line->length_bytes)
        return; /* subjects and ids are shorter than that */
    memcpy(line->text + line->length_bytes, text, length_bytes);
    line->text[line->length_bytes + length_bytes] = after;
    line->length_bytes += length_bytes + 1;
}

static void put_number(struct line *line, size_t number, char after) {
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    put(line, digits + at, after);
}

static void write_message(struct subscription *subscription, const struct grove_event *event,
                          struct nats_text headers) {
    struct client *client = subscription->client;
    bool has_headers = headers.text != NULL && client->wants_headers;
    size_t headers_bytes = has_headers ? strlen(NATS_HEADERS_FIRST_LINE) + headers.length_bytes : 0;
    struct line line;
    line.length_bytes = 0;
    put(&line, has_headers ? "HMSG" : "MSG", ' ');
    put(&line, event->subject, ' ');
    put(&line, subscription->id, ' ');
    if (event->reply_to != NULL && event->reply_to[0] != '\0')
        put(&line, event->reply_to, ' ');
    if (has_headers)
        put_number(&line, headers_bytes, ' ');
    put_number(&line, headers_bytes + event->length_bytes, '\r');
    put(&line, "", '\n');
    client_write(client, line.text, line.length_bytes);
    if (has_headers) {
        client_write(client, NATS_HEADERS_FIRST_LINE, strlen(NATS_HEADERS_FIRST_LINE));
        client_write(client, headers.text, headers.length_bytes);
    }
    client_write(client, event->data, event->length_bytes);
    client_write(client, "\r\n", 2);
}

void operation_deliver(struct subscription *subscription, const struct grove_event *event) {
    struct client *client = subscription->client;
    struct message_headers headers = read_headers(client, event);
    if (client->is_ending || (!client->wants_echo && is_its_own(client, headers.own)))
        return;
    if (event->reply_to != NULL)
        client->replies[client->reply_next++ % NATS_REPLIES] = hash_of(event->reply_to);
    write_message(subscription, event, headers.rest);
    if (++subscription->delivered == subscription->maximum)
        topic_leave(subscription);
}
