/*
 * Dead letters: kept, listed, delivered again, purged; see dlq.h.
 *
 * Each is also said on standard error, which the log service keeps, with all that a person needs to find out why. If the disk
 * takes no letter, that line is all there is, and it says so.
 */
#include "servers/bus/dlq.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "servers/bus/durable.h"
#include "servers/bus/letters.h"

struct dlq {
    struct letters letters;
    bool is_open;
    uint64_t syncing[LETTERS_SYNC_MAX];
    unsigned syncing_count;
    uint64_t lost; /* could not be written */
};

int dlq_open(struct bus *bus, const char *path) {
    struct dlq *dlq = calloc(1, sizeof *dlq);
    if (dlq == NULL)
        return GROVE_NO_MEMORY;
    bus->dlq = dlq;
    int folder = path != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder < 0)
        return 0;
    if (mkdirat(folder, "dead", 0700) < 0 && errno != EEXIST)
        (void)fprintf(stderr, "bus: no folder can be made for dead letters: %s\n", strerror(errno));
    int dead = openat(folder, "dead", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    (void)close(folder);
    if (dead < 0)
        return 0;
    int status = letters_open(&dlq->letters, dead);
    dlq->is_open = status == 0;
    dlq_limit(bus);
    return status == GROVE_NO_MEMORY ? status : 0;
}

void dlq_close(struct bus *bus) {
    if (bus->dlq == NULL)
        return;
    if (bus->dlq->is_open && bus->dlq->letters.unsynced_count > 0)
        letters_sync(bus->dlq->letters.folder, bus->dlq->letters.unsynced, bus->dlq->letters.unsynced_count);
    letters_close(&bus->dlq->letters);
    free(bus->dlq);
    bus->dlq = NULL;
}

void dlq_limit(struct bus *bus) {
    if (bus->dlq->is_open)
        letters_limit(&bus->dlq->letters, bus->settings.letters, bus->settings.letters_bytes);
}

uint64_t dlq_count(const struct bus *bus) {
    return bus->dlq->letters.count;
}

void dlq_add(struct bus *bus, const struct dead_letter *given) {
    const char *subject = (const char *)(given->image + 1);
    struct letter letter = {.time_ns = wall_ns(), .attempts = given->attempts, .status = given->status};
    (void)snprintf(letter.subscriber.text, sizeof letter.subscriber.text, "%s", given->subscriber);
    (void)snprintf(letter.error, sizeof letter.error, "%s", given->error);
    memcpy(letter.pattern, given->queue->pattern, sizeof letter.pattern);
    memcpy(letter.group, given->queue->group, sizeof letter.group);
    int status = bus->dlq->is_open ? letters_add(&bus->dlq->letters, &letter, given->image) : GROVE_UNSUPPORTED;
    bus->dlq->lost += status < 0;
    (void)fprintf(stderr, "bus: gave up event %llu (%s) for %s (%s) after %u attempts: %s%s%s\n",
                  (unsigned long long)given->image->sequence, subject, given->subscriber, given->queue->pattern,
                  given->attempts, given->error,
                  status < 0 ? "; it is lost, as the dead letters cannot be written: " : "",
                  status < 0 ? grove_status_text(status) : "");
}

static void sync_letters(void *context) {
    const struct dlq *dlq = context;
    letters_sync(dlq->letters.folder, dlq->syncing, dlq->syncing_count);
}

bool dlq_rest(struct bus *bus) {
    struct dlq *dlq = bus->dlq;
    struct letters *letters = &dlq->letters;
    if (!dlq->is_open || letters->unsynced_count == 0 || bus->durable->worker == NULL ||
        worker_is_busy(bus->durable->worker))
        return false;
    memcpy(dlq->syncing, letters->unsynced, sizeof dlq->syncing);
    dlq->syncing_count = letters->unsynced_count;
    letters->unsynced_count = 0;
    if (!worker_begin(bus->durable->worker, sync_letters, dlq))
        sync_letters(dlq);
    return true;
}

/* ---- asked for ---- */

static int read_which(struct bus *bus, struct grove_request *request, struct grove_bus_dead_letters *which) {
    if (!bus->dlq->is_open)
        return grove_fail(request, GROVE_UNSUPPORTED, "this bus has no folder for dead letters");
    int status = request_take(request, which, sizeof *which);
    if (status < 0)
        return status;
    which->subject[GROVE_SUBJECT_MAX] = which->subscriber.text[GROVE_NAME_MAX] = '\0';
    if (which->subject[0] != '\0' && !pattern_is_valid(which->subject, strlen(which->subject)))
        return grove_fail(request, GROVE_INVALID, "\"%s\" is no pattern", which->subject);
    return 0;
}

static bool fits(const struct grove_request *request, const struct grove_bus_dead_letters *which,
                 const struct letter *letter, const struct grove_bus_image *image) {
    if (!rights_see_all(request) && strcmp(letter->subscriber.text, grove_request_client(request)) != 0)
        return false;
    return (which->id == 0 || which->id == letter->id) &&
           (which->before_ns == 0 || letter->time_ns < which->before_ns) &&
           (which->subscriber.text[0] == '\0' || strcmp(letter->subscriber.text, which->subscriber.text) == 0) &&
           (which->subject[0] == '\0' || grove_pattern_matches(which->subject, (const char *)(image + 1)));
}

