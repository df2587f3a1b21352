/* The two sides of a channel: their segments, what they are told, and their end. See channel.h. */
#include "kernel/core/state.h"

#include <string.h>

struct channel *channel_of_side(struct channel_side *side) {
    return list_item(side - side->role, struct channel, sides);
}

struct channel_side *channel_other(struct channel *channel, const struct channel_side *side) {
    return &channel->sides[1 - side->role];
}

/* ---- segments ---- */

static machine_container charged_to(const struct core *core, const struct channel *channel) {
    const struct container *client = pool_find(&core->containers, channel->client_id);
    return client != NULL ? pool_index(client) : channel->sides[GROVE_ROLE_SERVER].container;
}

static int next_segment(struct core *core, struct channel *channel, struct channel_side *side) {
    machine_object memory = MACHINE_OBJECT_NONE;
    uint64_t bytes = channel->layout.total_bytes;
    machine_container charge = charged_to(core, channel);
    if (side->segment == MACHINE_OBJECT_NONE)
        return machine_memory_create(bytes, charge, &side->segment);
    if (!side->is_sealed)
        return GROVE_OK;
    int status = machine_memory_clone(side->segment, bytes, charge, &memory);
    if (status < 0)
        return status;
    /* Whoever mapped the old one keeps its mapping; the kernel no longer needs it. */
    machine_object_close(side->segment);
    side->segment = memory;
    return GROVE_OK;
}

int channel_prepare_side(struct core *core, struct channel *channel, struct channel_side *side) {
    int status = next_segment(core, channel, side);
    if (status < 0)
        return status;
    side->epoch++;
    side->is_sealed = false;
    struct container *holder = core_container(core, side->container);
    if (side->role == GROVE_ROLE_SERVER && holder != NULL) {
        list_remove(&side->link);
        list_append(&holder->server_sides, &side->link);
        attention_raise(core, holder, &side->attention, ATTENTION_CHANNEL);
        if (side->epoch > 1) {
            /* INIT says how many resumed channels follow at once: they come before the new ones. */
            list_remove(&side->attention.link);
            list_prepend(&holder->attention, &side->attention.link);
        }
    }
    return GROVE_OK;
}

void channel_instance_ended(struct channel_side *side) {
    if (side->is_given)
        machine_memory_signal(side->segment, offsetof(struct grove_control, signal), GROVE_SIGNAL_CLOSED);
    side->is_given = false;
    side->is_closed_told = false;
    side->shown_epoch = 0;
    list_remove(&side->attention.link);
}

/* ---- what a side is told ---- */

/*
 * A sealed segment is shown even when its instance is dead: it holds what that instance sent. A copy that is not attached
 * yet (a new epoch, not sealed) is not; the peer goes on with the old one.
 */
static bool has_news_of_peer(const struct channel_side *side, const struct channel_side *peer) {
    return peer->is_sealed && side->shown_epoch != peer->epoch;
}

static uint16_t next_kind(struct channel *channel, const struct channel_side *side) {
    const struct channel_side *peer = channel_other(channel, side);
    if (side->is_done || side->container == 0)
        return 0;
    if (!side->is_given)
        return side->role == GROVE_ROLE_SERVER && side->segment != MACHINE_OBJECT_NONE ? GROVE_NOTICE_CHANNEL_NEW : 0;
    if (has_news_of_peer(side, peer))
        return GROVE_NOTICE_CHANNEL_PEER;
    return peer->is_done && !side->is_closed_told ? GROVE_NOTICE_CHANNEL_CLOSED : 0;
}

void channel_update(struct core *core, struct channel *channel) {
    for (uint32_t role = 0; role < 2; role++) {
        struct channel_side *side = &channel->sides[role];
        struct container *holder = core_container(core, side->container);
        if (holder != NULL && holder->has_instance + holder->is_client > 0 && next_kind(channel, side) != 0)
            attention_raise(core, holder, &side->attention, ATTENTION_CHANNEL);
    }
}

void channel_fill_reply(const struct channel *channel, const struct channel_side *side,
                        struct grove_channel_reply *reply) {
    reply->channel = side->handle;
    reply->id = pool_identity(channel);
    reply->flags = side->epoch > 1 ? GROVE_CHANNEL_RESUMED : 0;
    reply->role = side->role;
    reply->epoch = side->epoch;
    reply->layout = channel->layout;
}

void channel_describe_segment(const struct channel *channel, const struct channel_side *side, struct packet *packet,
                              bool with_bell) {
    packet->objects[0] = (struct port_object){
        .kind = PORT_OBJECT_SEGMENT, .index = side->role, .id = pool_identity(channel), .epoch = side->epoch};
    if (with_bell) {
        packet->objects[1] = packet->objects[0];
        packet->objects[1].kind = PORT_OBJECT_BELL;
    }
}

