/*
 * What is kept of durable events, and for how long. There is one stream, "durable", with all of them: one synchronisation
 * serves whatever subjects a group has. Its limits can be set, and are kept in the file `limits` of the bus's folder,
 * which is written anew and renamed; while they were never set, they are those that the bus is configured with.
 */
#include "servers/bus/durable.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/journal/crc32c.h"

#define LIMITS_MAGIC 0x4d494c47u /* "GLIM" */
#define LIMITS_VERSION 1u
#define STREAM_NAME "durable"
#define RETAIN_BYTES_MIN (UINT64_C(256) << 10)

struct limits {
    uint32_t magic, version;
    uint64_t retain_bytes, retain_ns;
    uint32_t reserved, check; /* CRC-32C of all before it */
};
_Static_assert(sizeof(struct limits) == 32, "the limits have one size on every machine");

static uint32_t check_of(const struct limits *limits) {
    return crc32c(0, limits, offsetof(struct limits, check));
}

void streams_load(struct durable *durable, const struct bus_settings *settings) {
    struct limits limits;
    durable->has_limits = false;
    durable->retain_bytes = settings->retain_bytes;
    durable->retain_ns = settings->retain_ns;
    int file = openat(durable->folder, "limits", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return;
    bool is_known = read(file, &limits, sizeof limits) == (ssize_t)sizeof limits && limits.magic == LIMITS_MAGIC &&
                    limits.version == LIMITS_VERSION && limits.check == check_of(&limits);
    (void)close(file);
    if (!is_known) {
        (void)fprintf(stderr, "bus: the limits of durable events are damaged; the usual ones hold\n");
        return;
    }
    durable->has_limits = true;
    durable->retain_bytes = limits.retain_bytes;
    durable->retain_ns = limits.retain_ns;
}

/* What is kept from now on. */
static void limit(struct durable *durable, uint64_t retain_bytes, uint64_t retain_ns) {
    durable->retain_bytes = retain_bytes;
    durable->retain_ns = retain_ns;
    if (durable->log == NULL)
        return; /* it is opened with these */
    grove_journal_limit(durable->log, &(struct grove_journal_limits){.keep_bytes = retain_bytes, .keep_ns = retain_ns});
    grove_journal_retain(durable->log, wall_ns());
}

void streams_settle(struct bus *bus) {
    if (!bus->durable->has_limits)
        limit(bus->durable, bus->settings.retain_bytes, bus->settings.retain_ns);
}

static int save(const struct durable *durable) {
    struct limits limits = {.magic = LIMITS_MAGIC,
                            .version = LIMITS_VERSION,
                            .retain_bytes = durable->retain_bytes,
                            .retain_ns = durable->retain_ns};
    limits.check = check_of(&limits);
    int file = openat(durable->folder, "limits.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return GROVE_IO;
    bool is_written = write(file, &limits, sizeof limits) == (ssize_t)sizeof limits && fsync(file) == 0;
    (void)close(file);
    if (!is_written || renameat(durable->folder, "limits.new", durable->folder, "limits") < 0)
        return GROVE_IO;
    return fsync(durable->folder) < 0 ? GROVE_IO : 0;
}

static int read_stream(struct grove_request *request, struct grove_bus_stream *stream) {
    struct grove_bus_member head;
    if (grove_request_bytes(request) < sizeof head + sizeof *stream)
        return grove_fail(request, GROVE_INVALID, "the message is too short");
    memcpy(&head, grove_request_data(request), sizeof head);
    if (head.version != GROVE_BUS_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION, "the message is of another version of the protocol");
    memcpy(stream, (const char *)grove_request_data(request) + sizeof head, sizeof *stream);
    stream->name[GROVE_BUS_GROUP_MAX] = stream->pattern[GROVE_SUBJECT_MAX] = '\0';
    return 0;
}

int on_stream_set(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct grove_bus_stream stream;
    struct durable *durable = bus->durable;
    int status = durable_need_log(bus, request);
    if (status == 0)
        status = read_stream(request, &stream);
    if (status < 0)
        return status;
    if (!rights_see_all(request))
        return grove_fail(request, GROVE_DENIED, "only services of ring 1 and shells say what is kept; %s is in ring 2",
                          grove_request_client(request));
    if (strcmp(stream.name, STREAM_NAME) != 0 || strcmp(stream.pattern, ">") != 0)
        return grove_fail(request, GROVE_UNSUPPORTED,
                          "there is one stream: its name is \"" STREAM_NAME "\", and its pattern \">\"");
    if (stream.retain_bytes != 0 && stream.retain_bytes < RETAIN_BYTES_MIN)
        return grove_fail(request, GROVE_INVALID, "at least 256 KiB are kept");
    durable->has_limits = true;
    limit(durable, stream.retain_bytes, stream.retain_ns);
    return save(durable) < 0 ? grove_fail(request, GROVE_IO, "the limits hold, but cannot be kept on disk") : 0;
}

int on_stream_next(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct grove_bus_member told;
    struct {
        uint64_t cursor;
        struct grove_bus_stream stream;
    } answer = {.cursor = 1, .stream = {.name = STREAM_NAME, .pattern = ">"}};
    int status = durable_need_log(bus, request);
    if (status < 0)
        return status;
    if (grove_request_bytes(request) < sizeof told)
        return grove_fail(request, GROVE_INVALID, "the message is too short");
    memcpy(&told, grove_request_data(request), sizeof told);
    if (told.version != GROVE_BUS_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION, "the message is of another version of the protocol");
    if (told.value != 0)
        return grove_fail(request, GROVE_NOT_FOUND, "there are no more streams");
    struct grove_journal_facts facts = grove_journal_facts(bus->durable->log);
    answer.stream.retain_bytes = bus->durable->retain_bytes;
    answer.stream.retain_ns = bus->durable->retain_ns;
    answer.stream.first_sequence = facts.first_sequence;
    answer.stream.last_sequence = facts.next_sequence - 1;
    answer.stream.bytes = facts.bytes;
    answer.stream.events = facts.next_sequence - facts.first_sequence;
    answer.stream.damaged = bus->durable->damaged;
    return grove_reply(request, &answer, sizeof answer);
}
