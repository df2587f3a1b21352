/*
 * One round of what programs do with NATS, with the client for C. Prints one JSON object.
 *
 *     libnats-client URL TOKEN
 */
#include <nats/nats.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 10000
#define ROUNDS 1000

struct seen {
    atomic_int plain, queue[2], limited, is_denied;
    _Atomic(char *) header;
};

static void must(natsStatus status, const char *what) {
    if (status == NATS_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, natsStatus_GetText(status));
    exit(1);
}

static void count(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure) {
    (void)connection;
    (void)subscription;
    atomic_fetch_add((atomic_int *)closure, 1);
    natsMsg_Destroy(message);
}

static void answer(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure) {
    char text[64];
    (void)subscription;
    (void)closure;
    int length = snprintf(text, sizeof text, "you said %.*s", natsMsg_GetDataLength(message), natsMsg_GetData(message));
    must(natsConnection_Publish(connection, natsMsg_GetReply(message), text, length), "answering");
    natsMsg_Destroy(message);
}

static void keep_header(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure) {
    struct seen *seen = closure;
    const char *value = NULL;
    (void)connection;
    (void)subscription;
    if (natsMsgHeader_Get(message, "Unit", &value) == NATS_OK)
        atomic_store(&seen->header, strdup(value));
    natsMsg_Destroy(message);
}

static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status, void *closure) {
    (void)connection;
    (void)subscription;
    if (status == NATS_NOT_PERMITTED)
        atomic_store(&((struct seen *)closure)->is_denied, 1);
}

static void subscribe(natsConnection *connection, struct seen *seen) {
    natsSubscription *subscription = NULL;
    must(natsConnection_Subscribe(&subscription, connection, "grid.libnats.*", count, &seen->plain), "subscribing");
    for (unsigned i = 0; i < 2; i++)
        must(natsConnection_QueueSubscribe(&subscription, connection, "grid.libnatsqueue", "workers", count,
                                           &seen->queue[i]),
             "subscribing to a queue");
    must(natsConnection_Subscribe(&subscription, connection, "grid.libnatsheader", keep_header, seen), "subscribing");
    must(natsConnection_Subscribe(&subscription, connection, "grid.libnatsask", answer, NULL), "subscribing");
    must(natsConnection_Subscribe(&subscription, connection, "grid.libnatslimited", count, &seen->limited),
         "subscribing");
    must(natsSubscription_AutoUnsubscribe(subscription, 2), "limiting");
    must(natsConnection_FlushTimeout(connection, PATIENCE_MS), "flushing");
}

static void publish(natsConnection *connection) {
    natsMsg *message = NULL;
    for (unsigned i = 0; i < 3; i++)
        must(natsConnection_PublishString(connection, "grid.libnats.value", "v"), "publishing");
    for (unsigned i = 0; i < 10; i++)
        must(natsConnection_PublishString(connection, "grid.libnatsqueue", "work"), "publishing");
    for (unsigned i = 0; i < 5; i++)
        must(natsConnection_PublishString(connection, "grid.libnatslimited", ""), "publishing");
    must(natsMsg_Create(&message, "grid.libnatsheader", NULL, "230", 3), "making a message");
    must(natsMsgHeader_Set(message, "Unit", "volt"), "setting a header");
    must(natsConnection_PublishMsg(connection, message), "publishing");
    natsMsg_Destroy(message);
    must(natsConnection_PublishString(connection, "kernel.ready", "forged"), "publishing");
}

static int is_all_seen(struct seen *seen) {
    return seen->plain == 3 && seen->queue[0] + seen->queue[1] == 10 && seen->header != NULL && seen->limited == 2 &&
           seen->is_denied;
}

int main(int argument_count, char **arguments) {
    static struct seen seen;
    natsOptions *options = NULL;
    natsConnection *connection = NULL;
    natsMsg *reply = NULL;
    if (argument_count != 3)
        return 2;
    must(natsOptions_Create(&options), "making options");
    must(natsOptions_SetURL(options, arguments[1]), "setting the address");
    must(natsOptions_SetToken(options, arguments[2]), "setting the token");
    must(natsOptions_SetErrorHandler(options, on_error, &seen), "setting the handler");
    must(natsConnection_Connect(&connection, options), "connecting");
    subscribe(connection, &seen);
    publish(connection);
    must(natsConnection_RequestString(&reply, connection, "grid.libnatsask", "hello", PATIENCE_MS), "asking");
    for (unsigned round = 0; round < ROUNDS && !is_all_seen(&seen); round++)
        must(natsConnection_FlushTimeout(connection, PATIENCE_MS), "flushing");
    (void)printf("{\"plain\": %d, \"queue\": [%d, %d], \"header\": \"%s\", \"limited\": %d, \"denied\": %d, \"reply\": "
                 "\"%.*s\"}\n",
                 seen.plain, seen.queue[0], seen.queue[1], seen.header != NULL ? seen.header : "", seen.limited,
                 seen.is_denied, natsMsg_GetDataLength(reply), natsMsg_GetData(reply));
    natsMsg_Destroy(reply);
    natsConnection_Destroy(connection);
    natsOptions_Destroy(options);
    return 0;
}
