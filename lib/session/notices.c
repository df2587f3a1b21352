/*
 * What the kernel tells us unasked, and who handles it.
 *
 * One table says it all. A notice is either handled where it arrives (it changes only what this library keeps, and a
 * call that waits depends on it), or kept in order and handled from dispatch, where the program's own handlers may run:
 * first the run loop of a service is offered it (`host`), then the program's notice handler.
 *
 * A CHANNEL_PEER or CHANNEL_CLOSED can overtake nothing: while its CHANNEL_NEW still waits in the queue the handle is
 * unknown here, and the notice waits behind it.
 */
#include "lib/session/attachment.h"
#include "lib/session/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns true if the notice is dealt with; its objects not taken are closed by the caller. */
typedef bool notice_now(struct grove_session *session, struct packet *packet, int *status);

static void end_name(struct grove_name *name) {
    name->text[GROVE_NAME_MAX] = '\0';
}

static int map_kernel_page(struct grove_session *session, struct packet *packet) {
    int page = packet_take_object(packet, 0);
    struct stat facts;
    if (page < 0 || fstat(page, &facts) < 0 || facts.st_size < (off_t)sizeof *session->page) {
        if (page >= 0)
            close(page);
        return error_set(GROVE_CORRUPT, "the kernel's first notice came without the kernel page");
    }
    void *mapping = mmap(NULL, sizeof *session->page, PROT_READ, MAP_SHARED, page, 0);
    close(page);
    if (mapping == MAP_FAILED)
        return error_set(GROVE_NO_MEMORY, "the kernel page could not be mapped: %s", strerror(errno));
    session->page = mapping;
    if (session->page->magic != GROVE_KERNEL_PAGE_MAGIC)
        return error_set(GROVE_CORRUPT, "the kernel page is not one");
    return 0;
}

/* The kernel's first and only word to whom it does not take. */
static int turned_away(int status) {
    switch (status) {
    case GROVE_DENIED:
        return error_set(status, "the kernel turned this program away: only the kernel's own user and root may use it");
    case GROVE_EXHAUSTED:
        return error_set(status, "the kernel turned this program away: as many shells are connected as it takes; "
                                 "end one of them and try again");
    case GROVE_NO_DESCRIPTORS:
        return error_set(status, "the kernel turned this program away: it has no file descriptor free; end a shell, or "
                                 "start it with a higher limit (ulimit -n)");
    default:
        return status < GROVE_NO_DESCRIPTORS
                   ? error_set(GROVE_CORRUPT, "the kernel's first notice has a status that does not exist (%d)", status)
                   : error_set(status, "the kernel turned this program away: %s", grove_status_text(status));
    }
}

static bool now_init(struct grove_session *session, struct packet *packet, int *status) {
    if (session->is_initialized)
        return true;
    *status = packet->message.status < 0 ? turned_away(packet->message.status) : map_kernel_page(session, packet);
    if (*status < 0)
        return true;
    session->identity = packet->message.body.init;
    end_name(&session->identity.name);
    end_name(&session->identity.project);
    session->is_initialized = true;
    return true;
}

static bool now_channel_peer(struct grove_session *session, struct packet *packet, int *status) {
    (void)status;
    const struct grove_notice_channel_peer *body = &packet->message.body.channel_peer;
    struct attachment *attachment = attachment_find(session, body->channel);
    if (attachment == NULL)
        return false;
    int segment = packet_take_object(packet, 0);
    int bell = packet_take_object(packet, 1);
    attachment_set_peer(attachment, body->epoch, segment, bell); /* a failure costs this channel only */
    return true;
}

static bool now_channel_closed(struct grove_session *session, struct packet *packet, int *status) {
    (void)status;
    struct attachment *attachment = attachment_find(session, packet->message.body.channel_closed.channel);
    if (attachment == NULL)
        return false;
    attachment->is_peer_gone = true;
    channel_end_awake(attachment->end);
    attachment_activate(attachment);
    return true;
}

static const struct {
    uint16_t operation;
    notice_now *now;
} immediate[] = {
    {GROVE_NOTICE_INIT, now_init},
    {GROVE_NOTICE_CHANNEL_PEER, now_channel_peer},
    {GROVE_NOTICE_CHANNEL_CLOSED, now_channel_closed},
};

