/*
 * A scrape: ask init which system services there are, the service of hooks who else has metrics, and then all of them at once
 * for their pages. What has not answered within METRICS_PATIENCE_NS is left out, and said to be.
 *
 * Nobody is woken from the dead: a service is asked only while it runs and is ready, since connecting to one that does not
 * run would start it. Each has a channel of its own, kept from scrape to scrape; what one says in it costs nothing but its own
 * metrics (records are checked in page.c, pages and their number here). Records are put on the page when all have answered, in
 * the order of names: so which series a crowded family has does not depend on who was quicker.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grove/hooks.h"
#include "servers/common/names.h"
#include "servers/init/protocol.h"
#include "servers/metrics/metrics.h"

#define LOOK_UP_TAG 1u
#define LANE_BYTES 65536u /* a page fits into half of it */

struct target {
    struct target *next;
    struct gateway *gateway;
    struct grove_name service, endpoint;
    struct grove_channel *channel; /* NULL: not open */
    uint64_t scrape; /* the last one that knew it */
    bool is_answered; /* in this scrape */
    uint32_t cursor, refused;
    struct grove_metrics_record *records;
    uint32_t count;
};

struct collection {
    uint64_t number, begun_ns, deadline_ns;
    unsigned waiting; /* calls under way */
    uint32_t user_records;
};

static void step(struct gateway *gateway);

/* ---- targets ---- */

static bool is_of_system(const struct target *target) {
    return strncmp(target->service.text, "system.", 7) == 0;
}

static void target_close(struct target *target) {
    struct grove_channel *channel = target->channel;
    target->channel = NULL;
    grove_channel_close(channel); /* a call under way ends here, with GROVE_CANCELLED */
}

static void target_forget(struct target *target) {
    free(target->records);
    target->records = NULL;
    target->count = 0;
}

/* Found, or put where it belongs by name. NULL: there are too many, or no memory. */
static struct target *target_of(struct gateway *gateway, const char *service, const char *endpoint) {
    struct target **link = &gateway->targets;
    unsigned count = 0;
    int order = 1;
    for (const struct target *each = gateway->targets; each != NULL; each = each->next)
        count++;
    for (; *link != NULL; link = &(*link)->next) {
        order = strcmp((*link)->service.text, service);
        order = order != 0 ? order : strcmp((*link)->endpoint.text, endpoint);
        if (order >= 0)
            break;
    }
    if (*link != NULL && order == 0)
        return *link;
    struct target *target = count < METRICS_TARGETS_MAX ? calloc(1, sizeof *target) : NULL;
    if (target == NULL)
        return NULL;
    target->gateway = gateway;
    name_set(&target->service, service);
    name_set(&target->endpoint, endpoint);
    target->next = *link;
    *link = target;
    return target;
}

static void drop_unknown(struct gateway *gateway, uint64_t number) {
    for (struct target **link = &gateway->targets; *link != NULL;) {
        struct target *target = *link;
        if (target->scrape == number) {
            link = &target->next;
            continue;
        }
        *link = target->next;
        target_close(target);
        target_forget(target);
        free(target);
    }
}

/* Whose endpoint it is, if that runs and is ready. */
static bool look_up(const struct gateway *gateway, const char *endpoint, struct grove_name *service) {
    struct grove_message message = {.operation = GROVE_REQUEST_ENDPOINT_READ};
    name_set(&message.body.endpoint_read.name, endpoint);
    if (grove_kernel_request(gateway->session, &message, NULL, 0, NULL, NULL, METRICS_KERNEL_TIMEOUT_NS) < 0)
        return false;
    *service = message.body.endpoint_record.service;
    return message.body.endpoint_record.container_state == GROVE_CONTAINER_READY && service_name_is_valid(service);
}

static void note(struct gateway *gateway, const char *endpoint) {
    struct grove_name service;
    if (strcmp(endpoint, "system.metrics") == 0)
        return;
    bool is_ready = look_up(gateway, endpoint, &service);
    bool is_sound = strncmp(endpoint, "system.", 7) != 0 || strcmp(endpoint, service.text) == 0;
    struct target *target = is_ready && is_sound ? target_of(gateway, service.text, endpoint) : NULL;
    if (target != NULL)
        target->scrape = gateway->collection->number;
}

/* ---- the end ---- */

static void add_target(struct page *page, struct target *target) {
    uint64_t before = page_counts(page)->malformed;
    for (uint32_t i = 0; i < target->count; i++)
        (void)page_add(page, target->service.text, &target->records[i]);
    uint64_t refused = target->refused + page_counts(page)->malformed - before;
    own_value(page, "system.metrics", GROVE_METRIC_GAUGE, "service_answered",
              "Whether the service gave its metrics to this scrape.", "service", target->service.text,
              target->is_answered);
    if (refused > 0)
        own_value(page, "system.metrics", GROVE_METRIC_GAUGE, "service_refused_values",
                  "Values of the service that cannot be on the page.", "service", target->service.text,
                  (double)refused);
    target_forget(target);
}

