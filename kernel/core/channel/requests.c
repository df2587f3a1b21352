/* The requests about channels: connect, attached, close. */
#include "kernel/core/state.h"

#include <string.h>

/* ---- CHANNEL_CONNECT ---- */

/* What a client's channel is found by, in this instance or the next. */
static struct channel_key key_of(const struct container *client, text_id endpoint, uint64_t tag) {
    return (struct channel_key){.client = pool_identity(client), .tag = tag, .endpoint_name = endpoint};
}

static struct channel *find_channel(const struct core *core, const struct container *client,
                                    const struct grove_channel_connect *body) {
    struct channel_key key = key_of(client, text_find_name(&core->texts, &body->endpoint), body->tag);
    return pool_at(&core->channels, text_index(&core->texts, text_find(&core->texts, &key, sizeof(key)), TEXT_CHANNEL));
}

static int check_new(struct request *request, const struct endpoint *endpoint) {
    const struct core *core = request->core;
    if (endpoint == NULL)
        return GROVE_NOT_FOUND;
    if (endpoint->channel_count >= core->channels.capacity / 2)
        return GROVE_EXHAUSTED;
    return GROVE_OK;
}

int channel_connect_check(struct request *request) {
    const struct grove_channel_connect *body = &request->message->body.connect;
    struct core *core = request->core;
    int status = channel_layout(body->lane_bytes, body->arena_bytes, &request->layout);
    if (status == GROVE_OK)
        status = request_permit_name(request, GROVE_CAP_IPC_SEND, &body->endpoint);
    if (status < 0)
        return status;
    request->endpoint = endpoint_find(core, &body->endpoint);
    request->channel = find_channel(core, request->caller, body);
    if (request->channel == NULL)
        return check_new(request, request->endpoint);
    return request->channel->sides[GROVE_ROLE_CLIENT].is_given ? GROVE_EXISTS : GROVE_OK;
}

static void init_channel(struct request *request, struct channel *channel) {
    struct core *core = request->core;
    struct endpoint *endpoint = request->endpoint;
    struct container *client = request->caller;
    channel->endpoint_name = text_ref(&core->texts, endpoint->name);
    channel->client_name = text_ref(&core->texts, client->name);
    channel->client_id = pool_identity(client);
    channel->client_ring = client->ring;
    channel->client_user = client->user;
    channel->project = client->project;
    channel->tag = request->message->body.connect.tag;
    for (uint8_t role = 0; role < 2; role++) {
        channel->sides[role].role = role;
        channel->sides[role].segment = MACHINE_OBJECT_NONE;
        channel->sides[role].bell = MACHINE_OBJECT_NONE;
    }
    channel->sides[GROVE_ROLE_CLIENT].container = pool_index(client);
    channel->sides[GROVE_ROLE_SERVER].container = endpoint->container;
    struct project *project = pool_at(&core->projects, channel->project);
    project->members++;
    list_append(&endpoint->channels, &channel->endpoint_link);
    channel->endpoint = pool_index(endpoint);
    endpoint->channel_count++;
}

static int make_handle(struct core *core, struct channel *channel, struct channel_side *side,
                       struct capability *parent) {
    struct capability *entry = NULL;
    int status = capability_create_object(core, core_container(core, side->container), parent, GROVE_CAP_CHANNEL,
                                          GROVE_RIGHT_USE | GROVE_RIGHT_CONTROL, pool_identity(channel), &entry);
    if (status < 0)
        return status;
    entry->side = side->role;
    side->handle = capability_handle(entry);
    return GROVE_OK;
}

static int make_bells(struct channel *channel) {
    machine_object ends[2];
    int status = machine_bell_create(ends);
    if (status < 0)
        return status;
    channel->sides[GROVE_ROLE_CLIENT].bell = ends[0];
    channel->sides[GROVE_ROLE_SERVER].bell = ends[1];
    return GROVE_OK;
}

/* A server that is being started gets its segment with the others that are prepared; one that runs gets it now. */
static int join_server(struct core *core, struct channel *channel) {
    struct channel_side *side = &channel->sides[GROVE_ROLE_SERVER];
    struct container *server = core_container(core, side->container);
    list_append(&server->unprepared, &side->link);
    if (server->has_instance && server->is_prepared)
        return channel_prepare_side(core, channel, side);
    return GROVE_OK;
}

