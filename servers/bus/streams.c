/*
 * Streams: the logs that durable events are kept in, each with limits of its own.
 *
 * An event goes to the stream whose pattern matches its subject; no two patterns match the same subject. What none takes goes
 * to the stream "durable", which is always there. Each stream is a journal in a folder of its own. Which streams there are
 * stands in the file `streams.table` of the bus's folder, which is written anew and renamed: a stream is made when its folder is
 * there, and is removed before its folder is. Folders that the file does not name are removed. While the limits of "durable" were
 * never set, they are those that the bus is configured with.
 */
#include "servers/bus/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/journal/crc32c.h"
#include "servers/bus/folders.h"
#include "servers/bus/numbers.h"
#include "servers/common/file_status.h"

#define RETAIN_BYTES_MIN (UINT64_C(256) << 10)
#define FOLDER "streams"
#define USUAL_FOLDER "events"

/* ---- the logs ---- */

static void on_damage(const struct grove_journal_damage *damage, void *context) {
    struct stream *stream = context;
    struct durable *durable = stream->durable;
    (void)fprintf(stderr, "bus: %s of stream %s at %llu: %llu bytes %s%s%s\n", damage->file, stream->entry.name,
                  (unsigned long long)damage->offset_bytes, (unsigned long long)damage->length_bytes,
                  damage->kind == GROVE_JOURNAL_TORN ? "were cut off by a crash before they were acknowledged"
                                                     : "of the durable events are damaged",
                  damage->is_saved ? "; a copy is in " : "", damage->quarantine);
    stream->damaged += damage->kind != GROVE_JOURNAL_TORN;
    durable->damaged += damage->kind != GROVE_JOURNAL_TORN;
    if (!damage->is_known && durable->damage_count < DURABLE_DAMAGES_MAX)
        durable->damages[durable->damage_count++] = *damage;
}

static bool is_usual(const struct stream *stream) {
    return strcmp(stream->entry.name, STREAM_USUAL) == 0;
}

static int open_folder_of(const struct stream *stream) {
    const struct durable *durable = stream->durable;
    if (is_usual(stream))
        return folder_open(durable->folder, USUAL_FOLDER);
    int parent = folder_open(durable->folder, FOLDER);
    int folder = parent < 0 ? -1 : folder_open(parent, stream->entry.name);
    int error = errno;
    if (parent >= 0)
        (void)close(parent);
    errno = error;
    return folder;
}

static struct grove_journal_limits limits_of(const struct stream *stream) {
    return (struct grove_journal_limits){.keep_bytes = stream->entry.retain_bytes, .keep_ns = stream->entry.retain_ns};
}

static int open_log(struct stream *stream, struct grove_journal_problem *problem) {
    if (stream->log != NULL)
        return 0;
    if (stream->folder < 0)
        stream->folder = open_folder_of(stream);
    if (stream->folder < 0) {
        int status = file_status(errno);
        (void)snprintf(problem->sentence, sizeof problem->sentence,
                       "the folder of the durable events cannot be used: %s", strerror(errno));
        return status;
    }
    struct grove_journal_options options = {.folder = stream->folder,
                                            .limits = limits_of(stream),
                                            .content = "GRVEVENT",
                                            .on_damage = on_damage,
                                            .context = stream};
    return grove_journal_open(&options, &stream->log, problem);
}

static void close_log(struct stream *stream) {
    grove_journal_close(stream->log);
    stream->log = NULL;
    if (stream->folder >= 0)
        (void)close(stream->folder);
    stream->folder = -1;
}

/* Where there was one log only it is known without reading; then damage is told when somebody reads it, and not before. */
static int find_last(struct stream *stream, struct grove_journal_problem *problem) {
    struct grove_journal_reader *reader = NULL;
    if (!stream->durable->are_numbers_apart) {
        stream->last = grove_journal_facts(stream->log).next_sequence - 1;
        return 0;
    }
    int status = grove_journal_reader_create(stream->log, &reader);
    if (status < 0) {
        (void)snprintf(problem->sentence, sizeof problem->sentence, "no memory is left to read the durable events");
        return status;
    }
    stream->last = number_last(stream->log, reader);
    grove_journal_reader_destroy(reader);
    return 0;
}

