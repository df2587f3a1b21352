/*
 * READ: pages of what is kept, and waiting for more.
 */
#include "servers/log/log.h"

#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/log/protocol.h"

struct reader {
    struct reader *next;
    struct grove_request *request;
    struct logger *logger;
    struct source *source;
    struct kept_position position;
    uint64_t since_ns;
    bool with_steps;
    uint32_t timer;
};

static struct {
    struct log_page head;
    _Alignas(8) char chunks[LOG_PAGE_BYTES - sizeof(struct log_page)];
} answered;

/* Fill the page from a position on. */
static int fill(struct source *source, struct kept_position *position, uint64_t since_ns, bool with_steps,
                size_t *used_bytes) {
    struct page page = {.since_ns = since_ns,
                        .with_steps = with_steps,
                        .buffer = answered.chunks,
                        .buffer_bytes = sizeof answered.chunks};
    bool is_end = true;
    int status = kept_read(&source->kept, position, &page, &is_end);
    answered.head = (struct log_page){.version = LOG_PROTOCOL_VERSION,
                                      .count = page.count,
                                      .segment = position->segment,
                                      .offset_bytes = position->offset,
                                      .is_end = is_end};
    *used_bytes = page.used_bytes;
    return status;
}

static int answer(struct grove_request *request, size_t used_bytes) {
    return grove_reply(request, &answered, sizeof answered.head + used_bytes);
}

static void let_go(struct reader *reader) {
    struct reader **link = &reader->logger->readers;
    while (*link != reader)
        link = &(*link)->next;
    *link = reader->next;
    if (reader->timer != 0)
        grove_service_cancel(reader->logger->service, reader->timer);
    grove_request_finish(reader->request);
    free(reader);
}

static void answer_reader(struct reader *reader, bool also_nothing) {
    size_t used_bytes = 0;
    struct kept_position position = reader->position;
    int status = fill(reader->source, &position, reader->since_ns, reader->with_steps, &used_bytes);
    if (status == 0 && answered.head.count == 0 && !also_nothing)
        return;
    if (status < 0)
        (void)grove_fail(reader->request, status, "the log of %s cannot be read: %s", reader->source->name,
                         grove_status_text(status));
    else
        (void)answer(reader->request, used_bytes);
    let_go(reader);
}

static void tell(struct grove_service *service, void *context) {
    (void)service;
    struct logger *logger = context;
    logger->is_tell_due = false;
    for (struct reader *reader = logger->readers, *next; reader != NULL; reader = next) {
        next = reader->next;
        answer_reader(reader, false);
    }
    changes_tell(logger);
}

void reads_tell(struct source *source) {
    uint32_t timer;
    struct logger *logger = source->logger;
    changes_note(source);
    if ((logger->readers != NULL || logger->watchers != NULL) && !logger->is_tell_due)
        logger->is_tell_due = grove_service_after(logger->service, 0, tell, logger, &timer) == 0;
}

static void waited_enough(struct grove_service *service, void *context) {
    (void)service;
    struct reader *reader = context;
    reader->timer = 0;
    answer_reader(reader, true);
}

static int wait_for_more(struct grove_request *request, struct logger *logger, struct source *source,
                         const struct log_read *wanted, const struct kept_position *position) {
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || grove_request_defer(request) < 0) {
        free(reader);
        return grove_fail(request, GROVE_NO_MEMORY, "the log service has no memory for another reader");
    }
    *reader = (struct reader){.next = logger->readers,
                              .request = request,
                              .logger = logger,
                              .source = source,
                              .position = *position,
                              .since_ns = wanted->since_ns,
                              .with_steps = (wanted->flags & LOG_READ_STEPS) != 0};
    logger->readers = reader;
    uint32_t wait_ms = wanted->wait_ms < LOG_WAIT_MS_MAX ? wanted->wait_ms : LOG_WAIT_MS_MAX;
    return grove_service_after(logger->service, wait_ms * GROVE_MILLISECOND, waited_enough, reader, &reader->timer);
}

static int check(struct grove_request *request, struct log_read *wanted) {
    if (grove_request_bytes(request) < sizeof *wanted)
        return grove_fail(request, GROVE_INVALID, "the request has %zu bytes, and %zu are needed",
                          grove_request_bytes(request), sizeof *wanted);
    memcpy(wanted, grove_request_data(request), sizeof *wanted);
    if (wanted->version != LOG_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION, "the log service speaks version %u of its protocol, not %u",
                          LOG_PROTOCOL_VERSION, wanted->version);
    if (!service_name_is_valid(&wanted->name))
        return grove_fail(request, GROVE_INVALID, "that is no full name of a service: write project.service");
    if (grove_request_client_ring(request) == 2 && strcmp(grove_request_client(request), wanted->name.text) != 0)
        return grove_fail(request, GROVE_DENIED, "%s may read its own log only; shells may read all",
                          grove_request_client(request));
    return 0;
}

int log_read(struct grove_request *request, void *context) {
    struct logger *logger = context;
    struct log_read wanted = {0};
    struct kept_position position;
    size_t used_bytes = 0;
    int status = check(request, &wanted);
    if (status < 0)
        return status;
    struct source *source = source_find(logger, wanted.name.text, false);
    if (source == NULL)
        return grove_fail(request, GROVE_NOT_FOUND,
                          "nothing is kept of %s: it has never run, or its streams are not 'log'", wanted.name.text);
    if ((wanted.flags & LOG_READ_FROM_POSITION) != 0)
        position = (struct kept_position){wanted.segment, wanted.offset_bytes};
    else
        status = kept_tail(&source->kept, wanted.lines, &position);
    if (status == 0)
        status = fill(source, &position, wanted.since_ns, (wanted.flags & LOG_READ_STEPS) != 0, &used_bytes);
    if (status < 0)
        return grove_fail(request, status, "the log of %s cannot be read: %s", wanted.name.text,
                          grove_status_text(status));
    if (answered.head.count == 0 && (wanted.flags & LOG_READ_WAIT) != 0 && wanted.wait_ms > 0)
        return wait_for_more(request, logger, source, &wanted, &position);
    return answer(request, used_bytes);
}