static struct body *make_body(struct gateway *gateway) {
    struct page *page = page_create();
    struct body *body = malloc(sizeof *body);
    unsigned answered = 0, silent = 0;
    if (page == NULL || body == NULL) {
        page_destroy(page);
        free(body);
        return NULL;
    }
    kernel_add(gateway, page);
    for (struct target *target = gateway->targets; target != NULL; target = target->next) {
        answered += target->is_answered;
        silent += !target->is_answered;
        add_target(page, target);
    }
    own_add(gateway, page, answered, silent);
    *body = (struct body){.references = 1};
    body->text = page_text(page, &body->length_bytes);
    page_destroy(page);
    if (body->text != NULL)
        return body;
    free(body);
    return NULL;
}

void body_unref(struct body *body) {
    if (body == NULL || --body->references > 0)
        return;
    free(body->text);
    free(body);
}

static void finish(struct gateway *gateway) {
    uint64_t number = gateway->collection->number;
    struct body *body = make_body(gateway);
    gateway->pages_failed += body == NULL;
    grove_histogram_observe(&gateway->duration,
                            (double)(grove_now_ns() - gateway->collection->begun_ns) / (double)GROVE_SECOND);
    free(gateway->collection);
    gateway->collection = NULL;
    clients_answer(gateway, number, body);
    body_unref(body);
    if (clients_want_more(gateway, number) && gateway->collection == NULL && collect_wanted(gateway) == 0)
        clients_answer(gateway, number + 1, NULL);
}

/* ---- pages ---- */

static bool take_page(struct target *target, const struct grove_answer *answer) {
    struct collection *collection = target->gateway->collection;
    uint32_t most = is_of_system(target) ? GROVE_METRICS_SYSTEM_MAX : GROVE_METRICS_MAX;
    struct grove_metrics_page page;
    if (answer->length_bytes < sizeof page)
        return false;
    memcpy(&page, answer->data, sizeof page);
    if (page.version != GROVE_METRICS_VERSION || page.count > GROVE_METRICS_PAGE_RECORDS ||
        answer->length_bytes < sizeof page + page.count * sizeof target->records[0] ||
        page.count > most - target->count || (page.cursor != 0 && page.cursor <= target->cursor))
        return false;
    if (!is_of_system(target) && page.count > METRICS_RECORDS_MAX - collection->user_records)
        return false;
    if (page.count > 0) {
        struct grove_metrics_record *grown =
            realloc(target->records, (target->count + page.count) * sizeof target->records[0]);
        if (grown == NULL)
            return false;
        memcpy(grown + target->count, (const char *)answer->data + sizeof page, page.count * sizeof grown[0]);
        target->records = grown;
        target->count += page.count;
    }
    if (!is_of_system(target))
        collection->user_records += page.count;
    target->cursor = page.cursor;
    target->refused = page.refused;
    return true;
}

static bool ask(struct target *target);

static void page_came(int status, const struct grove_answer *answer, void *context) {
    struct target *target = context;
    struct gateway *gateway = target->gateway;
    bool is_good = status == 0 && take_page(target, answer);
    gateway->collection->waiting--;
    if (is_good && target->cursor != 0 && ask(target))
        return;
    target->is_answered = is_good && target->cursor == 0;
    if (!target->is_answered)
        target_forget(target);
    step(gateway);
}

static bool ask(struct target *target) {
    struct collection *collection = target->gateway->collection;
    struct grove_metrics_request request = {GROVE_METRICS_VERSION, target->cursor};
    uint64_t now_ns = grove_now_ns();
    struct grove_call call = {.method = GROVE_METRICS_METHOD,
                              .data = &request,
                              .length_bytes = sizeof request,
                              .timeout_ns = collection->deadline_ns > now_ns ? collection->deadline_ns - now_ns : 1};
    int status = target->channel == NULL ? GROVE_CLOSED : grove_call_start(target->channel, &call, page_came, target);
    collection->waiting += status == 0;
    return status == 0;
}

static bool begin_on(struct target *target) {
    struct grove_connect_options options = {.session = target->gateway->session, .arena_bytes = GROVE_ARENA_NONE};
    for (unsigned lane = 0; lane < GROVE_LANES; lane++) /* pages come in the medium one, and nothing in the others */
        options.lane_bytes[lane] = lane == GROVE_LANE_MEDIUM ? LANE_BYTES : GROVE_LANE_BYTES_MIN;
    return (target->channel != NULL || grove_connect_with(target->endpoint.text, &options, &target->channel) == 0) &&
           ask(target);
}

