/*
 * Polls: a client that has nothing more to do says how far it is, and is answered when there is something.
 *
 * An answer is put together in one buffer and sent at once; what it carries of queues is stored as out before. An event
 * that does not fit an answer goes alone, lent in the client's channel. A poll that comes while another of the same lane
 * is under way takes its place.
 */
#include "servers/bus/directs.h"
#include "servers/bus/points.h"
#include "servers/bus/poll_message.h"

#include <string.h>

#define ANSWER_BYTES_MAX (64u << 10)
#define GROUP_BATCH 16u /* events at a time for a member of a group, so that the others get some */

struct answer {
    uint8_t bytes[ANSWER_BYTES_MAX];
    uint32_t used_bytes, room_bytes;
    unsigned items;
};

static struct answer scratch; /* one thread, and no answer is put together within another */

static uint32_t padded(uint32_t bytes) {
    return (bytes + 7u) & ~7u;
}

static void *add_item(struct answer *answer, enum grove_bus_item_kind kind, uint32_t content_bytes) {
    uint32_t size_bytes = padded((uint32_t)sizeof(struct grove_bus_item) + content_bytes);
    if (size_bytes > answer->room_bytes - answer->used_bytes)
        return NULL;
    uint8_t *place = answer->bytes + answer->used_bytes;
    memcpy(place, &(struct grove_bus_item){.kind = kind, .size_bytes = size_bytes}, sizeof(struct grove_bus_item));
    answer->used_bytes += size_bytes;
    answer->items++;
    return place + sizeof(struct grove_bus_item);
}

/* ---- events ---- */

static void address(struct bus *bus, const struct delivery *delivery, struct member *member,
                    struct grove_bus_image *image) {
    image->member = member_id(member);
    image->token = delivery_token(bus, delivery);
    image->attempt = delivery->saved->attempts + 1;
    image->missed += member->missed; /* and what was missing in the log before it */
    if (delivery->is_redelivered)
        image->flags |= GROVE_EVENT_REDELIVERED;
    member->missed = 0;
}

/* It is stored as out, or at most once as done, before it is sent. */
static void hand_out(struct bus *bus, struct delivery *delivery, struct member *member, uint64_t now_ns) {
    delivery_out(bus, delivery, member, now_ns);
    if (delivery->queue->saved->quality != GROVE_BUS_AT_MOST_ONCE)
        return;
    points_delivered(bus, delivery);
    delivery_done(bus, delivery);
}

/* Lend the whole image; false: no room is left at this client, who still holds what was lent before. */
static bool answer_large(struct bus *bus, struct delivery *delivery, struct member *member, struct poll *poll,
                         uint64_t now_ns) {
    const struct grove_bus_image *image = state_image(&bus->state, delivery->event->index);
    struct grove_bus_item item = {.kind = GROVE_BUS_ITEM_LARGE, .size_bytes = sizeof item};
    struct grove_loan loan;
    if (grove_request_loan(poll->request, image->size_bytes, 1, &loan) < 0)
        return false;
    memcpy(loan.data, image, image->size_bytes);
    address(bus, delivery, member, loan.data);
    hand_out(bus, delivery, member, now_ns);
    struct grove_request *request = poll->request;
    poll->request = NULL;
    if (grove_reply_loan(request, &item, sizeof item, &loan) < 0)
        grove_loan_return(&loan);
    grove_request_finish(request);
    return true;
}

