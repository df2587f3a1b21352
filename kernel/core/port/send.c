/* Packets going out: at once if the port has room, else from the queue, in order. See port.h and attention.h. */
#include "kernel/core/state.h"

#include <string.h>

#define PUMP_STEP 32u

/* ---- one packet ---- */

void packet_init(struct packet *packet, enum grove_notice notice) {
    memset(packet, 0, sizeof(*packet));
    packet->message.operation = (uint16_t)notice;
}

static machine_object stream_of(const struct core *core, const struct port_object *object) {
    struct container *container = pool_find(&core->containers, object->id);
    machine_object streams[2] = {MACHINE_OBJECT_NONE, MACHINE_OBJECT_NONE};
    if (container != NULL)
        machine_container_streams(pool_index(container), streams);
    return streams[object->index & 1];
}

static machine_object side_object(const struct core *core, const struct port_object *object) {
    const struct channel *channel = pool_find(&core->channels, object->id);
    if (channel == NULL)
        return MACHINE_OBJECT_NONE;
    const struct channel_side *side = &channel->sides[object->index & 1];
    if (object->kind == PORT_OBJECT_BELL)
        return side->bell;
    return side->epoch == object->epoch ? side->segment : MACHINE_OBJECT_NONE;
}

static machine_object object_now(const struct core *core, const struct port_object *object) {
    const struct region *region = NULL;
    switch (object->kind) {
    case PORT_OBJECT_SEGMENT:
    case PORT_OBJECT_BELL:
        return side_object(core, object);
    case PORT_OBJECT_REGION:
        region = pool_find(&core->regions, object->id);
        return region != NULL ? region->memory : MACHINE_OBJECT_NONE;
    case PORT_OBJECT_STREAM:
        return stream_of(core, object);
    default:
        return MACHINE_OBJECT_NONE;
    }
}

static int resolve(const struct core *core, const struct packet *packet, machine_object *objects, uint32_t *count) {
    *count = 0;
    for (uint32_t i = 0; i < GROVE_PORT_OBJECTS && packet->objects[i].kind != PORT_OBJECT_NONE; i++) {
        objects[i] = object_now(core, &packet->objects[i]);
        if (objects[i] == MACHINE_OBJECT_NONE)
            return GROVE_STALE_HANDLE;
        ++*count;
    }
    return GROVE_OK;
}

/* A service that has one client sleeps on that client's word alone (abi/channel.h, "One word for two wakers"). */
static struct channel_side *client_of_oldest(const struct container *to) {
    if (list_is_empty(&to->server_sides))
        return NULL;
    struct channel_side *server = list_item(to->server_sides.next, struct channel_side, link);
    struct channel_side *client = channel_other(channel_of_side(server), server);
    return client->is_sealed ? client : NULL;
}

/* The word is changed after the packet is there and before the wake, so a sleeper that saw the old value finds it. */
static void count_packet(struct container *to) {
    if (to->page == NULL)
        return;
    struct channel_side *client = client_of_oldest(to);
    to->page->woken_through = client != NULL ? pool_identity(channel_of_side(client)) : 0;
    __atomic_fetch_add(&to->page->notices, 1, __ATOMIC_SEQ_CST);
    machine_kernel_page_wake(to->page);
    if (client != NULL)
        machine_memory_count(client->segment, offsetof(struct grove_control, signal));
}

static int send_with(struct container *to, const struct packet *packet, const machine_object *objects, uint32_t count) {
    struct grove_message message = packet->message;
    message.version = GROVE_PORT_VERSION;
    message.objects = (uint16_t)count;
    message.time_ns = machine_clock_ns();
    int status = machine_port_send(pool_index(to), &message, objects, count);
    if (status == GROVE_OK)
        count_packet(to);
    to->is_blocked = status == GROVE_AGAIN;
    return status;
}

int port_send(struct core *core, struct container *to, const struct packet *packet) {
    machine_object objects[GROVE_PORT_OBJECTS];
    uint32_t count = 0;
    int status = resolve(core, packet, objects, &count);
    return status < 0 ? status : send_with(to, packet, objects, count);
}

int port_send_page(struct container *to, const struct packet *packet) {
    return send_with(to, packet, &to->page_memory, 1);
}

/* ---- the queue ---- */

