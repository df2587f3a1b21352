/*
 * One trace as a tree: each request below the one in whose handling it was sent, with its times.
 */
#include <inttypes.h>
#include <string.h>

#include "userspace/grove/commands/trace_book.h"

#define DEPTH_MAX 32u

static const char *const lanes[] = {"high", "medium", "low"};

static const char *lane_of(const struct trace_span *span) {
    return span->lane < GROVE_LANES ? lanes[span->lane] : "unknown";
}

static const char *name_or_unknown(const struct grove_name *name) {
    return name->text[0] != '\0' ? name->text : "(unknown)";
}

static bool has(const struct trace_span *span, enum grove_trace_stage stage) {
    return span->time_ns[stage] != 0;
}

/* ---- text ---- */

/* "  label 12us" for the time between two steps that are both known. */
static void print_between(const struct trace_span *span, const char *label, enum grove_trace_stage from,
                          enum grove_trace_stage to) {
    char text[32];
    if (has(span, from) && has(span, to) && span->time_ns[to] >= span->time_ns[from])
        printf("  %s %s", label, output_duration(span->time_ns[to] - span->time_ns[from], text, sizeof text));
}

static void print_span(const struct invocation *invocation, const struct trace_span *span, uint64_t trace_begin_ns) {
    char text[32];
    uint64_t begin_ns = trace_span_begin_ns(span);
    printf("%s -> %s%s%s  method %u  at +%s", name_or_unknown(&span->client), output_on(invocation, OUTPUT_STRONG),
           name_or_unknown(&span->server), output_off(invocation), span->method,
           output_duration(begin_ns - trace_begin_ns, text, sizeof text));
    print_between(span, "waited", GROVE_TRACE_SENT, GROVE_TRACE_TAKEN);
    print_between(span, "worked", GROVE_TRACE_TAKEN,
                  has(span, GROVE_TRACE_REPLIED) ? GROVE_TRACE_REPLIED : GROVE_TRACE_COMPLETED);
    if (has(span, GROVE_TRACE_APPLIED))
        print_between(span, "in all", GROVE_TRACE_SENT, GROVE_TRACE_APPLIED);
    else if (trace_span_is_over(span))
        printf("  one way");
    if (!trace_span_is_over(span))
        printf("  %snot finished%s", output_on(invocation, OUTPUT_WARNING), output_off(invocation));
    if (span->lane != GROVE_LANE_MEDIUM)
        printf("  %s lane", lane_of(span));
    printf("\n");
}

static bool is_below(const struct trace *trace, const struct trace_span *span, const struct trace_span *parent) {
    if (parent != NULL)
        return span->parent == parent->id.span && span != parent;
    return trace_find(trace, span->parent) == NULL;
}

static const struct trace_span *next_below(const struct trace *trace, const struct trace_span *span,
                                           const struct trace_span *parent) {
    while (span != NULL && !is_below(trace, span, parent))
        span = span->next_of_trace;
    return span;
}

/* `rails` is what stands before the branches of this depth. */
static void print_below(const struct invocation *invocation, const struct trace *trace, const struct trace_span *parent,
                        char *rails, unsigned depth, uint64_t begin_ns) {
    const struct trace_span *span = next_below(trace, trace->spans, parent);
    size_t length = strlen(rails);
    while (span != NULL) {
        const struct trace_span *next = next_below(trace, span->next_of_trace, parent);
        printf("%s%s", rails, parent == NULL ? "  " : next != NULL ? "|- " : "`- ");
        print_span(invocation, span, begin_ns);
        if (depth < DEPTH_MAX) {
            memcpy(rails + length, parent == NULL ? "  " : next != NULL ? "|  " : "   ", parent == NULL ? 3 : 4);
            print_below(invocation, trace, span, rails, depth + 1, begin_ns);
            rails[length] = '\0';
        }
        span = next;
    }
}

static void bounds(const struct trace *trace, uint64_t *begin_ns, uint64_t *end_ns) {
    *begin_ns = GROVE_FOREVER;
    *end_ns = 0;
    for (const struct trace_span *span = trace->spans; span != NULL; span = span->next_of_trace) {
        uint64_t begin = trace_span_begin_ns(span), end = trace_span_end_ns(span);
        *begin_ns = begin < *begin_ns ? begin : *begin_ns;
        *end_ns = end > *end_ns ? end : *end_ns;
    }
}

static void print_text(const struct invocation *invocation, const struct trace *trace) {
    char rails[3 * DEPTH_MAX + 8] = "", text[32];
    uint64_t begin_ns, end_ns;
    bounds(trace, &begin_ns, &end_ns);
    printf("trace %016" PRIx64 "  at %.6f  %s  %u request%s\n", trace->id, (double)begin_ns / 1e9,
           output_duration(end_ns - begin_ns, text, sizeof text), trace->count, trace->count == 1 ? "" : "s");
    print_below(invocation, trace, NULL, rails, 0, begin_ns);
}

/* ---- JSON ---- */

static void put_hex(json_t *object, const char *member, uint64_t number) {
    char text[20];
    (void)snprintf(text, sizeof text, "%016" PRIx64, number);
    json_object_set_new(object, member, json_string(text));
}

static json_t *span_json(const struct trace_span *span) {
    static const char *const members[TRACE_STAGES] = {
        [GROVE_TRACE_SENT] = "sent_ns",       [GROVE_TRACE_TAKEN] = "taken_ns",
        [GROVE_TRACE_REPLIED] = "replied_ns", [GROVE_TRACE_COMPLETED] = "completed_ns",
        [GROVE_TRACE_APPLIED] = "applied_ns",
    };
    json_t *object =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:b}", "client", span->client.text, "server", span->server.text,
                  "channel", (json_int_t)span->channel, "message", (json_int_t)span->number, "method",
                  (json_int_t)span->method, "lane", lane_of(span), "finished", trace_span_is_over(span));
    put_hex(object, "span", span->id.span);
    if (span->parent != 0)
        put_hex(object, "parent", span->parent);
    for (unsigned stage = GROVE_TRACE_SENT; stage < TRACE_STAGES; stage++)
        if (span->time_ns[stage] != 0)
            json_object_set_new(object, members[stage], json_integer((json_int_t)span->time_ns[stage]));
    return object;
}

static void print_json(const struct trace *trace) {
    uint64_t begin_ns, end_ns;
    json_t *object = json_object(), *spans = json_array();
    bounds(trace, &begin_ns, &end_ns);
    put_hex(object, "trace", trace->id);
    json_object_set_new(object, "begin_ns", json_integer((json_int_t)begin_ns));
    json_object_set_new(object, "took_ns", json_integer((json_int_t)(end_ns - begin_ns)));
    for (const struct trace_span *span = trace->spans; span != NULL; span = span->next_of_trace)
        json_array_append_new(spans, span_json(span));
    json_object_set_new(object, "spans", spans);
    output_json_line(object);
}

void trace_print(const struct invocation *invocation, const struct trace *trace) {
    if (invocation->json)
        print_json(trace);
    else
        print_text(invocation, trace);
}
