/*
 * What the clients subscribe to. Clients with the same pattern share one subscription at the bus, whose number is limited
 * there; a queue group of clients is one member of the bus's group, and its turns are taken here.
 */
#include "servers/nats/nats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One message to one member of a group: the next in turn. */
static void deliver_in_turn(struct topic *topic, const struct grove_event *event) {
    struct subscription *chosen = topic->turn != NULL ? topic->turn : topic->members;
    if (chosen == NULL)
        return;
    topic->turn = chosen->next_in_topic;
    operation_deliver(chosen, event);
}

static int on_event(const struct grove_event *event, void *context) {
    struct topic *topic = context;
    struct subscription *next = NULL;
    if (topic->queue[0] != '\0') {
        deliver_in_turn(topic, event);
        return 0;
    }
    for (struct subscription *member = topic->members; member != NULL; member = next) {
        next = member->next_in_topic; /* it may leave while it is served */
        operation_deliver(member, event);
    }
    return 0;
}

static struct topic *find(struct gateway *gateway, const char *pattern, const char *queue) {
    struct topic *topic = gateway->topics;
    while (topic != NULL && (strcmp(topic->pattern, pattern) != 0 || strcmp(topic->queue, queue) != 0))
        topic = topic->next;
    return topic;
}

static int make(struct gateway *gateway, const char *pattern, const char *queue, struct topic **made) {
    struct topic *topic = calloc(1, sizeof *topic);
    if (topic == NULL)
        return GROVE_NO_MEMORY;
    topic->gateway = gateway;
    (void)snprintf(topic->pattern, sizeof topic->pattern, "%s", pattern);
    (void)snprintf(topic->queue, sizeof topic->queue, "%s", queue);
    int status = grove_bus_subscribe(
        gateway->service,
        &(struct grove_subscribe){.pattern = topic->pattern, .group = queue[0] != '\0' ? topic->queue : NULL}, on_event,
        topic, &topic->subscription);
    if (status < 0) {
        free(topic);
        return status;
    }
    topic->next = gateway->topics;
    gateway->topics = topic;
    *made = topic;
    return 0;
}

static void drop_if_unused(struct topic *topic) {
    struct topic **link = &topic->gateway->topics;
    if (topic->members != NULL)
        return;
    while (*link != topic)
        link = &(*link)->next;
    *link = topic->next;
    grove_bus_unsubscribe(topic->subscription);
    free(topic);
}

int topic_join(struct client *client, const char *pattern, const char *queue, const char *id) {
    struct subscription *subscription = calloc(1, sizeof *subscription);
    struct topic *topic = find(client->gateway, pattern, queue);
    int status = subscription == NULL ? GROVE_NO_MEMORY : 0;
    if (status == 0 && topic == NULL)
        status = make(client->gateway, pattern, queue, &topic);
    if (status < 0) {
        free(subscription);
        return status;
    }
    *subscription = (struct subscription){
        .client = client, .topic = topic, .next_in_client = client->subscriptions, .next_in_topic = topic->members};
    (void)snprintf(subscription->id, sizeof subscription->id, "%s", id);
    client->subscriptions = subscription;
    client->subscription_count++;
    topic->members = subscription;
    return 0;
}

struct subscription *topic_find(struct client *client, struct nats_text id) {
    for (struct subscription *at = client->subscriptions; at != NULL; at = at->next_in_client)
        if (strlen(at->id) == id.length_bytes && memcmp(at->id, id.text, id.length_bytes) == 0)
            return at;
    return NULL;
}

void topic_leave(struct subscription *subscription) {
    struct topic *topic = subscription->topic;
    struct subscription **link = &subscription->client->subscriptions;
    while (*link != subscription)
        link = &(*link)->next_in_client;
    *link = subscription->next_in_client;
    subscription->client->subscription_count--;
    for (link = &topic->members; *link != subscription; link = &(*link)->next_in_topic) {
    }
    *link = subscription->next_in_topic;
    if (topic->turn == subscription)
        topic->turn = subscription->next_in_topic;
    free(subscription);
    drop_if_unused(topic);
}