/* What a queue has for a member, until the answer is full. True: the answer has gone, with a large event. */
static bool collect_queue(struct bus *bus, struct member *member, struct poll *poll, struct answer *answer,
                          uint64_t now_ns) {
    struct queue *queue = member->queue;
    bool is_shared = queue->members != NULL && queue->members->next_in_owner != NULL;
    struct delivery *delivery;
    for (unsigned count = 0; !is_shared || count < GROUP_BATCH; count++) {
        delivery = queue_next(bus, queue, member, now_ns);
        if (delivery == NULL)
            return false;
        const struct grove_bus_image *image = state_image(&bus->state, delivery->event->index);
        if (image->size_bytes + sizeof(struct grove_bus_item) > answer->room_bytes)
            return answer->items == 0 && answer_large(bus, delivery, member, poll, now_ns);
        void *place = add_item(answer, GROVE_BUS_ITEM_EVENT, image->size_bytes);
        if (place == NULL)
            return false;
        memcpy(place, image, image->size_bytes);
        address(bus, delivery, member, place);
        hand_out(bus, delivery, member, now_ns);
    }
    return false;
}

static void disarm(struct client *client, uint32_t lane) {
    for (struct member *member = client->members; member != NULL; member = member->next_in_client) {
        if (member->saved->lane != lane || !member->is_armed)
            continue;
        member->is_armed = false;
        member->feed->armed--;
    }
}

static void send(struct client *client, uint32_t lane, const struct answer *answer) {
    struct grove_request *request = client->polls[lane].request;
    client->polls[lane].request = NULL;
    disarm(client, lane);
    (void)grove_reply(request, answer->bytes, answer->used_bytes);
    grove_request_finish(request);
}

/* Fill the answer with what queues have; true: something has been sent, or is to be sent, already. */
static bool collect(struct bus *bus, struct client *client, uint32_t lane, struct answer *answer) {
    uint64_t now_ns = 0;
    for (struct member *member = client->members; member != NULL; member = member->next_in_client) {
        if (member->queue == NULL || member->saved->lane != lane ||
            member->queue->waiting.count + member->queue->delayed.count == 0)
            continue;
        now_ns = now_ns == 0 ? grove_now_ns() : now_ns;
        if (collect_queue(bus, member, &client->polls[lane], answer, now_ns)) {
            disarm(client, lane);
            return true;
        }
    }
    return false;
}

void poll_answer(struct bus *bus, struct client *client, uint32_t lane, bool is_wanted) {
    struct poll *poll = &client->polls[lane];
    if (poll->request == NULL)
        return;
    if (!grove_request_client_runs(poll->request)) {
        polls_drop(bus, client); /* it died just now: what is for it stays for its next instance, or another member */
        return;
    }
    scratch.used_bytes = scratch.items = 0;
    scratch.room_bytes = poll->answer_bytes;
    if (!collect(bus, client, lane, &scratch) && (is_wanted || scratch.items > 0))
        send(client, lane, &scratch);
}

void polls_drop(struct bus *bus, struct client *client) {
    (void)bus;
    for (uint32_t lane = 0; lane < GROVE_LANES; lane++) {
        struct grove_request *request = client->polls[lane].request;
        if (request == NULL)
            continue;
        client->polls[lane].request = NULL;
        disarm(client, lane);
        (void)grove_fail(request, GROVE_CANCELLED, "another instance or poll of this client has taken its place");
        grove_request_finish(request);
    }
}

/* ---- acknowledgements ---- */

static void acknowledge(struct bus *bus, struct client *client, const struct grove_bus_acknowledgement *told,
                        const char *sentence) {
    struct member *member = member_find(bus, client, told->member);
    struct queue *queue = member != NULL ? member->queue : NULL;
    struct delivery *delivery = queue != NULL ? delivery_find(bus, queue, told->token) : NULL;
    /* One that another member has by now is not this one's any more. After a crash nobody has it, and this one may. */
    if (delivery == NULL || (delivery->member != NULL && delivery->member != member))
        return;
    if (delivery->saved->attempts == 0)
        return; /* never handed out */
    delivery_result(bus, delivery, told->status > 0 ? 0 : told->status, sentence);
    if (queue->members != NULL && queue->members->next_in_owner != NULL)
        queue_offer(bus, queue);
}

static int read_acknowledgements(struct bus *bus, struct client *client, struct poll_message *message, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct grove_bus_acknowledgement told;
        char sentence[GROVE_BUS_ERROR_MAX + 1];
        int status = poll_message_acknowledgement(message, &told, sentence);
        if (status < 0)
            return status;
        acknowledge(bus, client, &told, sentence);
    }
    return 0;
}