/* The next letter behind *cursor that is asked for, with its image to be freed. GROVE_NOT_FOUND. */
static int next(struct bus *bus, const struct grove_request *request, const struct grove_bus_dead_letters *which,
                uint64_t *cursor, struct letter *letter, struct grove_bus_image **image) {
    struct letters *letters = &bus->dlq->letters;
    if (which->id != 0 && *cursor < which->id - 1)
        *cursor = which->id - 1;
    while (letters_next(letters, *cursor, cursor) == 0) {
        int status = letters_read(letters, *cursor, letter, image);
        if (status == GROVE_NO_MEMORY)
            return status;
        if (status == 0 && fits(request, which, letter, *image))
            return 0;
        if (status == 0)
            free(*image);
        if (which->id != 0)
            break;
    }
    return GROVE_NOT_FOUND;
}

static void describe(const struct letter *letter, const struct grove_bus_image *image, struct grove_dead_letter *told) {
    const char *subject = (const char *)(image + 1);
    *told = (struct grove_dead_letter){.id = letter->id,
                                       .time_ns = letter->time_ns,
                                       .event_time_ns = image->time_ns,
                                       .sequence = image->sequence,
                                       .subject_sequence = image->subject_sequence,
                                       .durable_sequence = image->durable_sequence,
                                       .attempts = letter->attempts,
                                       .status = letter->status,
                                       .length_bytes = image->data_bytes,
                                       .headers_bytes = image->headers_bytes,
                                       .subscriber = letter->subscriber};
    memcpy(told->subject, subject, image->subject_bytes);
    memcpy(told->publisher.text, subject + image->subject_bytes + 1u, image->publisher_bytes);
    memcpy(told->pattern, letter->pattern, sizeof told->pattern);
    memcpy(told->group, letter->group, sizeof told->group);
    memcpy(told->error, letter->error, sizeof told->error);
}

int on_dead_letter_next(struct grove_request *request, void *context) {
    struct grove_bus_dead_letters which;
    struct letter letter;
    struct grove_bus_image *image = NULL;
    struct {
        uint64_t cursor;
        struct grove_dead_letter letter;
    } answer;
    int status = read_which(context, request, &which);
    if (status < 0)
        return status;
    answer.cursor = which.cursor;
    status = next(context, request, &which, &answer.cursor, &letter, &image);
    if (status < 0)
        return grove_fail(request, status, "there are no more dead letters");
    describe(&letter, image, &answer.letter);
    free(image);
    return grove_reply(request, &answer, sizeof answer);
}

static int reply_data(struct grove_request *request, const void *data, uint32_t length_bytes) {
    struct grove_loan loan;
    int status = grove_reply(request, data, length_bytes);
    if (status != GROVE_TOO_LARGE)
        return status;
    status = grove_request_loan(request, length_bytes, 1, &loan);
    if (status < 0)
        return grove_fail(request, GROVE_EXHAUSTED, "no room is left to lend the event in");
    memcpy(loan.data, data, length_bytes);
    status = grove_reply_loan(request, NULL, 0, &loan);
    if (status < 0)
        grove_loan_return(&loan);
    return status;
}

int on_dead_letter_data(struct grove_request *request, void *context) {
    struct grove_bus_dead_letters which;
    struct letter letter;
    struct grove_bus_image *image = NULL;
    struct incoming incoming;
    const char *publisher;
    uint64_t cursor = 0;
    int status = read_which(context, request, &which);
    if (status < 0)
        return status;
    status = next(context, request, &which, &cursor, &letter, &image);
    if (status < 0)
        return grove_fail(request, status, "there is no such dead letter");
    incoming_of_image(image, &incoming, &publisher);
    status = reply_data(request, incoming.data, incoming.data_bytes);
    free(image);
    return status;
}

/* To each queue that matches and has a member of the letter's subscriber. True: there was one. */
static bool deliver_again(struct bus *bus, const struct letter *letter, const struct grove_bus_image *image) {
    struct grove_bus_image head = *image;
    struct incoming incoming;
    struct subject *subject = NULL;
    const char *publisher;
    bool is_delivered = false;
    incoming_of_image(image, &incoming, &publisher);
    head.flags |= GROVE_EVENT_REPLAYED;
    if (subject_find(bus, incoming.subject, incoming.subject_bytes, incoming.hash, &subject) < 0)
        return false;
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++) {
        struct queue *queue = bus->queues[i];
        const struct member *member = queue != NULL ? queue->members : NULL;
        while (member != NULL && (member->saved->is_left || /* it may not come back, and then the event would be lost */
                                  strcmp(member->saved->client_name.text, letter->subscriber.text) != 0))
            member = member->next_in_owner;
        if (member == NULL || !grove_pattern_matches(queue->saved->pattern, incoming.subject) ||
            queue->saved->quality == GROVE_BUS_AT_MOST_ONCE ||
            event_keep_for(bus, queue, subject, &head, &incoming, publisher) < 0)
            continue;
        queue_offer(bus, queue);
        is_delivered = true;
    }
    return is_delivered;
}

static int for_all(struct grove_request *request, struct bus *bus, bool is_replay) {
    struct grove_bus_dead_letters which;
    struct letter letter;
    struct grove_bus_image *image = NULL;
    uint64_t cursor = 0, count = 0, last = bus->dlq->letters.next_id;
    int status = read_which(bus, request, &which);
    if (status < 0)
        return status;
    while (next(bus, request, &which, &cursor, &letter, &image) == 0 && cursor < last) {
        bool is_over = !is_replay || deliver_again(bus, &letter, image);
        free(image);
        if (is_over)
            letters_remove(&bus->dlq->letters, letter.id);
        count += is_over;
    }
    return grove_reply(request, &count, sizeof count);
}

int on_dead_letter_replay(struct grove_request *request, void *context) {
    return for_all(request, context, true);
}

int on_dead_letter_purge(struct grove_request *request, void *context) {
    return for_all(request, context, false);
}
