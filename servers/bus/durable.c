/* The log of durable events, and the publications that wait for it; see durable.h. */
#include "servers/bus/points.h"

#include "servers/bus/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define WAITING_BYTES_MAX (UINT64_C(16) << 20)
#define ANEW_NS (5 * GROVE_SECOND)
#define RETRY_NS GROVE_SECOND
/* After others were heard of, so many groups are written by the thread. */
#define MIXED_GROUPS 64u

struct pending {
    struct pending *next;
    struct grove_request *request;
    struct client *client;
    struct subject *subject;
    struct stream *stream;
    uint32_t doubt;
    struct verdict *verdict;
    struct grove_bus_image image; /* and what belongs to it */
};

/* ---- the log ---- */

/*
 * A place may be behind the end of a log that lost what was not synchronised yet. What comes next gets those numbers again, and
 * must not be taken for done.
 */
static void bound_places(struct durable *durable) {
    uint64_t next = durable->next_number;
    for (unsigned at = 0; at < durable->place_count; at++)
        if (durable->places[at].sequence > next) {
            durable->places[at].sequence = next;
            durable->are_places_changed = true;
        }
}

static int open_logs(struct bus *bus) {
    struct durable *durable = bus->durable;
    durable->status = streams_open(durable, &durable->problem);
    if (durable->status < 0) {
        (void)fprintf(stderr, "bus: no durable events for now: %s\n", durable->problem.sentence);
        return durable->status;
    }
    bound_places(durable);
    doubts_settle(&bus->state, durable->next_number, replay_publish, bus);
    durable->has_news = true;
    return 0;
}

int durable_open(struct bus *bus, const char *folder) {
    struct durable *durable = calloc(1, sizeof *durable);
    if (durable == NULL)
        return GROVE_NO_MEMORY;
    bus->durable = durable;
    durable->waiting_tail = &durable->waiting;
    durable->writing_tail = &durable->writing;
    durable->folder = folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (durable->folder < 0) {
        durable->status = GROVE_UNSUPPORTED;
        (void)snprintf(durable->problem.sentence, sizeof durable->problem.sentence,
                       "this bus has no folder to keep events in");
        return 0;
    }
    durable->began_ns = grove_now_ns();
    durable->worker = worker_create(); /* without one the loop writes */
    int status = streams_load(durable, &bus->settings);
    if (status == 0)
        status = places_load(durable);
    if (status == 0)
        (void)open_logs(bus); /* else it is tried again */
    return status;
}

/*
 * A file system that was read-only when this instance began stays so for it: its mount is a copy. Another instance sees whether
 * that has been mended. Nothing is lost by ending: the state region and the clients' lanes have it.
 */
static void begin_anew_if_read_only(const struct durable *durable, uint64_t now_ns) {
    struct statvfs facts;
    if (now_ns < durable->began_ns + ANEW_NS || fstatvfs(durable->folder, &facts) < 0 || !(facts.f_flag & ST_RDONLY))
        return;
    fputs("bus: the folder of the durable events is read-only; beginning anew, to see whether it still is\n", stderr);
    exit(1);
}

int durable_need_log(struct bus *bus, struct grove_request *request) {
    struct durable *durable = bus->durable;
    uint64_t now_ns = grove_now_ns();
    if (!durable->is_open && durable->folder >= 0 && now_ns >= durable->retry_ns) {
        durable->retry_ns = now_ns + RETRY_NS;
        if (open_logs(bus) < 0)
            begin_anew_if_read_only(durable, now_ns);
    }
    if (durable->is_open)
        return 0;
    return request == NULL ? durable->status : grove_fail(request, durable->status, "%s", durable->problem.sentence);
}

/* ---- published ---- */

static void let_go(struct bus *bus, struct pending *pending) {
    struct client *client = pending->client;
    bus->durable->waiting_bytes -= pending->image.size_bytes;
    pending->subject->users--;
    client->durables--;
    grove_request_finish(pending->request);
    client_let_go(bus, client);
    verdict_free(pending->verdict);
    free(pending);
}

