/*
 * Spans by channel and number, traces in a list. See trace_book.h.
 */
#include "userspace/grove/commands/trace_book.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u

struct trace_book {
    trace_book_handler *handler;
    void *context;
    struct trace_span *buckets[BUCKETS];
    struct trace_span *spans, *free_spans;
    struct trace *traces, **traces_tail; /* oldest first */
};

struct trace_book *trace_book_create(trace_book_handler *handler, void *context) {
    struct trace_book *book = calloc(1, sizeof *book);
    if (book == NULL)
        return NULL;
    book->handler = handler;
    book->context = context;
    book->traces_tail = &book->traces;
    book->spans = calloc(TRACE_SPANS_MAX, sizeof *book->spans);
    if (book->spans == NULL) {
        free(book);
        return NULL;
    }
    for (unsigned index = 0; index < TRACE_SPANS_MAX; index++) {
        book->spans[index].next = book->free_spans;
        book->free_spans = &book->spans[index];
    }
    return book;
}

void trace_book_destroy(struct trace_book *book) {
    if (book == NULL)
        return;
    while (book->traces != NULL) {
        struct trace *trace = book->traces;
        book->traces = trace->next;
        free(trace);
    }
    free(book->spans);
    free(book);
}

/* ---- times ---- */

bool trace_span_is_over(const struct trace_span *span) {
    bool has_answer = span->time_ns[GROVE_TRACE_REPLIED] != 0;
    return span->time_ns[GROVE_TRACE_COMPLETED] != 0 && (!has_answer || span->time_ns[GROVE_TRACE_APPLIED] != 0);
}

uint64_t trace_span_begin_ns(const struct trace_span *span) {
    uint64_t begin_ns = GROVE_FOREVER;
    for (unsigned stage = 0; stage < TRACE_STAGES; stage++)
        if (span->time_ns[stage] != 0 && span->time_ns[stage] < begin_ns)
            begin_ns = span->time_ns[stage];
    return begin_ns;
}

uint64_t trace_span_end_ns(const struct trace_span *span) {
    uint64_t end_ns = 0;
    for (unsigned stage = 0; stage < TRACE_STAGES; stage++)
        if (span->time_ns[stage] > end_ns)
            end_ns = span->time_ns[stage];
    return end_ns;
}

const struct trace_span *trace_find(const struct trace *trace, uint64_t span) {
    const struct trace_span *at = trace->spans;
    while (at != NULL && at->id.span != span)
        at = at->next_of_trace;
    return at;
}

/* ---- finding ---- */

static struct trace_span **bucket_of(struct trace_book *book, grove_object_id channel, uint64_t number) {
    return &book->buckets[(channel * UINT64_C(0x9e3779b97f4a7c15) + number) % BUCKETS];
}

static struct trace_span *find(struct trace_book *book, grove_object_id channel, uint64_t number) {
    struct trace_span *span = *bucket_of(book, channel, number);
    while (span != NULL && (span->channel != channel || span->number != number))
        span = span->next;
    return span;
}

static struct trace *find_or_add_trace(struct trace_book *book, uint64_t id) {
    struct trace *trace = book->traces;
    while (trace != NULL && trace->id != id)
        trace = trace->next;
    if (trace != NULL)
        return trace;
    trace = calloc(1, sizeof *trace);
    if (trace == NULL)
        return NULL;
    trace->id = id;
    trace->spans_tail = &trace->spans;
    *book->traces_tail = trace;
    book->traces_tail = &trace->next;
    return trace;
}

/* ---- giving up and telling ---- */

static void put_back(struct trace_book *book, struct trace_span *span) {
    struct trace_span **place = bucket_of(book, span->channel, span->number);
    while (*place != span)
        place = &(*place)->next;
    *place = span->next;
    span->next = book->free_spans;
    book->free_spans = span;
}

static int by_begin(const void *one, const void *other) {
    uint64_t begin = trace_span_begin_ns(*(struct trace_span *const *)one);
    uint64_t other_begin = trace_span_begin_ns(*(struct trace_span *const *)other);
    return (begin > other_begin) - (begin < other_begin);
}