/* All of them, or none is used: a number that is in a log which cannot be read must not be given again. */
int streams_open(struct durable *durable, struct grove_journal_problem *problem) {
    uint64_t last = 0;
    for (unsigned at = 0; at < durable->stream_count; at++) {
        struct stream *stream = durable->streams[at];
        int status = open_log(stream, problem);
        if (status == 0)
            status = find_last(stream, problem);
        if (status < 0)
            return status;
        last = stream->last > last ? stream->last : last;
    }
    if (durable->next_number <= last)
        durable->next_number = last + 1;
    durable->is_open = true;
    return 0;
}

void streams_close(struct durable *durable) {
    for (unsigned at = 0; at < durable->stream_count; at++)
        if (durable->streams[at] != durable->writing_stream) /* a group that is not written is found in the lanes */
            close_log(durable->streams[at]);
    durable->is_open = false;
}

void streams_rest(struct durable *durable, uint64_t now_ns) {
    for (unsigned at = 0; at < durable->stream_count; at++) {
        grove_journal_rest(durable->streams[at]->log);
        grove_journal_retain(durable->streams[at]->log, now_ns);
    }
}

struct stream *stream_of(const struct durable *durable, const char *subject) {
    for (unsigned at = 1; at < durable->stream_count; at++)
        if (grove_pattern_matches(durable->streams[at]->entry.pattern, subject))
            return durable->streams[at];
    return durable->streams[0];
}

int stream_find_event(const struct durable *durable, uint64_t number, struct grove_journal_reader **reader,
                      struct grove_journal_item *item) {
    for (unsigned at = 0; at < durable->stream_count; at++) {
        struct grove_journal *log = durable->streams[at]->log;
        int status = grove_journal_reader_create(log, reader);
        if (status < 0)
            return status;
        if (number_seek(log, *reader, number, false) == 0 && grove_journal_reader_next(*reader, item) == 0 &&
            number_of_item(item) == number)
            return 0;
        grove_journal_reader_destroy(*reader);
        *reader = NULL;
    }
    return GROVE_NOT_FOUND;
}

/* ---- which there are ---- */

static struct stream *add(struct durable *durable, const struct stream_entry *entry) {
    struct stream *stream = durable->stream_count < STREAMS_MAX ? calloc(1, sizeof *stream) : NULL;
    if (stream == NULL)
        return NULL;
    stream->durable = durable;
    stream->entry = *entry;
    stream->folder = -1;
    durable->streams[durable->stream_count++] = stream;
    return stream;
}

static void take_out(struct durable *durable, unsigned at) {
    durable->stream_count--;
    memmove(&durable->streams[at], &durable->streams[at + 1],
            (durable->stream_count - at) * sizeof durable->streams[0]);
}