static void begin_target(struct target *target) {
    target->is_answered = false;
    target->cursor = target->refused = 0;
    if (begin_on(target) || target->channel == NULL)
        return;
    target_close(target); /* it was closed from the other end: once more, on a new one */
    (void)begin_on(target);
}

static void ask_all(struct gateway *gateway) {
    drop_unknown(gateway, gateway->collection->number);
    gateway->collection->waiting++; /* none of them may end it while others are still to be asked */
    for (struct target *target = gateway->targets; target != NULL; target = target->next)
        begin_target(target);
    gateway->collection->waiting--;
    step(gateway);
}

static void step(struct gateway *gateway) {
    if (gateway->collection->waiting == 0)
        finish(gateway);
}

/* ---- who has metrics ---- */

static void extension_came(int status, const struct grove_answer *answer, void *context);

/* A channel that was closed from the other end is opened again; not from a handler of its own. */
static bool call(struct gateway *gateway, struct grove_channel **channel, const char *endpoint,
                 const struct grove_call *wanted, grove_answer_handler *done) {
    /* Besides the channel over which it is asked for its metrics. */
    struct grove_connect_options options = {
        .session = gateway->session, .tag = LOOK_UP_TAG, .arena_bytes = GROVE_ARENA_NONE};
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        if (*channel == NULL && grove_connect_with(endpoint, &options, channel) < 0)
            return false;
        if (grove_call_start(*channel, wanted, done, gateway) == 0)
            return true;
        grove_channel_close(*channel);
        *channel = NULL;
    }
    return false;
}

static void ask_for_extension(struct gateway *gateway, uint32_t cursor) {
    struct grove_hooks_list list = {.version = GROVE_HOOKS_VERSION,
                                    .cursor = cursor,
                                    .kind = GROVE_EXTENSION_METRICS,
                                    .least = {.major = GROVE_METRICS_VERSION}};
    struct grove_call wanted = {.method = GROVE_HOOKS_EXTENSIONS,
                                .data = &list,
                                .length_bytes = sizeof list,
                                .timeout_ns = METRICS_PATIENCE_NS};
    bool is_asked = cursor == 0 ? call(gateway, &gateway->hooks, GROVE_HOOKS_ENDPOINT, &wanted, extension_came)
                                : grove_call_start(gateway->hooks, &wanted, extension_came, gateway) == 0;
    if (!is_asked)
        ask_all(gateway);
}

static void extension_came(int status, const struct grove_answer *answer, void *context) {
    struct gateway *gateway = context;
    struct grove_hooks_extension found;
    if (status < 0 || answer->length_bytes < sizeof found) {
        ask_all(gateway); /* GROVE_NOT_FOUND: that was the last one */
        return;
    }
    memcpy(&found, answer->data, sizeof found);
    if (service_name_is_valid(&found.extension.endpoint))
        note(gateway, found.extension.endpoint.text);
    ask_for_extension(gateway, found.cursor);
}

static void status_came(int status, const struct grove_answer *answer, void *context) {
    struct gateway *gateway = context;
    struct init_page page;
    if (status == 0 && answer->length_bytes >= sizeof page) {
        memcpy(&page, answer->data, sizeof page);
        for (uint32_t i = 0; i < page.count && i < INIT_SERVICES_MAX; i++) {
            struct init_record record;
            size_t offset = sizeof page + i * sizeof record;
            if (answer->length_bytes < offset + sizeof record)
                break;
            memcpy(&record, (const char *)answer->data + offset, sizeof record);
            if (service_name_is_valid(&record.name))
                note(gateway, record.name.text);
        }
    }
    ask_for_extension(gateway, 0);
}

/* In a turn of its own, so that whoever wants it knows its number before it can be over. */
static void begin(struct grove_service *service, void *context) {
    struct gateway *gateway = context;
    struct init_request request = {.version = INIT_PROTOCOL_VERSION};
    struct grove_call wanted = {
        .method = INIT_STATUS, .data = &request, .length_bytes = sizeof request, .timeout_ns = METRICS_PATIENCE_NS};
    (void)service;
    gateway->collection->begun_ns = grove_now_ns();
    gateway->collection->deadline_ns = gateway->collection->begun_ns + METRICS_PATIENCE_NS;
    if (!call(gateway, &gateway->init, INIT_ENDPOINT, &wanted, status_came))
        ask_for_extension(gateway, 0);
}

uint64_t collect_wanted(struct gateway *gateway) {
    uint32_t timer;
    if (gateway->collection != NULL)
        return gateway->collection->number + 1;
    struct collection *collection = calloc(1, sizeof *collection);
    if (collection == NULL || grove_service_after(gateway->service, 0, begin, gateway, &timer) < 0) {
        free(collection);
        return 0;
    }
    collection->number = ++gateway->scrapes_begun;
    gateway->collection = collection;
    return collection->number;
}