/* In the order in which they began. Without memory for that they stay in the order in which they became known. */
static void sort(struct trace *trace) {
    struct trace_span **spans = malloc(trace->count * sizeof(*spans));
    unsigned count = 0;
    if (spans == NULL)
        return;
    for (struct trace_span *span = trace->spans; span != NULL; span = span->next_of_trace)
        spans[count++] = span;
    qsort(spans, count, sizeof(*spans), by_begin);
    trace->spans_tail = &trace->spans;
    for (unsigned index = 0; index < count; index++) {
        *trace->spans_tail = spans[index];
        trace->spans_tail = &spans[index]->next_of_trace;
    }
    *trace->spans_tail = NULL;
    free(spans);
}

/* Nobody reports that an event was sent to a subscriber: that was who took the publication. */
static void name_senders(struct trace *trace) {
    for (struct trace_span *span = trace->spans; span != NULL; span = span->next_of_trace) {
        const struct trace_span *parent = span->parent != 0 ? trace_find(trace, span->parent) : NULL;
        if (span->client.text[0] == '\0' && parent != NULL)
            span->client = parent->server;
    }
}

static void tell(struct trace_book *book, struct trace **place) {
    struct trace *trace = *place;
    *place = trace->next;
    if (book->traces_tail == &trace->next)
        book->traces_tail = place;
    sort(trace);
    name_senders(trace);
    book->handler(trace, book->context);
    for (struct trace_span *span = trace->spans, *next; span != NULL; span = next) {
        next = span->next_of_trace;
        put_back(book, span);
    }
    free(trace);
}

static bool is_over(const struct trace *trace) {
    for (const struct trace_span *span = trace->spans; span != NULL; span = span->next_of_trace)
        if (!trace_span_is_over(span))
            return false;
    return true;
}

void trace_book_settle(struct trace_book *book, uint64_t quiet_since_ns) {
    struct trace **place = &book->traces;
    while (*place != NULL) {
        if ((*place)->last_ns < quiet_since_ns || is_over(*place))
            tell(book, place);
        else
            place = &(*place)->next;
    }
}

static void give_up_quietest(struct trace_book *book) {
    struct trace **quietest = &book->traces;
    for (struct trace **place = &book->traces; *place != NULL; place = &(*place)->next)
        if ((*place)->last_ns < (*quietest)->last_ns)
            quietest = place;
    if (*quietest != NULL)
        tell(book, quietest);
}

/* ---- adding ---- */

static struct trace_span *add_span(struct trace_book *book, const struct grove_trace_record *record) {
    if (record->span.trace == 0)
        return NULL; /* it was sent before anybody traced */
    if (book->free_spans == NULL)
        give_up_quietest(book);
    struct trace *trace = find_or_add_trace(book, record->span.trace);
    struct trace_span *span = book->free_spans;
    if (trace == NULL || span == NULL)
        return NULL;
    book->free_spans = span->next;
    struct trace_span **bucket = bucket_of(book, record->channel, record->number);
    *span = (struct trace_span){.next = *bucket,
                                .trace = trace,
                                .id = record->span,
                                .channel = record->channel,
                                .number = record->number,
                                .method = record->method,
                                .lane = record->lane};
    *bucket = span;
    *trace->spans_tail = span;
    trace->spans_tail = &span->next_of_trace;
    trace->count++;
    return span;
}

static void note(struct trace_span *span, const struct grove_trace_record *record) {
    bool is_client = record->stage == GROVE_TRACE_SENT || record->stage == GROVE_TRACE_APPLIED;
    struct grove_name *who = is_client ? &span->client : &span->server;
    *who = record->container;
    who->text[GROVE_NAME_MAX] = '\0';
    if (record->parent != 0)
        span->parent = record->parent;
    if (span->time_ns[record->stage] == 0)
        span->time_ns[record->stage] = record->time_ns;
}

void trace_book_add(struct trace_book *book, const struct grove_trace_record *record) {
    if (record->stage < GROVE_TRACE_SENT || record->stage > GROVE_TRACE_APPLIED)
        return;
    struct trace_span *span = find(book, record->channel, record->number);
    if (span == NULL)
        span = add_span(book, record);
    if (span == NULL)
        return;
    note(span, record);
    if (span->trace->last_ns < record->time_ns)
        span->trace->last_ns = record->time_ns;
}