static int answer(struct grove_request *request, const struct grove_bus_image *image) {
    struct grove_published receipt = {.sequence = image->sequence,
                                      .subject_sequence = image->subject_sequence,
                                      .durable_sequence = image->durable_sequence,
                                      .time_ns = image->time_ns};
    return grove_reply(request, &receipt, sizeof receipt);
}

/* It comes again after a crash, and is in the log. */
static int answer_again(struct bus *bus, struct grove_request *request, uint64_t sequence, uint32_t doubt) {
    struct grove_journal_reader *reader = NULL;
    struct grove_journal_item item;
    struct grove_bus_image image = {.durable_sequence = sequence};
    int status = stream_find_event(bus->durable, sequence, &reader, &item);
    if (status == GROVE_NO_MEMORY)
        return grove_fail(request, status, "the bus has no memory to look an event up");
    if (status == 0 && item.length_bytes >= sizeof image) {
        memcpy(&image, item.data, sizeof image);
        image.durable_sequence = sequence;
    }
    grove_journal_reader_destroy(reader);
    status = answer(request, &image);
    doubt_end(&bus->state, doubt, request);
    return status;
}

static int wait_for_disk(struct bus *bus, struct grove_request *request, struct client *client, struct subject *subject,
                         const struct incoming *incoming) {
    struct durable *durable = bus->durable;
    struct grove_bus_image head;
    publish_number(bus, client, subject, incoming, GROVE_EVENT_DURABLE, &head);
    struct pending *pending = malloc(sizeof *pending - sizeof head + head.size_bytes);
    if (pending == NULL || request_defer(bus, request) < 0) {
        free(pending);
        return grove_fail(request, GROVE_NO_MEMORY, "the bus has no memory for the event");
    }
    *pending = (struct pending){.request = request,
                                .client = client,
                                .subject = subject,
                                .stream = stream_of(durable, subject->saved->text),
                                .verdict = bus->verdict};
    bus->verdict = NULL;
    image_fill((uint8_t *)&pending->image, &head, incoming, client->name.text);
    subject->users++;
    client->durables++;
    durable->waiting_bytes += head.size_bytes;
    *durable->waiting_tail = pending;
    durable->waiting_tail = &pending->next;
    durable->published++;
    return 0;
}

int on_publish_durable(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct incoming incoming;
    struct client *client = NULL;
    struct subject *subject = NULL;
    uint32_t doubt = 0;
    int status = 0;
    if (points_hold(bus, request, on_publish_durable, &status))
        return status;
    status = durable_need_log(bus, request);
    if (status == 0)
        status = publish_begin(bus, request, &incoming, &client, &subject);
    if (status != 0)
        return status;
    uint64_t sequence = doubt_find(&bus->state, request, &doubt);
    if (sequence != 0)
        return answer_again(bus, request, sequence, doubt);
    if (bus->durable->waiting_bytes > WAITING_BYTES_MAX)
        return grove_fail(request, GROVE_EXHAUSTED,
                          "%llu MiB of events wait for the disk, which does not keep up: publish fewer",
                          (unsigned long long)(WAITING_BYTES_MAX >> 20));
    return wait_for_disk(bus, request, client, subject, &incoming);
}

/* ---- a group ---- */

/* Into the group, with the number that it will have noted. False: this group is full. */
static bool add_to_group(struct bus *bus, struct pending *pending, uint64_t sequence) {
    struct durable *durable = bus->durable;
    if (doubt_note(&bus->state, pending->request, sequence, &pending->doubt) < 0)
        return false;
    pending->image.durable_sequence = sequence;
    struct iovec part = {.iov_base = &pending->image, .iov_len = pending->image.size_bytes};
    struct grove_journal_entry entry = {
        .kind = DURABLE_RECORD_EVENT, .time_ns = pending->image.time_ns, .parts = &part, .part_count = 1};
    if (grove_journal_append(durable->writing_stream->log, &entry) == 0)
        return true;
    doubt_end(&bus->state, pending->doubt, pending->request);
    return false;
}