static int read_head(struct bus *bus, struct grove_request *request, struct poll_message *message,
                     struct grove_bus_poll *poll, struct client **client) {
    *client = client_of(bus, request);
    if (*client == NULL)
        return grove_fail(request, GROVE_INVALID, "its client is one too many");
    int status = poll_message_open(grove_request_data(request), grove_request_bytes(request), message, poll);
    if (status < 0)
        return grove_fail(request, status, "the message is too short, malformed, or of another version");
    return 0;
}

int on_acknowledge(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct poll_message message;
    struct grove_bus_poll head;
    struct client *client = NULL;
    int status = read_head(bus, request, &message, &head, &client);
    if (status == 0)
        status = read_acknowledgements(bus, client, &message, head.acknowledgements);
    if (status < 0)
        return status;
    for (uint32_t lane = 0; lane < GROVE_LANES; lane++)
        poll_answer(bus, client, lane, false); /* more may be out now */
    held_retry(bus);
    return 0;
}

/* ---- POLL ---- */

static void tell_ended(struct answer *answer, uint32_t member) {
    struct grove_bus_ended ended = {.member = member, .status = GROVE_NOT_FOUND};
    void *item = add_item(answer, GROVE_BUS_ITEM_ENDED, sizeof ended);
    if (item != NULL) /* else with the next poll, which follows this answer */
        memcpy(item, &ended, sizeof ended);
}

static void tell_ring(struct answer *answer, struct member *member, struct grove_request *request) {
    void *item = add_item(answer, GROVE_BUS_ITEM_RING, sizeof(struct grove_bus_place));
    if (item == NULL)
        return;
    if (feed_show(member->feed, member, request) < 0) {
        answer->used_bytes -= padded(sizeof(struct grove_bus_item) + sizeof(struct grove_bus_place));
        return; /* the client holds as much as it may: it is told with a later poll */
    }
    struct grove_bus_place place = {.ring = member->ring, .position = 0, .member = member_id(member)};
    memcpy(item, &place, sizeof place);
}

/* Of rings of publishers as many are granted with one answer as a client keeps until it reads it. */
#define DIRECTS_AN_ANSWER 8u

static bool show_direct(struct answer *answer, struct member *member, struct direct *direct,
                        struct grove_request *request) {
    void *item = add_item(answer, GROVE_BUS_ITEM_DIRECT, sizeof(struct grove_bus_direct_shown));
    struct grove_bus_direct_shown shown;
    if (item == NULL)
        return false; /* with the next poll, which follows this answer */
    direct_show(direct, member, request, &shown);
    memcpy(item, &shown, sizeof shown);
    return true;
}

static bool tell_over(struct bus *bus, struct answer *answer, const struct member *member, uint64_t id) {
    const struct grove_bus_direct_over over = {.id = id, .member = member_id(member)};
    struct direct *direct = direct_find(bus, id);
    void *item = add_item(answer, GROVE_BUS_ITEM_DIRECT_OVER, sizeof over);
    if (item == NULL)
        return false;
    memcpy(item, &over, sizeof over);
    if (direct != NULL)
        direct_told_over(bus, direct, member);
    return true;
}

static bool tell_directs(struct bus *bus, struct answer *answer, struct member *member, struct grove_request *request) {
    struct direct *direct = NULL, *next = NULL;
    unsigned count = 0;
    bool is_over = false, is_next_over = false;
    for (direct = directs_news(bus, member, NULL, &is_over); direct != NULL && count < DIRECTS_AN_ANSWER;
         direct = next, is_over = is_next_over, count++) {
        next = directs_news(bus, member, direct, &is_next_over);
        if (is_over ? !tell_over(bus, answer, member, direct_id(direct))
                    : !show_direct(answer, member, direct, request))
            break;
    }
    return direct != NULL || count > 0;
}

