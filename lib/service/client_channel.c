/*
 * The service's end of one client's channel, from CHANNEL_NEW until the client is gone and all it sent is handled.
 *
 * A client that breaks the protocol costs its own channel: it is closed, which is said on standard error, and the
 * service goes on. A client that is gone is served to the end of what it had sent (law 4). A channel is freed when
 * nothing uses it: its requests hold it, and so does the function at work on it.
 */
#include "lib/service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct client_channel *channel_of(struct attachment *attachment) {
    return (struct client_channel *)attachment;
}

static bool is_wanted(const struct attachment *attachment) {
    const struct client_channel *channel = (const struct client_channel *)attachment;
    return channel->service->state == SERVICE_RUNNING && !replies_block(channel) && requests_reserve(channel->service);
}

/* A client that does not read its replies is waited for by room alone: its requests stay where they are. */
static enum channel_sleep waits_for(const struct attachment *attachment) {
    bool wants_room = ((const struct client_channel *)attachment)->reply_count > 0;
    return (is_wanted(attachment) ? CHANNEL_FOR_RECORDS : 0) | (wants_room ? CHANNEL_FOR_ROOM : 0);
}

/* ---- telling who wants to know ---- */

static void tell(struct client_channel *channel, enum grove_client_change change) {
    const struct served_endpoint *endpoint = channel->endpoint;
    if (endpoint->on_client == NULL)
        return;
    const struct grove_client client = {.name = channel->client.text,
                                        .id = channel->client_id,
                                        .channel = channel->base.handle,
                                        .ring = channel->client_ring};
    endpoint->on_client(channel->service, change, &client, endpoint->on_client_context);
}

/* An instance has ended when its segment is closed, and at the latest when the next one has attached. */
static void look_for_end(struct client_channel *channel) {
    const struct attachment *base = &channel->base;
    if (base->peer == NULL)
        return;
    if (!channel->is_peer_known) { /* those before it are not this instance's business */
        channel->is_peer_known = true;
        channel->told_epoch = base->peer_epoch - 1;
    }
    if (channel->told_epoch >= base->peer_epoch)
        return;
    bool has_followed = channel->told_epoch + 1 < base->peer_epoch;
    bool is_closed = channel_end_peer_is_closed(base->end);
    if (!has_followed && !is_closed)
        return;
    channel->told_epoch = is_closed ? base->peer_epoch : base->peer_epoch - 1;
    channel->requests++; /* a handler that finishes requests must not end the channel under us */
    tell(channel, GROVE_CLIENT_ENDED);
    client_channel_unuse(channel);
}

void client_channel_end(struct client_channel *channel) {
    replies_drop(channel);
    rights_destroy(channel->rights);
    attachment_deinit(&channel->base, true);
    free(channel);
}

void client_channel_unuse(struct client_channel *channel) {
    channel->requests--;
    /* With its last request completed a channel may be over; its next turn finds out. */
    if (channel->requests == 0 && (channel->base.is_peer_gone || channel->base.status < 0))
        attachment_activate(&channel->base);
}

static bool is_over(const struct client_channel *channel) {
    return channel->requests == 0 && channel->reply_count == 0 &&
           (channel->base.is_peer_gone || channel->base.status < 0);
}

static void turn_away(struct client_channel *channel) {
    attachment_fail(&channel->base, GROVE_CORRUPT);
    replies_drop(channel);
    fprintf(stderr, "grove: closed the channel of %s to %s: it broke the protocol\n", channel->client.text,
            channel->endpoint->name.text);
}

static bool work(struct attachment *attachment, enum grove_lane lane) {
    struct client_channel *channel = channel_of(attachment);
    if (channel->reply_count > 0)
        replies_flush(channel);
    if (channel->endpoint->on_client != NULL && channel->service->state == SERVICE_RUNNING)
        look_for_end(channel); /* before anything of its next instance is taken */
    int status = GROVE_AGAIN;
    struct grove_request *request = NULL;
    if (attachment->status == 0 && is_wanted(attachment)) {
        request = channel->service->free_requests;
        status = channel_end_take(attachment->end, lane, &request->taken);
    }
    if (status == 0) {
        attachment_took(attachment);
        channel->requests++;
        if (!request_handle(channel, request))
            turn_away(channel);
        client_channel_unuse(channel);
        return true;
    }
    if (status != GROVE_AGAIN)
        turn_away(channel);
    if (lane == GROVE_LANE_LOW && is_over(channel) && channel->service->state == SERVICE_RUNNING) {
        tell(channel, GROVE_CLIENT_GONE);
        client_channel_end(channel);
    }
    return false;
}

static uint64_t expire(struct attachment *attachment, uint64_t now_ns) {
    return replies_expire(channel_of(attachment), now_ns);
}

const struct attachment_owner client_channel_owner = {
    .waits_for = waits_for,
    .work = work,
    .expire = expire,
};

/* ---- opening ---- */

static struct served_endpoint *find_endpoint(const struct grove_service *service, const struct grove_name *name) {
    struct served_endpoint *endpoint = service->endpoints;
    while (endpoint != NULL && memcmp(endpoint->name.text, name->text, sizeof name->text) != 0)
        endpoint = endpoint->next;
    return endpoint;
}

int client_channel_open(struct grove_service *service, struct packet *packet) {
    struct grove_notice_channel_new *notice = &packet->message.body.channel_new;
    notice->endpoint.text[GROVE_NAME_MAX] = notice->client.text[GROVE_NAME_MAX] = '\0';
    struct served_endpoint *endpoint = find_endpoint(service, &notice->endpoint);
    struct client_channel *channel = endpoint != NULL ? calloc(1, sizeof *channel) : NULL;
    if (channel == NULL) {
        session_post_handle(service->session, GROVE_REQUEST_CHANNEL_CLOSE, notice->channel.channel);
        if (endpoint == NULL)
            fprintf(stderr,
                    "grove: turned %s away: this program has no handler for the endpoint %s (grove_service_on)\n",
                    notice->client.text, notice->endpoint.text);
        return endpoint == NULL ? GROVE_NOT_FOUND : error_set(GROVE_NO_MEMORY, "no memory is left for a channel");
    }
    notice->channel.role = GROVE_ROLE_SERVER;
    int status = attachment_init(&channel->base, service->session, &client_channel_owner, &notice->channel,
                                 packet_take_object(packet, 0), packet_take_object(packet, 1));
    if (status < 0) {
        free(channel);
        fprintf(stderr, "grove: turned %s away: %s\n", notice->client.text, grove_last_error());
        return status;
    }
    channel->service = service;
    channel->endpoint = endpoint;
    channel->client = notice->client;
    channel->client_id = notice->client_id;
    channel->client_ring = notice->client_ring;
    channel->replies_tail = &channel->replies;
    tell(channel, GROVE_CLIENT_CONNECTED);
    return 0;
}