static void fill_new(const struct core *core, const struct channel *channel, const struct channel_side *side,
                     struct packet *packet) {
    struct grove_notice_channel_new *notice = &packet->message.body.channel_new;
    channel_fill_reply(channel, side, &notice->channel);
    text_to_name(&core->texts, channel->endpoint_name, &notice->endpoint);
    text_to_name(&core->texts, channel->client_name, &notice->client);
    notice->client_id = channel->client_id;
    notice->client_ring = channel->client_ring;
    notice->client_user = channel->client_user;
    channel_describe_segment(channel, side, packet, true);
}

bool channel_next_notice(const struct core *core, struct channel *channel, struct channel_side *side,
                         struct packet *packet) {
    const struct channel_side *peer = channel_other(channel, side);
    uint16_t kind = next_kind(channel, side);
    packet->message.operation = kind;
    switch (kind) {
    case GROVE_NOTICE_CHANNEL_NEW:
        fill_new(core, channel, side, packet);
        return true;
    case GROVE_NOTICE_CHANNEL_PEER:
        packet->message.body.channel_peer.channel = side->handle;
        packet->message.body.channel_peer.epoch = peer->epoch;
        channel_describe_segment(channel, peer, packet, false);
        return true;
    case GROVE_NOTICE_CHANNEL_CLOSED:
        packet->message.body.channel_closed.channel = side->handle;
        packet->message.body.channel_closed.status = (uint32_t)-channel->close_status;
        return true;
    default:
        return false;
    }
}

void channel_notice_sent(struct channel *channel, struct channel_side *side, uint16_t notice) {
    if (notice == GROVE_NOTICE_CHANNEL_NEW)
        side->is_given = true;
    else if (notice == GROVE_NOTICE_CHANNEL_PEER)
        side->shown_epoch = channel_other(channel, side)->epoch;
    else
        side->is_closed_told = true;
}

/* ---- the end ---- */

static void leave_endpoint(struct core *core, struct channel *channel) {
    struct endpoint *endpoint = pool_at(&core->endpoints, channel->endpoint);
    list_remove(&channel->endpoint_link);
    channel->endpoint = 0;
    if (endpoint != NULL)
        endpoint->channel_count--;
}

static void free_channel(struct core *core, struct channel *channel) {
    if (channel->endpoint != 0)
        leave_endpoint(core, channel);
    for (uint32_t role = 0; role < 2; role++) {
        machine_object_close(channel->sides[role].segment);
        machine_object_close(channel->sides[role].bell);
    }
    struct container *client = pool_find(&core->containers, channel->client_id);
    budget_release(core, client, channel->project, 2 * channel->layout.total_bytes, 1);
    project_member_left(core, channel->project);
    text_unref(&core->texts, channel->endpoint_name);
    text_unref(&core->texts, channel->client_name);
    pool_give_back(&core->channels, channel);
}

/* A client that is done and never attached has published nothing, so there is nothing to keep for a server. */
static bool is_worthless(const struct channel *channel) {
    const struct channel_side *client = &channel->sides[GROVE_ROLE_CLIENT];
    const struct channel_side *server = &channel->sides[GROVE_ROLE_SERVER];
    return client->is_done && !client->is_sealed && client->epoch <= 1 && !server->is_given;
}

/*
 * A copy that its instance never attached still holds what earlier instances sent, and nobody will attach it now: seal
 * it here, so that the peer's next instance can be shown it.
 */
static void seal_last(struct channel_side *side) {
    if (side->epoch > 1 && !side->is_sealed && machine_memory_seal(side->segment) == GROVE_OK)
        side->is_sealed = true;
}

static void drop_key(struct core *core, struct channel *channel) {
    if (channel->key != 0)
        text_unbind(&core->texts, channel->key, TEXT_CHANNEL, pool_index(channel));
    text_unref(&core->texts, channel->key);
    channel->key = 0;
}

static void end_side(struct core *core, struct channel_side *side) {
    if (side->role == GROVE_ROLE_CLIENT)
        drop_key(core, channel_of_side(side));
    side->is_done = true;
    side->container = 0;
    seal_last(side);
    list_remove(&side->link);
    list_remove(&side->attention.link);
    capability_drop(core, &side->handle);
    if (side->segment != MACHINE_OBJECT_NONE)
        machine_memory_signal(side->segment, offsetof(struct grove_control, signal), GROVE_SIGNAL_CLOSED);
}

void channel_close_side(struct core *core, struct channel *channel, struct channel_side *side, int status) {
    if (side->is_done)
        return;
    struct channel_side *other = channel_other(channel, side);
    audit_write(core, &(struct audit_event){.event = GROVE_AUDIT_CLOSE,
                                            .who = core_container(core, side->container),
                                            .object = channel->endpoint_name,
                                            .detail = status});
    end_side(core, side);
    channel->close_status = status;
    if (!other->is_done && is_worthless(channel))
        end_side(core, other);
    if (other->is_done)
        free_channel(core, channel);
    else
        channel_update(core, channel);
}