static int make_key(struct core *core, const struct container *client, struct channel *channel) {
    struct channel_key key = key_of(client, channel->endpoint_name, channel->tag);
    int status = text_intern(&core->texts, &key, sizeof(key), &channel->key);
    if (status == GROVE_OK)
        text_bind(&core->texts, channel->key, TEXT_CHANNEL, pool_index(channel));
    return status;
}

static int make_parts(struct request *request, struct channel *channel) {
    struct core *core = request->core;
    struct channel_side *client = &channel->sides[GROVE_ROLE_CLIENT];
    list_append(&request->caller->client_sides, &client->link);
    int status = make_key(core, request->caller, channel);
    if (status == GROVE_OK)
        status = make_handle(core, channel, client, request->capability);
    if (status == GROVE_OK)
        status = make_handle(core, channel, &channel->sides[GROVE_ROLE_SERVER], NULL);
    if (status == GROVE_OK)
        status = channel_prepare_side(core, channel, client);
    if (status == GROVE_OK)
        status = make_bells(channel);
    if (status == GROVE_OK)
        status = join_server(core, channel);
    return status;
}

static int make_channel(struct request *request) {
    struct core *core = request->core;
    struct channel *channel = pool_take(&core->channels);
    if (channel == NULL)
        return GROVE_EXHAUSTED;
    int status = budget_charge(core, request->caller, 2 * request->layout.total_bytes, 1);
    if (status < 0) {
        pool_give_back(&core->channels, channel);
        return status;
    }
    channel->layout = request->layout;
    init_channel(request, channel);
    status = make_parts(request, channel);
    if (status < 0) {
        /* Never attached and never given: closing the client's side frees all of it. */
        channel_close_side(core, channel, &channel->sides[GROVE_ROLE_CLIENT], status);
        return status;
    }
    request->channel = channel;
    return GROVE_OK;
}

static void give_to_client(struct request *request) {
    struct channel *channel = request->channel;
    struct channel_side *side = &channel->sides[GROVE_ROLE_CLIENT];
    side->is_given = true;
    channel_fill_reply(channel, side, &request->reply.message.body.channel);
    channel_describe_segment(channel, side, &request->reply, true);
}

static void want_server(struct request *request) {
    const struct channel *channel = request->channel;
    struct container *server = core_container(request->core, channel->sides[GROVE_ROLE_SERVER].container);
    struct endpoint *endpoint = pool_at(&request->core->endpoints, channel->endpoint);
    if (server != NULL && endpoint != NULL && !server->has_instance && !server->is_dying)
        endpoint_want(request->core, endpoint, request->caller);
}

/* The next instance of the client takes the channel of the one before over. */
int channel_connect_invoke(struct request *request) {
    struct channel *channel = request->channel;
    int status = channel == NULL ? make_channel(request)
                                 : channel_prepare_side(request->core, channel, &channel->sides[GROVE_ROLE_CLIENT]);
    if (status < 0)
        return status;
    give_to_client(request);
    audit_request(request, GROVE_AUDIT_CONNECT, request->channel->endpoint_name, 0, NULL);
    channel_update(request->core, request->channel);
    want_server(request);
    return GROVE_OK;
}

/* ---- CHANNEL_ATTACHED ---- */

int channel_attached_check(struct request *request) {
    int status = request_find_channel(request, request->message->body.handle.handle);
    if (status < 0)
        return status;
    const struct channel_side *side = &request->channel->sides[request->side];
    return side->is_given && !side->is_sealed ? GROVE_OK : GROVE_WRONG_STATE;
}

int channel_attached_invoke(struct request *request) {
    struct channel_side *side = &request->channel->sides[request->side];
    int status = machine_memory_seal(side->segment);
    if (status < 0)
        return status;
    side->is_sealed = true;
    channel_update(request->core, request->channel);
    return GROVE_OK;
}

/* ---- CHANNEL_CLOSE ---- */

int channel_close_check(struct request *request) {
    return request_find_channel(request, request->message->body.handle.handle);
}

int channel_close_invoke(struct request *request) {
    channel_close_side(request->core, request->channel, &request->channel->sides[request->side], GROVE_OK);
    return GROVE_OK;
}