static int save(const struct durable *durable) {
    struct stream_table table = {.count = durable->stream_count, .is_apart = durable->are_numbers_apart};
    uint8_t bytes[STREAM_TABLE_BYTES_MAX];
    for (unsigned at = 0; at < durable->stream_count; at++)
        table.entries[at] = durable->streams[at]->entry;
    if (!durable->has_limits)
        table.entries[0].retain_bytes = table.entries[0].retain_ns = STREAM_AS_CONFIGURED;
    size_t length_bytes = stream_table_write(&table, bytes);
    int file = openat(durable->folder, "streams.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return file_status(errno);
    bool is_written = write(file, bytes, length_bytes) == (ssize_t)length_bytes && fsync(file) == 0;
    int status = is_written ? 0 : file_status(errno);
    (void)close(file);
    if (is_written && renameat(durable->folder, "streams.new", durable->folder, "streams.table") < 0)
        status = file_status(errno);
    return status == 0 && fsync(durable->folder) < 0 ? GROVE_IO : status;
}

/* Before there were several streams: "GLIM" 4, version 4, bytes to keep 8, age to keep 8, 0 4, check 4. */
static bool load_earlier_limits(const struct durable *durable, struct stream_entry *usual) {
    struct {
        uint32_t magic, version;
        uint64_t retain_bytes, retain_ns;
        uint32_t reserved, check;
    } limits;
    int file = openat(durable->folder, "limits", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return false;
    bool is_known = read(file, &limits, sizeof limits) == (ssize_t)sizeof limits && limits.magic == 0x4d494c47u &&
                    limits.version == 1 && limits.check == crc32c(0, &limits, sizeof limits - sizeof limits.check);
    (void)close(file);
    if (!is_known)
        return false;
    usual->retain_bytes = limits.retain_bytes;
    usual->retain_ns = limits.retain_ns;
    return true;
}

/* False: there is none, or it is damaged, which is said; it is kept then. */
static bool load_table(const struct durable *durable, struct stream_table *table) {
    uint8_t bytes[STREAM_TABLE_BYTES_MAX + 1];
    int file = openat(durable->folder, "streams.table", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return false;
    ssize_t length_bytes = read(file, bytes, sizeof bytes);
    (void)close(file);
    if (length_bytes >= 0 && stream_table_read(bytes, (size_t)length_bytes, table) == 0)
        return true;
    (void)fprintf(stderr,
                  "bus: the table of streams is damaged; it is kept as streams.damaged, and there is one stream\n");
    (void)renameat(durable->folder, "streams.table", durable->folder, "streams.damaged");
    return false;
}

static bool is_known(const char *name, const void *context) {
    const struct durable *durable = context;
    for (unsigned at = 1; at < durable->stream_count; at++)
        if (strcmp(durable->streams[at]->entry.name, name) == 0)
            return true;
    return false;
}

int streams_load(struct durable *durable, const struct bus_settings *settings) {
    const struct stream_table usual = {.entries = {{.name = STREAM_USUAL, .pattern = ">"}}, .count = 1};
    struct stream_table table = usual;
    durable->next_number = 1;
    bool is_whole = load_table(durable, &table);
    durable->has_limits = is_whole && table.entries[0].retain_bytes != STREAM_AS_CONFIGURED;
    if (!is_whole) {
        table = usual;
        table.is_apart = faccessat(durable->folder, "streams.damaged", F_OK, 0) == 0;
        durable->has_limits = load_earlier_limits(durable, &table.entries[0]);
    }
    if (!durable->has_limits) {
        table.entries[0].retain_bytes = settings->retain_bytes;
        table.entries[0].retain_ns = settings->retain_ns;
    }
    durable->are_numbers_apart = table.is_apart;
    for (unsigned at = 0; at < table.count; at++)
        if (add(durable, &table.entries[at]) == NULL)
            return GROVE_NO_MEMORY;
    int parent = openat(durable->folder, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (parent >= 0 && is_whole) /* else events that are on disk would be gone with the table */
        folder_sweep(parent, is_known, durable);
    if (parent >= 0)
        (void)close(parent);
    return 0;
}

static unsigned find(const struct durable *durable, const char *name) {
    unsigned at = 0;
    while (at < durable->stream_count && strcmp(durable->streams[at]->entry.name, name) != 0)
        at++;
    return at;
}

/* ---- made and changed ---- */

static int make(struct durable *durable, const struct stream_entry *entry, struct grove_journal_problem *problem) {
    struct stream *stream = add(durable, entry);
    if (stream == NULL)
        return GROVE_NO_MEMORY;
    int parent = folder_open(durable->folder, FOLDER);
    if (parent >= 0) {
        folder_remove(parent, entry->name); /* of one that was removed, if that was cut off */
        (void)close(parent);
    }
    int status = open_log(stream, problem);
    if (status == 0) {
        durable->are_numbers_apart = true;
        (void)snprintf(problem->sentence, sizeof problem->sentence, "the table of streams cannot be written");
        status = save(durable);
    }
    if (status < 0) {
        take_out(durable, durable->stream_count - 1);
        close_log(stream);
        free(stream);
        return status;
    }
    durable_streams_changed(durable);
    return 0;
}

static const char *problem_of(const struct durable *durable, const struct stream_entry *wanted) {
    if (!stream_name_is_valid(wanted->name))
        return "a stream's name is of letters, digits, \"_\" and \"-\", and has at most 63 of them";
    if (grove_pattern_check(wanted->pattern) < 0)
        return "a new stream needs a pattern: which subjects it keeps";
    if (durable->stream_count == STREAMS_MAX)
        return "there are as many streams as there may be, 16";
    return NULL;
}

static int set_new(struct durable *durable, struct grove_request *request, const struct stream_entry *wanted) {
    struct grove_journal_problem problem = {""};
    const char *sentence = problem_of(durable, wanted);
    if (sentence != NULL)
        return grove_fail(request, GROVE_INVALID, "%s", sentence);
    for (unsigned at = 1; at < durable->stream_count; at++) {
        const struct stream_entry *other = &durable->streams[at]->entry;
        if (grove_patterns_overlap(wanted->pattern, other->pattern))
            return grove_fail(request, GROVE_EXISTS,
                              "the stream %s keeps \"%.100s\", and each event is in one stream: choose a pattern apart "
                              "from that",
                              other->name, other->pattern);
    }
    int status = make(durable, wanted, &problem);
    return status < 0 ? grove_fail(request, status, "the stream cannot be made: %s", problem.sentence) : 0;
}

/* What is kept from now on. */
static void limit(struct stream *stream, uint64_t retain_bytes, uint64_t retain_ns) {
    stream->entry.retain_bytes = retain_bytes;
    stream->entry.retain_ns = retain_ns;
    if (stream->log == NULL)
        return; /* it is opened with these */
    struct grove_journal_limits limits = limits_of(stream);
    grove_journal_limit(stream->log, &limits);
    grove_journal_retain(stream->log, wall_ns());
}

void streams_settle(struct bus *bus) {
    struct durable *durable = bus->durable;
    if (durable->stream_count == 0 || durable->has_limits ||
        !durable_settle(bus)) /* no memory: it comes with the next change */
        return;
    limit(durable->streams[0], bus->settings.retain_bytes, bus->settings.retain_ns);
}

static int set_limits(struct durable *durable, struct grove_request *request, struct stream *stream,
                      const struct stream_entry *wanted) {
    if (wanted->pattern[0] != '\0' && strcmp(wanted->pattern, stream->entry.pattern) != 0)
        return grove_fail(request, GROVE_INVALID,
                          "the stream %s keeps \"%.100s\", and that cannot be changed: remove it, or make another one",
                          stream->entry.name, stream->entry.pattern);
    durable->has_limits = durable->has_limits || is_usual(stream);
    limit(stream, wanted->retain_bytes, wanted->retain_ns);
    int status = save(durable);
    return status < 0 ? grove_fail(request, status, "the limits hold, but cannot be kept on disk") : 0;
}

/* Which stream the request is about, and what it wants of it. 0, or a status told with grove_fail: also if no log is open. */
static int read_stream(struct bus *bus, struct grove_request *request, struct stream_entry *entry) {
    int status = durable_need_log(bus, request);
    if (status != 0)
        return status;
    struct {
        struct grove_bus_member head;
        struct grove_bus_stream stream;
    } told;
    if (grove_request_bytes(request) < sizeof told)
        return grove_fail(request, GROVE_INVALID, "the message is too short");
    memcpy(&told, grove_request_data(request), sizeof told);
    if (told.head.version != GROVE_BUS_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION, "the message is of another version of the protocol");
    if (!rights_see_all(request))
        return grove_fail(request, GROVE_DENIED, "only services of ring 1 and shells say what is kept; %s is in ring 2",
                          grove_request_client(request));
    told.stream.name[GROVE_BUS_GROUP_MAX] = told.stream.pattern[GROVE_SUBJECT_MAX] = '\0';
    *entry = (struct stream_entry){.retain_bytes = told.stream.retain_bytes, .retain_ns = told.stream.retain_ns};
    (void)snprintf(entry->name, sizeof entry->name, "%s", told.stream.name);
    (void)snprintf(entry->pattern, sizeof entry->pattern, "%s", told.stream.pattern);
    return 0;
}

int on_stream_set(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct durable *durable = bus->durable;
    struct stream_entry wanted = {.retain_bytes = 0};
    int status = read_stream(bus, request, &wanted);
    if (status != 0)
        return status;
    if (wanted.retain_bytes != 0 && wanted.retain_bytes < RETAIN_BYTES_MIN)
        return grove_fail(request, GROVE_INVALID, "at least 256 KiB are kept");
    if (!durable_settle(bus)) /* no log is changed while a thread writes to it */
        return grove_fail(request, GROVE_NO_MEMORY, "no memory is left to write what waits for the disk");
    unsigned at = find(durable, wanted.name);
    return at < durable->stream_count ? set_limits(durable, request, durable->streams[at], &wanted)
                                      : set_new(durable, request, &wanted);
}

/* ---- removed ---- */

int on_stream_remove(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct durable *durable = bus->durable;
    struct stream_entry wanted = {.retain_bytes = 0};
    int status = read_stream(bus, request, &wanted);
    if (status != 0)
        return status;
    unsigned at = find(durable, wanted.name);
    if (at == durable->stream_count)
        return grove_fail(request, GROVE_NOT_FOUND, "there is no stream \"%s\"", wanted.name);
    if (at == 0)
        return grove_fail(request, GROVE_INVALID,
                          "the stream " STREAM_USUAL " keeps what no other does, and cannot be removed");
    if (!durable_settle(bus))
        return grove_fail(request, GROVE_NO_MEMORY, "no memory is left to write what waits for the disk");
    struct stream *stream = durable->streams[at];
    take_out(durable, at);
    status = save(durable);
    if (status < 0) {
        durable->streams[durable->stream_count++] = stream;
        return grove_fail(request, status, "the table of streams cannot be written; the stream stays");
    }
    durable_streams_changed(durable);
    replay_leave_stream(bus, stream);
    close_log(stream);
    int parent = folder_open(durable->folder, FOLDER);
    if (parent >= 0) {
        folder_remove(parent, stream->entry.name);
        (void)close(parent);
    }
    free(stream);
    return 0;
}

/* ---- listed ---- */

static void tell(const struct stream *stream, struct grove_bus_stream *told) {
    struct grove_journal_facts facts = grove_journal_facts(stream->log);
    struct grove_journal_reader *reader = NULL;
    *told = (struct grove_bus_stream){.retain_bytes = stream->entry.retain_bytes,
                                      .retain_ns = stream->entry.retain_ns,
                                      .last_sequence = stream->last,
                                      .bytes = facts.bytes,
                                      .events = facts.next_sequence - facts.first_sequence,
                                      .damaged = stream->damaged};
    memcpy(told->name, stream->entry.name, sizeof told->name);
    memcpy(told->pattern, stream->entry.pattern, sizeof told->pattern);
    if (grove_journal_reader_create(stream->log, &reader) == 0)
        told->first_sequence = number_first(stream->log, reader);
    if (told->first_sequence == 0)
        told->first_sequence = stream->last + 1;
    grove_journal_reader_destroy(reader);
}

int on_stream_next(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct grove_bus_member told;
    struct {
        uint64_t cursor;
        struct grove_bus_stream stream;
    } answer;
    int status = durable_need_log(bus, request);
    if (status == 0)
        status = request_take(request, &told, sizeof told);
    if (status < 0)
        return status;
    if (told.value >= bus->durable->stream_count)
        return grove_fail(request, GROVE_NOT_FOUND, "there are no more streams");
    answer.cursor = told.value + 1;
    tell(bus->durable->streams[told.value], &answer.stream);
    return grove_reply(request, &answer, sizeof answer);
}