static notice_now *immediate_handler(uint16_t operation) {
    for (size_t i = 0; i < sizeof immediate / sizeof immediate[0]; i++)
        if (immediate[i].operation == operation)
            return immediate[i].now;
    return NULL;
}

/* ---- the queue ---- */

static int queue_grow(struct packet_queue *queue) {
    unsigned capacity = queue->capacity == 0 ? 4 : queue->capacity * 2;
    if (capacity > SESSION_QUEUE_MAX)
        return error_set(GROVE_EXHAUSTED,
                         "%u notices of the kernel wait to be handled: let the run loop, or "
                         "grove_session_dispatch, run more often",
                         queue->count);
    struct packet *packets = malloc(capacity * sizeof *packets);
    if (packets == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left to keep a notice of the kernel");
    for (unsigned i = 0; i < queue->count; i++)
        packets[i] = queue->packets[(queue->head + i) % queue->capacity];
    free(queue->packets);
    *queue = (struct packet_queue){.packets = packets, .capacity = capacity, .count = queue->count};
    return 0;
}

int packet_queue_put(struct packet_queue *queue, struct packet *packet) {
    int status = queue->count == queue->capacity ? queue_grow(queue) : 0;
    if (status < 0) {
        packet_close_objects(packet);
        return status;
    }
    queue->packets[(queue->head + queue->count++) % queue->capacity] = *packet;
    return 0;
}

void packet_queue_take(struct packet_queue *queue, struct packet *packet) {
    *packet = queue->packets[queue->head];
    queue->head = (queue->head + 1) % queue->capacity;
    queue->count--;
}

static bool is_channel_of_queue(const struct grove_session *session, grove_handle handle) {
    const struct packet_queue *queue = &session->queue;
    for (unsigned i = 0; i < queue->count; i++) {
        const struct grove_message *message = &queue->packets[(queue->head + i) % queue->capacity].message;
        if (message->operation == GROVE_NOTICE_CHANNEL_NEW && message->body.channel_new.channel.channel == handle)
            return true;
    }
    return false;
}

int session_notice(struct grove_session *session, struct packet *packet) {
    uint16_t operation = packet->message.operation;
    notice_now *now = immediate_handler(operation);
    int status = 0;
    if (!session->is_initialized && operation != GROVE_NOTICE_INIT)
        status = error_set(GROVE_CORRUPT, "the kernel's first notice was not INIT");
    else if (now == NULL)
        return granted_keep(session, packet) ? 0 : packet_queue_put(&session->queue, packet);
    else if (!now(session, packet, &status) && is_channel_of_queue(session, packet->message.body.channel_peer.channel))
        return packet_queue_put(&session->queue, packet);
    packet_close_objects(packet);
    return status;
}

/* ---- from dispatch ---- */

static void answer_ping(struct grove_session *session, const struct grove_message *ping) {
    struct grove_message report = {
        .operation = GROVE_REQUEST_STATE_REPORT,
        .body.report = {.report = GROVE_REPORT_PONG, .value = ping->body.request.value},
    };
    session_post(session, &report, true);
}

static void handle_one(struct grove_session *session, struct packet *packet) {
    uint16_t operation = packet->message.operation;
    notice_now *now = immediate_handler(operation);
    int status = 0;
    if (packet->message.sequence != 0)
        session_later_done(session, packet);
    else if (now != NULL)
        now(session, packet, &status);
    else if (session->host != NULL && session->host(session->host_context, packet))
        return;
    else if (operation == GROVE_NOTICE_PING)
        answer_ping(session, &packet->message);
    else if (operation == GROVE_NOTICE_CHANNEL_NEW)
        session_post_handle(session, GROVE_REQUEST_CHANNEL_CLOSE, packet->message.body.channel_new.channel.channel);
    else if (session->on_notice != NULL) {
        session->on_notice(&packet->message, packet->objects, packet->object_count, session->on_notice_context);
        return; /* the descriptors are the handler's now */
    }
    packet_close_objects(packet);
}

int session_handle_queue(struct grove_session *session) {
    int count = 0;
    while (session->queue.count > 0) {
        struct packet packet;
        session_settle(session);
        packet_queue_take(&session->queue, &packet);
        handle_one(session, &packet);
        count++;
    }
    return count;
}

void grove_session_on_notice(struct grove_session *session, grove_notice_handler *handler, void *context) {
    session->on_notice = handler;
    session->on_notice_context = context;
}
