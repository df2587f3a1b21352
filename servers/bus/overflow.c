/* See overflow.h. */
#include "servers/bus/overflow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "servers/bus/folders.h"
#include "servers/common/file_status.h"

/* All queues that spill have in memory at most this part of what there is. */
#define MEMORY_PART 8u
#define EVENTS_PART 2u
#define RETRY_NS GROVE_SECOND
#define PASS_NS (5 * GROVE_SECOND)
#define NAME_BYTES 40
#define FOLDER "spill"

struct spills {
    int parent, folder; /* -1: none; the folder is made when it is needed */
    unsigned queues; /* that spill, or may */
    bool is_timer_set;
};

/* ---- room ---- */

static uint64_t share(const struct bus *bus, uint64_t all) {
    return all / (bus->spills != NULL && bus->spills->queues > 0 ? bus->spills->queues : 1);
}

static uint64_t room_bytes(const struct bus *bus) {
    return share(bus, bus->state.granules * STATE_GRANULE / MEMORY_PART);
}

static uint64_t room_events(const struct queue *queue) {
    uint64_t events = share(queue->bus, STATE_EVENTS / EVENTS_PART);
    return events < queue->saved->queue_events ? events : queue->saved->queue_events;
}

/* For one more in memory, before what is on disk. */
static bool has_room(const struct queue *queue) {
    unsigned count = queue_count(queue);
    return count == 0 || (count < room_events(queue) && queue->bytes - queue->spilling_bytes < room_bytes(queue->bus));
}

/* Behind it. */
static bool is_tail_full(const struct queue *queue) {
    return queue->spilling.count >= room_events(queue) || queue->spilling_bytes >= room_bytes(queue->bus);
}

static bool is_spilled(const struct queue *queue) {
    return queue->saved->is_spilled != 0;
}

bool queue_spills(const struct queue *queue) {
    return is_spilled(queue) || queue->spilling.count > 0 ||
           (queue->saved->slow == GROVE_BUS_SPILL && queue->bus->spills->folder >= 0 && !has_room(queue));
}

bool overflow_is_full(const struct queue *queue) {
    return queue_spills(queue) && is_tail_full(queue);
}

/* ---- the files of one queue ---- */

static void name_of(const struct queue *queue, char name[NAME_BYTES]) {
    (void)snprintf(name, NAME_BYTES, "%016llx-%u", (unsigned long long)queue->bus->state.head->spill_mark,
                   queue->saved->serial);
}

/* Once a second, and said once. */
static void has_failed(struct queue *queue, int status, const char *sentence) {
    if (queue->spill_status == 0)
        (void)fprintf(stderr, "bus: events of %s cannot be spilled for now: %s\n", queue->saved->pattern, sentence);
    queue->spill_status = status;
    queue->spill_retry_ns = grove_now_ns() + RETRY_NS;
}

/* Of what was about to be spilled when the instance before ended, the files may have some: their last ones. */
static void drop_written(struct queue *queue) {
    struct bus *bus = queue->bus;
    uint64_t next = spill_next(queue->spill), from = queue->saved->spilled_from;
    struct spilled spilled;
    spill_seek(queue->spill, next - from > queue->spilling.count ? next - queue->spilling.count : from);
    while (queue->spilling.count > 0 && spill_read(queue->spill, &spilled) == 0) {
        struct delivery *at = queue->spilling.first;
        while (at != NULL && state_image(&bus->state, at->event->index)->sequence != spilled.image->sequence)
            at = at->next;
        if (at == NULL)
            continue;
        queue->saved->spilled_bytes += spilled.image->size_bytes;
        delivery_done(bus, at);
    }
}

/* What an earlier instance wrote: as much of it as there is. */
static void find_again(struct queue *queue) {
    struct saved_queue *saved = queue->saved;
    uint64_t next = spill_next(queue->spill);
    if (saved->spilled_from > next) {
        (void)fprintf(stderr, "bus: spilled events of %s are not there any more\n", saved->pattern);
        saved->spilled_from = next;
    }
    drop_written(queue);
    spill_seek(queue->spill, saved->spilled_from);
    queue->is_spill_unsure = true;
}