/* A ring that the bus's own names and the client does not know. */
static void tell_which(struct bus *bus, struct answer *answer, struct member *member, uint64_t id,
                       struct grove_request *request) {
    struct direct *direct = direct_find(bus, id);
    if (direct != NULL)
        (void)show_direct(answer, member, direct, request);
    else
        (void)tell_over(bus, answer, member, id);
}

/* Look at one place of the client's: is there more to be had than it has seen? */
static bool look(struct bus *bus, struct client *client, const struct grove_bus_place *place,
                 struct grove_request *request, struct answer *answer) {
    struct member *member = member_find(bus, client, place->member);
    if (member == NULL) {
        tell_ended(answer, place->member);
        return true;
    }
    if (member->feed == NULL)
        return false;
    if (place->reserved == GROVE_BUS_PLACE_SLEEPS)
        return direct_sleeps(bus, client, place);
    if (place->reserved != 0) {
        tell_which(bus, answer, member, place->ring, request);
        return true;
    }
    bool has_news = tell_directs(bus, answer, member, request);
    if (member->ring == 0 || place->ring != member->ring || feed_is_renewed(member->feed, member)) {
        tell_ring(answer, member, request);
        return true;
    }
    if (!member->is_armed) {
        member->is_armed = true;
        member->feed->armed++;
    }
    return feed_is_unread(bus, member->feed, place->position) || has_news;
}

static int read_places(struct bus *bus, struct client *client, struct poll_message *message, uint32_t count,
                       struct grove_request *request, struct answer *answer, bool *has_more) {
    for (uint32_t i = 0; i < count; i++) {
        struct grove_bus_place told;
        int status = poll_message_place(message, &told);
        if (status < 0)
            return status;
        *has_more |= look(bus, client, &told, request, answer);
    }
    return 0;
}

static uint32_t answer_room(const struct grove_bus_poll *head) {
    uint32_t room_bytes = head->answer_bytes < ANSWER_BYTES_MAX ? head->answer_bytes : ANSWER_BYTES_MAX;
    return room_bytes > 1024u ? room_bytes & ~7u : 1024u;
}

static void take_place(struct client *client, uint32_t lane, struct grove_request *request, uint32_t answer_bytes) {
    struct grove_request *earlier = client->polls[lane].request;
    client->polls[lane] = (struct poll){.request = request, .answer_bytes = answer_bytes};
    if (earlier == NULL)
        return;
    (void)grove_fail(earlier, GROVE_CANCELLED, "another poll of this client has taken its place");
    grove_request_finish(earlier);
}

int on_poll(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct poll_message message;
    struct grove_bus_poll head;
    struct client *client = NULL;
    uint32_t lane = (uint32_t)grove_request_lane(request);
    int status = read_head(bus, request, &message, &head, &client);
    if (status < 0)
        return status;
    if (head.generation < client->generation)
        return grove_fail(request, GROVE_CANCELLED, "a later instance of this client has taken its place");
    client_is_instance(bus, client, head.generation);
    if (rights_have_changed(bus))
        rights_look_again(bus);
    status = read_acknowledgements(bus, client, &message, head.acknowledgements);
    static struct answer answer; /* not the scratch: answers to others are put together meanwhile */
    answer.used_bytes = answer.items = 0;
    answer.room_bytes = answer_room(&head);
    bool has_more = (client->looks >> lane & 1u) != 0;
    client->looks &= ~(1u << lane);
    disarm(client, lane);
    if (status == 0)
        status = read_places(bus, client, &message, head.places, request, &answer, &has_more);
    if (status == 0)
        status = grove_request_defer(request);
    if (status < 0)
        return grove_fail(request, status, "the message is malformed");
    take_place(client, lane, request, answer.room_bytes);
    if (!collect(bus, client, lane, &answer) && (has_more || answer.items > 0))
        send(client, lane, &answer);
    held_retry(bus);
    return 0;
}