static struct pending *take_waiting(struct durable *durable, struct pending **place) {
    struct pending *pending = *place;
    *place = pending->next;
    if (durable->waiting_tail == &pending->next)
        durable->waiting_tail = place;
    pending->next = NULL;
    return pending;
}

/* All that waits for the stream whose turn it is: that of what has waited longest. */
static void gather_group(struct bus *bus) {
    struct durable *durable = bus->durable;
    if (durable->writing_stream == NULL)
        durable->writing_stream = durable->waiting->stream;
    for (struct pending **place = &durable->waiting; *place != NULL;) {
        if ((*place)->stream != durable->writing_stream) {
            place = &(*place)->next;
            continue;
        }
        if (!add_to_group(bus, *place, durable->next_number + durable->writing_count))
            break;
        struct pending *pending = take_waiting(durable, place);
        *durable->writing_tail = pending;
        durable->writing_tail = &pending->next;
        durable->writing_count++;
    }
}

static void write_group(void *context) {
    grove_journal_commit_run(context);
}

static void on_written(struct grove_service *service, int descriptor, short events, void *context) {
    (void)service;
    (void)descriptor;
    (void)events;
    (void)durable_rest(context);
}

/* Would others wait if the loop waited for the disk? */
static bool others_publish(struct bus *bus) {
    struct durable *durable = bus->durable;
    uint64_t others = bus->state.head->counters.published - durable->published;
    if (others != durable->others)
        durable->mixed = MIXED_GROUPS;
    else if (durable->mixed > 0)
        durable->mixed--;
    durable->others = others;
    return durable->mixed > 0;
}

static void fail_pending(struct bus *bus, struct pending *pending, int status, const char *sentence) {
    (void)grove_fail(pending->request, status, "%s", sentence);
    let_go(bus, pending);
}

static void finish_pending(struct bus *bus, struct pending *pending) {
    pending->stream->last = pending->image.durable_sequence;
    bus->verdict = pending->verdict;
    publish_image(bus, pending->client, pending->subject, &pending->image, pending->image.durable_sequence, 0);
    bus->verdict = NULL;
    doubt_delivered(&bus->state, pending->doubt, pending->request);
    (void)answer(pending->request, &pending->image);
    doubt_end(&bus->state, pending->doubt, pending->request);
    let_go(bus, pending);
}

static void take_result(struct bus *bus) {
    struct durable *durable = bus->durable;
    struct grove_journal_commit done = {0};
    struct grove_journal_problem problem = {""};
    struct pending *pending = durable->writing;
    struct grove_journal *log = durable->writing_stream->log;
    int status = grove_journal_commit_end(log, &done, &problem);
    /* Also of a group that failed: what is left of it may be found again, when another log has those numbers. */
    if (status == 0 || durable->are_numbers_apart)
        durable->next_number += durable->writing_count;
    durable->writing = NULL;
    durable->writing_tail = &durable->writing;
    durable->writing_count = 0;
    durable->writing_stream = NULL;
    if (status < 0) {
        (void)grove_journal_discard(log);
        if (!durable->has_failed)
            (void)fprintf(stderr, "bus: %s\n", problem.sentence);
    }
    durable->has_failed = status < 0;
    for (struct pending *next; pending != NULL; pending = next) {
        next = pending->next;
        if (status == 0) {
            finish_pending(bus, pending);
            continue;
        }
        doubt_end(&bus->state, pending->doubt, pending->request);
        fail_pending(bus, pending, status, problem.sentence);
    }
    durable->has_news = true;
}