static bool open_files(struct queue *queue) {
    struct saved_queue *saved = queue->saved;
    struct grove_journal_problem problem;
    char name[NAME_BYTES];
    if (queue->spill != NULL)
        return true;
    if (queue->spill_status < 0 && grove_now_ns() < queue->spill_retry_ns)
        return false;
    struct spill *spill = malloc(sizeof *spill);
    if (spill == NULL)
        return false;
    name_of(queue, name);
    if (!is_spilled(queue))
        folder_remove(queue->bus->spills->folder, name);
    int status = spill_open(queue->bus->spills->folder, name, saved->spill_bytes, spill, &problem);
    if (status < 0) {
        free(spill);
        has_failed(queue, status, problem.sentence);
        return false;
    }
    queue->spill = spill;
    if (is_spilled(queue)) {
        find_again(queue);
        return true;
    }
    saved->spilled_from = 1;
    saved->spilled_bytes = 0;
    state_store(&saved->is_spilled, 1);
    return true;
}

static void close_files(struct queue *queue) {
    if (queue->spill == NULL)
        return;
    spill_close(queue->spill);
    free(queue->spill);
    queue->spill = NULL;
}

static void remove_files(struct queue *queue) {
    char name[NAME_BYTES];
    close_files(queue);
    state_store(&queue->saved->is_spilled, 0);
    name_of(queue, name);
    folder_remove(queue->bus->spills->folder, name);
}

uint64_t overflow_count(const struct queue *queue) {
    return is_spilled(queue) && queue->spill != NULL ? spill_next(queue->spill) - queue->saved->spilled_from : 0;
}

static bool is_drained(const struct queue *queue) {
    return !is_spilled(queue) || (queue->spill != NULL && overflow_count(queue) == 0);
}

/* ---- back ---- */

static void count_lost(struct bus *bus, struct queue *queue, uint64_t lost) {
    for (struct member *member = queue->members; member != NULL; member = member->next_in_owner) {
        member->missed += lost;
        member->saved->metrics.dropped += lost;
    }
    bus->state.head->counters.dropped += lost;
}

static bool is_in(const struct bus *bus, const struct delivery_list *list, uint64_t sequence) {
    const struct delivery *at = list->first;
    while (at != NULL && state_image(&bus->state, at->event->index)->sequence != sequence)
        at = at->next;
    return at != NULL;
}

/* The instance before may have kept it, and died before it wrote that down. */
static bool is_kept(const struct bus *bus, struct queue *queue, uint64_t sequence) {
    if (!queue->is_spill_unsure)
        return false;
    queue->is_spill_unsure = false;
    return is_in(bus, &queue->waiting, sequence) || is_in(bus, &queue->asking, sequence) ||
           is_in(bus, &queue->delayed, sequence) || is_in(bus, &queue->out, sequence);
}

static int keep(struct bus *bus, struct queue *queue, const struct grove_bus_image *image) {
    struct incoming incoming;
    struct subject *subject = NULL;
    const char *publisher;
    incoming_of_image(image, &incoming, &publisher);
    int status = subject_find(bus, incoming.subject, incoming.subject_bytes, incoming.hash, &subject);
    return status < 0 ? status : event_keep_for(bus, queue, subject, image, &incoming, publisher);
}

static void move_on(struct queue *queue, uint64_t number, uint64_t bytes) {
    struct saved_queue *saved = queue->saved;
    saved->spilled_bytes -= bytes < saved->spilled_bytes ? bytes : saved->spilled_bytes;
    saved->spilled_from = number + 1;
}

/* A disk that does not give an event is asked for it for a while; then it counts as lost. */
static void pass_in_time(struct queue *queue) {
    uint64_t now_ns = grove_now_ns();
    if (queue->spill_pass_ns == 0)
        queue->spill_pass_ns = now_ns + PASS_NS;
    if (now_ns < queue->spill_pass_ns)
        return;
    queue->spill_pass_ns = 0;
    spill_pass(queue->spill);
}

