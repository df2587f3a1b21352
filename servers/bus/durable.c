/* The log of durable events, and the publications that wait for it; see durable.h. */
#include "servers/bus/points.h"

#include "servers/bus/durable.h"
#include "servers/bus/folders.h"

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
    uint32_t doubt;
    struct verdict *verdict;
    struct grove_bus_image image; /* and what belongs to it */
};

/* ---- the log ---- */

static void on_damage(const struct grove_journal_damage *damage, void *context) {
    struct durable *durable = ((struct bus *)context)->durable;
    (void)fprintf(stderr, "bus: %s at %llu: %llu bytes %s%s%s\n", damage->file,
                  (unsigned long long)damage->offset_bytes, (unsigned long long)damage->length_bytes,
                  damage->kind == GROVE_JOURNAL_TORN ? "were cut off by a crash before they were acknowledged"
                                                     : "of the durable events are damaged",
                  damage->is_saved ? "; a copy is in " : "", damage->quarantine);
    durable->damaged += damage->kind != GROVE_JOURNAL_TORN;
    if (!damage->is_known && durable->damage_count < DURABLE_DAMAGES_MAX)
        durable->damages[durable->damage_count++] = *damage;
}

static int open_log(struct bus *bus) {
    struct durable *durable = bus->durable;
    if (durable->log_folder < 0)
        durable->log_folder = folder_open(durable->folder, "events");
    if (durable->log_folder < 0) {
        durable->status = errno == ENOSPC ? GROVE_FULL : GROVE_IO;
        (void)snprintf(durable->problem.sentence, sizeof durable->problem.sentence,
                       "the folder of the durable events cannot be used: %s", strerror(errno));
        return durable->status;
    }
    struct grove_journal_options options = {
        .folder = durable->log_folder,
        .limits = {.keep_bytes = durable->retain_bytes, .keep_ns = durable->retain_ns},
        .content = "GRVEVENT",
        .on_damage = on_damage,
        .context = bus,
    };
    durable->status = grove_journal_open(&options, &durable->log, &durable->problem);
    if (durable->status < 0)
        (void)fprintf(stderr, "bus: no durable events for now: %s\n", durable->problem.sentence);
    return durable->status;
}

/*
 * A place may be behind the end of a log that lost what was not synchronised yet. What comes next gets those numbers again, and
 * must not be taken for done.
 */
static void bound_places(struct durable *durable) {
    uint64_t next = grove_journal_facts(durable->log).next_sequence;
    for (unsigned at = 0; at < durable->place_count; at++)
        if (durable->places[at].sequence > next) {
            durable->places[at].sequence = next;
            durable->are_places_changed = true;
        }
}

static void log_is_open(struct bus *bus) {
    bound_places(bus->durable);
    doubts_settle(&bus->state, grove_journal_facts(bus->durable->log).next_sequence, replay_publish, bus);
    bus->durable->has_news = true;
}