static void begin_group(struct bus *bus) {
    struct durable *durable = bus->durable;
    gather_group(bus);
    if (durable->writing == NULL) {
        /* Not even one: as many are in doubt as there may be, or there is no memory. */
        durable->writing_stream = NULL;
        fail_pending(bus, take_waiting(durable, &durable->waiting), GROVE_EXHAUSTED,
                     "the bus has no room to write the event");
        return;
    }
    struct grove_journal *log = durable->writing_stream->log;
    if (!grove_journal_commit_begin(log))
        return; /* no memory for its table: the group stays, and is tried again */
    durable->is_handed_over =
        others_publish(bus) && durable->worker != NULL && worker_begin(durable->worker, write_group, log);
    if (durable->is_handed_over) {
        (void)grove_service_watch(bus->service, worker_descriptor(durable->worker), POLLIN, on_written, bus);
        return;
    }
    grove_journal_commit_run(log);
    take_result(bus);
}

/* ---- between messages ---- */

static void save_places(struct bus *bus) {
    replay_places(bus);
    if (bus->durable->are_places_changed)
        (void)places_save(bus->durable);
}

static void on_quiet(struct grove_service *service, void *context) {
    struct bus *bus = context;
    struct durable *durable = bus->durable;
    (void)service;
    durable->is_rest_due = false;
    if (!durable->is_open || durable->writing != NULL || durable->waiting != NULL)
        return;
    streams_rest(durable, wall_ns());
    save_places(bus);
}

void durable_rest_later(struct bus *bus) {
    uint32_t timer = 0;
    if (!bus->durable->is_rest_due)
        bus->durable->is_rest_due = grove_service_after(bus->service, GROVE_SECOND, on_quiet, bus, &timer) == 0;
}

/* The thread has done what it was given: take what it says. */
static bool take_handed_over(struct bus *bus) {
    struct durable *durable = bus->durable;
    if (durable->worker == NULL || !worker_is_done(durable->worker))
        return false;
    (void)grove_service_watch(bus->service, worker_descriptor(durable->worker), 0, NULL, NULL);
    if (durable->is_handed_over)
        take_result(bus);
    durable->is_handed_over = false;
    return true;
}

static bool write_what_waits(struct bus *bus) {
    struct durable *durable = bus->durable;
    bool is_done = take_handed_over(bus);
    bool is_busy = durable->worker != NULL && worker_is_busy(durable->worker);
    if (is_busy || (durable->waiting == NULL && durable->writing == NULL))
        return is_done;
    begin_group(bus);
    durable_rest_later(bus);
    return true;
}

bool durable_settle(struct bus *bus) {
    struct durable *durable = bus->durable;
    if (durable->writing != NULL && !durable->is_handed_over)
        begin_group(bus); /* it had no memory before */
    while (durable->is_handed_over) {
        struct pollfd done = {.fd = worker_descriptor(durable->worker), .events = POLLIN};
        (void)poll(&done, 1, -1);
        (void)take_handed_over(bus);
    }
    return durable->writing == NULL;
}

void durable_streams_changed(struct durable *durable) {
    durable->stream_epoch++;
    for (struct pending *at = durable->waiting; at != NULL; at = at->next)
        at->stream = stream_of(durable, at->subject->saved->text);
}

bool durable_rest(struct bus *bus) {
    struct durable *durable = bus->durable;
    if (!durable->is_open)
        return false;
    bool is_done = write_what_waits(bus);
    is_done |= replay_feed(bus);
    if (durable->damage_count > 0)
        say_damage(bus, &durable->damages[--durable->damage_count]);
    return is_done || durable->damage_count > 0;
}

void durable_gone(struct bus *bus, grove_handle channel) {
    doubts_drop(&bus->state, channel);
}

void durable_close(struct bus *bus) {
    struct durable *durable = bus->durable;
    if (durable == NULL)
        return;
    worker_destroy(durable->worker); /* what it wrote is found in the log; who published it asks again */
    durable->worker = NULL;
    if (durable->folder >= 0)
        save_places(bus);
    streams_close(durable);
}