/* False: there is nothing, or it does not fit, or the disk does not give it now. */
static bool take_one(struct bus *bus, struct queue *queue) {
    struct spilled spilled;
    int status = spill_read(queue->spill, &spilled);
    if (spilled.lost > 0)
        count_lost(bus, queue, spilled.lost);
    if (status < 0 && spilled.lost > 0)
        move_on(queue, spilled.number, 0);
    if (status == GROVE_IO)
        pass_in_time(queue);
    if (status < 0)
        return false;
    queue->spill_pass_ns = 0;
    if (!is_kept(bus, queue, spilled.image->sequence) && keep(bus, queue, spilled.image) < 0) {
        queue->saved->spilled_from = spilled.number;
        spill_seek(queue->spill, spilled.number);
        return false;
    }
    move_on(queue, spilled.number, spilled.image->size_bytes);
    return true;
}

static bool take_back(struct bus *bus, struct queue *queue) {
    bool is_moved = false;
    while (queue->spill != NULL && overflow_count(queue) > 0 && has_room(queue) && take_one(bus, queue))
        is_moved = true;
    if (is_moved)
        spill_forget(queue->spill, queue->saved->spilled_from);
    return is_moved;
}

/* ---- there ---- */

static void to_memory(struct bus *bus, struct delivery *delivery) {
    state_store(&delivery->saved->state, DELIVERY_QUEUED);
    delivery_queue(bus, delivery);
}

/* As many as fit one commit and the limit. They leave memory when the files have them. */
static int write_some(struct bus *bus, struct queue *queue, unsigned *written) {
    struct saved_queue *saved = queue->saved;
    struct grove_journal_problem problem = {"no memory is left"};
    uint64_t bytes = 0;
    unsigned count = 0;
    int status = GROVE_OK;
    for (const struct delivery *at = queue->spilling.first; at != NULL; at = at->next) {
        const struct grove_bus_image *image = state_image(&bus->state, at->event->index);
        if (saved->spilled_bytes + bytes + image->size_bytes > saved->spill_bytes)
            break;
        status = spill_add(queue->spill, image);
        if (status < 0)
            break;
        bytes += image->size_bytes;
        count++;
    }
    *written = 0;
    if (count > 0 || (status < 0 && status != GROVE_AGAIN))
        status = count > 0 ? spill_commit(queue->spill, &problem) : status;
    if (status < 0 && status != GROVE_AGAIN) {
        has_failed(queue, status, problem.sentence);
        return status;
    }
    queue->spill_status = 0;
    saved->spilled_bytes += bytes;
    for (struct member *member = queue->members; member != NULL; member = member->next_in_owner)
        member->saved->metrics.spilled += count;
    for (*written = count; count > 0; count--)
        delivery_done(bus, queue->spilling.first);
    return 0;
}

/* Nothing fits the limit: the oldest goes, and the one on disk that is the oldest then takes its place. */
static bool drop_oldest(struct bus *bus, struct queue *queue) {
    if (queue_count(queue) == 0 && !take_back(bus, queue))
        return false;
    queue_push_out(bus, queue);
    return true;
}

static bool write_what_waits(struct bus *bus, struct queue *queue) {
    bool is_moved = false;
    while (queue->spilling.count > 0) {
        unsigned written = 0;
        take_back(bus, queue);
        if (is_drained(queue) && has_room(queue)) {
            to_memory(bus, queue->spilling.first);
            is_moved = true;
            continue;
        }
        if (!open_files(queue) || (queue->spill_status < 0 && grove_now_ns() < queue->spill_retry_ns) ||
            write_some(bus, queue, &written) < 0 || (written == 0 && !drop_oldest(bus, queue)))
            break;
        is_moved = true;
    }
    return is_moved;
}

/* ---- both ways ---- */

bool overflow_move(struct bus *bus, struct queue *queue) {
    if (is_spilled(queue) && !open_files(queue))
        return false;
    bool is_moved = take_back(bus, queue);
    is_moved |= write_what_waits(bus, queue);
    /* Not at once when the last one is back: a queue that is nearly full is likely to spill again. */
    if (is_spilled(queue) && is_drained(queue) && queue_count(queue) <= room_events(queue) / 2)
        remove_files(queue);
    if (is_moved)
        queue_offer(bus, queue);
    return is_moved;
}