static void overrun(struct core *core, struct container *to) {
    if (to->is_client)
        container_destroy(core, to);
    else
        container_kill(core, to, GROVE_EXIT_PORT_OVERRUN);
}

static void enqueue(struct core *core, struct container *to, const struct packet *packet) {
    struct pending *pending = to->queue_count < PORT_QUEUE_MAX ? pool_take(&core->pending) : NULL;
    if (pending == NULL) {
        overrun(core, to);
        return;
    }
    pending->kind = PENDING_PACKET;
    pending->packet = *packet;
    list_append(&to->queue, &pending->link);
    to->queue_count++;
}

void port_post(struct core *core, struct container *to, const struct packet *packet) {
    if (!to->has_port || to->is_dying)
        return;
    if (list_is_empty(&to->queue) && !to->is_blocked) {
        if (port_send(core, to, packet) != GROVE_AGAIN)
            return;
    }
    enqueue(core, to, packet);
}

bool port_has_share(const struct container *to) {
    return to->queue_count < PORT_QUEUE_SHARE;
}

void port_notice(struct core *core, struct container *to, const struct packet *packet) {
    if (port_has_share(to))
        port_post(core, to, packet);
}

void port_drop_queue(struct core *core, struct container *to) {
    while (!list_is_empty(&to->queue)) {
        struct pending *pending = list_item(to->queue.next, struct pending, link);
        list_remove(&pending->link);
        pool_give_back(&core->pending, pending);
    }
    to->queue_count = 0;
    to->is_blocked = false;
}

/* Returns false when the port is full. */
static bool pump_queue(struct core *core, struct container *to) {
    while (!list_is_empty(&to->queue)) {
        struct pending *pending = list_item(to->queue.next, struct pending, link);
        if (port_send(core, to, &pending->packet) == GROVE_AGAIN)
            return false;
        list_remove(&pending->link);
        pool_give_back(&core->pending, pending);
        to->queue_count--;
    }
    return true;
}

/* ---- attention ---- */

static bool next_notice(struct core *core, struct container *to, struct attention *attention, struct packet *packet) {
    struct channel_side *side = NULL;
    switch (attention->kind) {
    case ATTENTION_CHANNEL:
        side = list_item(attention, struct channel_side, attention);
        return channel_next_notice(core, channel_of_side(side), side, packet);
    case ATTENTION_STATE:
        container_state_notice(core, list_item(attention, struct container, state_news), packet);
        return true;
    case ATTENTION_WANTED:
        return endpoint_next_notice(core, list_item(attention, struct endpoint, wanted), to, packet);
    default:
        return false;
    }
}

/* Returns true if this one has been told everything. */
static bool was_last(struct attention *attention, uint16_t notice) {
    if (attention->kind != ATTENTION_CHANNEL)
        return true;
    struct channel_side *side = list_item(attention, struct channel_side, attention);
    channel_notice_sent(channel_of_side(side), side, notice);
    return false;
}

/* Returns false when the port is full. A packet whose objects are gone is passed over. */
static bool pump_attention(struct core *core, struct container *to) {
    for (uint32_t i = 0; i < PUMP_STEP && !list_is_empty(&to->attention); i++) {
        struct attention *attention = list_item(to->attention.next, struct attention, link);
        struct packet packet;
        memset(&packet, 0, sizeof(packet));
        if (!next_notice(core, to, attention, &packet)) {
            list_remove(&attention->link);
            continue;
        }
        if (port_send(core, to, &packet) == GROVE_AGAIN)
            return false;
        if (was_last(attention, packet.message.operation))
            list_remove(&attention->link);
    }
    return true;
}

void port_pump(struct core *core, struct container *to) {
    if (!to->has_port || to->is_dying || to->is_blocked)
        return;
    if (pump_queue(core, to) && pump_attention(core, to) && !list_is_empty(&to->attention))
        work_queue(core, &to->port_work, WORK_PORT);
}

void attention_raise(struct core *core, struct container *to, struct attention *attention, enum attention_kind kind) {
    if (list_is_linked(&attention->link))
        return;
    attention->kind = kind;
    list_append(&to->attention, &attention->link);
    if (to->has_port && !to->is_blocked)
        work_queue(core, &to->port_work, WORK_PORT);
}