int durable_open(struct bus *bus, const char *folder) {
    struct durable *durable = calloc(1, sizeof *durable);
    if (durable == NULL)
        return GROVE_NO_MEMORY;
    bus->durable = durable;
    durable->waiting_tail = &durable->waiting;
    durable->writing_tail = &durable->writing;
    durable->log_folder = -1;
    durable->folder = folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (durable->folder < 0) {
        durable->status = GROVE_UNSUPPORTED;
        (void)snprintf(durable->problem.sentence, sizeof durable->problem.sentence,
                       "this bus has no folder to keep events in");
        return 0;
    }
    durable->began_ns = grove_now_ns();
    durable->worker = worker_create(); /* without one the loop writes */
    streams_load(durable, &bus->settings);
    int status = places_load(durable);
    if (status == 0 && open_log(bus) == 0)
        log_is_open(bus);
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
    if (durable->log == NULL && durable->folder >= 0 && now_ns >= durable->retry_ns) {
        durable->retry_ns = now_ns + RETRY_NS;
        if (open_log(bus) == 0)
            log_is_open(bus);
        else
            begin_anew_if_read_only(durable, now_ns);
    }
    if (durable->log != NULL)
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
    int status = grove_journal_reader_create(bus->durable->log, &reader);
    if (status < 0)
        return grove_fail(request, status, "the bus has no memory to look an event up");
    (void)grove_journal_reader_seek(reader, sequence);
    if (grove_journal_reader_next(reader, &item) == 0 && item.gap == GROVE_JOURNAL_NO_GAP &&
        item.sequence == sequence && item.length_bytes >= sizeof image) {
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
    *pending = (struct pending){.request = request, .client = client, .subject = subject, .verdict = bus->verdict};
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
    struct client *client;
    struct subject *subject;
    uint32_t doubt = 0;
    int status = 0;
    if (points_hold(bus, request, on_publish_durable, &status))
        return status;
    status = durable_need_log(bus, request);
    if (status == 0)
        status = publish_begin(bus, request, &incoming, &client, &subject);
    if (status < 0)
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
    struct iovec part = {.iov_base = &pending->image, .iov_len = pending->image.size_bytes};
    struct grove_journal_entry entry = {
        .kind = DURABLE_RECORD_EVENT, .time_ns = pending->image.time_ns, .parts = &part, .part_count = 1};
    if (grove_journal_append(durable->log, &entry) == 0)
        return true;
    doubt_end(&bus->state, pending->doubt, pending->request);
    return false;
}

static void gather_group(struct bus *bus) {
    struct durable *durable = bus->durable;
    uint64_t next = grove_journal_facts(durable->log).next_sequence;
    struct pending *pending;
    while ((pending = durable->waiting) != NULL && add_to_group(bus, pending, next + durable->writing_count)) {
        durable->waiting = pending->next;
        if (durable->waiting == NULL)
            durable->waiting_tail = &durable->waiting;
        pending->next = NULL;
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

static void finish_pending(struct bus *bus, struct pending *pending, uint64_t sequence) {
    pending->image.durable_sequence = sequence;
    bus->verdict = pending->verdict;
    publish_image(bus, pending->client, pending->subject, &pending->image, sequence, 0);
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
    int status = grove_journal_commit_end(durable->log, &done, &problem);
    durable->writing = NULL;
    durable->writing_tail = &durable->writing;
    durable->writing_count = 0;
    if (status < 0) {
        (void)grove_journal_discard(durable->log);
        if (!durable->has_failed)
            (void)fprintf(stderr, "bus: %s\n", problem.sentence);
    }
    durable->has_failed = status < 0;
    for (struct pending *next; pending != NULL; pending = next) {
        next = pending->next;
        if (status == 0) {
            finish_pending(bus, pending, done.first_sequence++);
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
        struct pending *pending = durable->waiting;
        durable->waiting = pending->next;
        if (durable->waiting == NULL)
            durable->waiting_tail = &durable->waiting;
        fail_pending(bus, pending, GROVE_EXHAUSTED, "the bus has no room to write the event");
        return;
    }
    if (!grove_journal_commit_begin(durable->log))
        return; /* no memory for its table: the group stays, and is tried again */
    durable->is_handed_over =
        others_publish(bus) && durable->worker != NULL && worker_begin(durable->worker, write_group, durable->log);
    if (durable->is_handed_over) {
        (void)grove_service_watch(bus->service, worker_descriptor(durable->worker), POLLIN, on_written, bus);
        return;
    }
    grove_journal_commit_run(durable->log);
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
    if (durable->log == NULL || durable->writing != NULL || durable->waiting != NULL)
        return;
    grove_journal_rest(durable->log);
    grove_journal_retain(durable->log, wall_ns());
    save_places(bus);
}

void durable_rest_later(struct bus *bus) {
    uint32_t timer = 0;
    if (!bus->durable->is_rest_due)
        bus->durable->is_rest_due = grove_service_after(bus->service, GROVE_SECOND, on_quiet, bus, &timer) == 0;
}

static bool write_what_waits(struct bus *bus) {
    struct durable *durable = bus->durable;
    bool is_done = false;
    if (durable->worker != NULL && worker_is_done(durable->worker)) {
        (void)grove_service_watch(bus->service, worker_descriptor(durable->worker), 0, NULL, NULL);
        if (durable->is_handed_over)
            take_result(bus);
        durable->is_handed_over = false;
        is_done = true;
    }
    bool is_busy = durable->worker != NULL && worker_is_busy(durable->worker);
    if (is_busy || (durable->waiting == NULL && durable->writing == NULL))
        return is_done;
    begin_group(bus);
    durable_rest_later(bus);
    return true;
}

bool durable_rest(struct bus *bus) {
    struct durable *durable = bus->durable;
    if (durable->log == NULL)
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
    if (durable->log != NULL && durable->writing == NULL)
        grove_journal_close(durable->log);
    durable->log = NULL;
}