void overflow_move_first(struct bus *bus, struct subject *subject) {
    subject->users++; /* what comes back from disk may bring other subjects in */
    for (unsigned i = 0; i < subject->target_count; i++) {
        struct queue *queue = (struct queue *)(void *)subject->targets[i];
        if (*subject->targets[i] == TARGET_QUEUE && overflow_is_full(queue))
            (void)overflow_move(bus, queue);
    }
    subject->users--;
}

static void on_timer(struct grove_service *service, void *context) {
    struct bus *bus = context;
    (void)service;
    bus->spills->is_timer_set = false;
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++)
        if (bus->queues[i] != NULL && bus->queues[i]->spill != NULL)
            spill_rest(bus->queues[i]->spill);
    (void)overflow_rest(bus);
}

bool overflow_rest(struct bus *bus) {
    struct spills *spills = bus->spills;
    bool is_moved = false, is_busy = false;
    uint32_t timer = 0;
    if (spills->queues == 0)
        return false;
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++) {
        struct queue *queue = bus->queues[i];
        if (queue == NULL || (!is_spilled(queue) && queue->spilling.count == 0))
            continue;
        is_moved |= overflow_move(bus, queue);
        is_busy |= is_spilled(queue) || queue->spilling.count > 0;
    }
    if (is_busy && !spills->is_timer_set)
        spills->is_timer_set = grove_service_after(bus->service, RETRY_NS, on_timer, bus, &timer) == 0;
    if (is_moved)
        held_retry(bus);
    return is_moved;
}

void overflow_make_room(struct bus *bus, struct queue *queue) {
    if (!is_tail_full(queue))
        return;
    (void)overflow_move(bus, queue);
    while (is_tail_full(queue) && queue->spilling.count > 0)
        delivery_push_out(bus, queue->spilling.first);
}

/* ---- begun and ended ---- */

void overflow_count_anew(struct bus *bus) {
    if (bus->spills == NULL)
        return;
    bus->spills->queues = 0;
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++) {
        const struct queue *queue = bus->queues[i];
        bus->spills->queues += queue != NULL && (queue->saved->slow == GROVE_BUS_SPILL || queue_spills(queue));
    }
}

int overflow_allow(struct bus *bus, struct grove_request *request) {
    struct spills *spills = bus->spills;
    if (spills->parent < 0)
        return grove_fail(request, GROVE_UNSUPPORTED, "this bus has no folder to spill events to");
    if (spills->folder < 0)
        spills->folder = folder_open(spills->parent, FOLDER);
    if (spills->folder >= 0)
        return 0;
    return grove_fail(request, file_status(errno), "no folder can be made to spill events to: %s", strerror(errno));
}

static bool is_known(const char *name, const void *context) {
    const struct bus *bus = context;
    char known[NAME_BYTES];
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++) {
        const struct queue *queue = bus->queues[i];
        if (queue == NULL || !is_spilled(queue))
            continue;
        name_of(queue, known);
        if (strcmp(name, known) == 0)
            return true;
    }
    return false;
}

int overflow_open(struct bus *bus, const char *path) {
    struct spills *spills = calloc(1, sizeof *spills);
    if (spills == NULL)
        return GROVE_NO_MEMORY;
    bus->spills = spills;
    if (bus->state.head->spill_mark == 0)
        bus->state.head->spill_mark = wall_ns(); /* no two regions are made in one nanosecond */
    spills->parent = path != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    spills->folder =
        spills->parent < 0 ? -1 : openat(spills->parent, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (spills->folder >= 0)
        folder_sweep(spills->folder, is_known, bus);
    return 0;
}

void overflow_restore(struct bus *bus) {
    overflow_count_anew(bus);
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++) {
        struct queue *queue = bus->queues[i];
        if (queue != NULL && is_spilled(queue))
            (void)open_files(queue); /* else it is tried again */
    }
}

void overflow_close(struct bus *bus) {
    for (uint32_t i = 0; bus->spills != NULL && i < bus->state.head->queues_used; i++)
        if (bus->queues[i] != NULL)
            close_files(bus->queues[i]);
}

void overflow_end(struct bus *bus, struct queue *queue) {
    if (bus->spills == NULL || !is_spilled(queue))
        return;
    bus->state.head->counters.dropped += overflow_count(queue);
    remove_files(queue);
}
