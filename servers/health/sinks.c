/*
 * Where alerts are told, besides the bus and the log: webhooks (a POST of JSON) and commands (beside a service of one's
 * choice, with its rights and no others, and the alert as its last words).
 *
 * What is to be told waits in one bounded queue; each sink is told one at a time and in order, and tried three times. A
 * crash loses what waits here; the alerts themselves are in the state region, and what was not told by then is not told
 * again before it is raised anew, an hour later, or worse.
 *
 * The sinks are in one file, checked and replaced as a whole (servers/registry/files.h).
 */
#include "servers/health/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "servers/common/names.h"
#include "servers/health/events.h"
#include "servers/health/http.h"
#include "servers/registry/files.h"

#define SINKS_MAX 16u
#define SINKS_MAGIC 0x4b4e5347u /* "GSNK" */
#define SINKS_SUFFIX ".sinks"
#define SINKS_FILE "health.sinks"
#define WAITING_MAX 64u
#define ATTEMPTS_MAX 3u
#define ATTEMPT_TIMEOUT_NS (5 * GROVE_SECOND)
#define AGAIN_NS GROVE_SECOND /* times 4 for each attempt */
#define JSON_BYTES 1024u

static struct sink {
    struct grove_health_sink is; /* name empty: free */
    uint64_t number; /* of this use of the place */
    bool is_busy;
} sinks[SINKS_MAX];
static uint64_t last_number;

/* An alert on its way to one sink. */
struct message {
    struct message *next;
    struct monitor *monitor;
    unsigned place;
    uint64_t number;
    unsigned attempts;
    bool is_under_way;
    char severity[12], service[GROVE_NAME_MAX + 1], text[GROVE_HEALTH_SENTENCE_BYTES + 8];
    char json[JSON_BYTES];
};
static struct message *first;
static unsigned waiting;

/* ---- telling ---- */

static void go_on(struct monitor *monitor);

static struct sink *sink_of(const struct message *message) {
    struct sink *sink = &sinks[message->place];
    return sink->number == message->number ? sink : NULL;
}

static void forget(struct message *message) {
    struct message **link = &first;
    while (*link != message)
        link = &(*link)->next;
    *link = message->next;
    waiting--;
    free(message);
}

static void later(struct grove_service *service, void *context) {
    struct message *message = context;
    struct sink *sink = sink_of(message);
    (void)service;
    message->is_under_way = false;
    if (sink != NULL)
        sink->is_busy = false;
    go_on(message->monitor);
}

static void told(void *context, int status, const char *sentence) {
    struct message *message = context;
    struct monitor *monitor = message->monitor;
    struct sink *sink = sink_of(message);
    uint32_t timer;
    if (status < 0 && sink != NULL && ++message->attempts < ATTEMPTS_MAX &&
        grove_service_after(monitor->service, AGAIN_NS << (2 * (message->attempts - 1)), later, message, &timer) == 0)
        return;
    if (sink != NULL) {
        sink->is_busy = false;
        sink->is.told += status == 0;
        sink->is.failed += status < 0;
        if (status < 0)
            (void)fprintf(stderr, "health: the sink %s cannot be told: %s\n", sink->is.name, sentence);
    }
    forget(message);
    go_on(monitor);
}

static void tell_one(struct message *message, struct sink *sink) {
    const char *const words[] = {message->severity, message->service, message->text};
    message->is_under_way = true;
    sink->is_busy = true;
    int status =
        sink->is.kind == GROVE_SINK_WEBHOOK
            ? network_post(message->monitor, sink->is.argument, message->json, ATTEMPT_TIMEOUT_NS, told, message)
            : command_run(message->monitor, sink->is.service.text, sink->is.argument, words, 3, ATTEMPT_TIMEOUT_NS,
                          told, message);
    if (status < 0)
        told(message, status, grove_status_text(status));
}

/* One message for each sink that is not busy; a list that changes under the walk is walked again. */
static void go_on(struct monitor *monitor) {
    (void)monitor;
    struct message *message = first;
    while (message != NULL) {
        struct sink *sink = sink_of(message);
        if (sink == NULL && !message->is_under_way) {
            forget(message);
            message = first;
        } else if (sink != NULL && !sink->is_busy && !message->is_under_way) {
            tell_one(message, sink);
            message = first;
        } else {
            message = message->next;
        }
    }
}

static void append(struct message *message) {
    struct message **link = &first;
    while (*link != NULL)
        link = &(*link)->next;
    *link = message;
    waiting++;
}

static void add(struct monitor *monitor, unsigned place, const struct kept_alert *alert, bool is_over) {
    struct message *message = waiting < WAITING_MAX ? calloc(1, sizeof *message) : NULL;
    if (message == NULL || events_alert_json(alert, is_over, message->json, sizeof message->json) == 0) {
        sinks[place].is.failed++;
        free(message);
        return;
    }
    message->monitor = monitor;
    message->place = place;
    message->number = sinks[place].number;
    (void)snprintf(message->severity, sizeof message->severity, "%s",
                   is_over ? "over" : grove_health_severity_text(alert->severity));
    (void)snprintf(message->service, sizeof message->service, "%s", alert->service.text);
    (void)snprintf(message->text, sizeof message->text, "%s", alert->text);
    append(message);
}

void sinks_tell(struct monitor *monitor, const struct kept_alert *alert, bool is_over) {
    for (unsigned place = 0; place < SINKS_MAX; place++)
        if (sinks[place].is.name[0] != '\0' && alert->severity >= sinks[place].is.severity)
            add(monitor, place, alert, is_over);
    go_on(monitor);
}

/* ---- the file ---- */

static const char *fault_of(const struct file_header *header, const void *body) {
    const struct grove_health_sink *list = body;
    if (header->body_bytes % sizeof *list != 0 || header->body_bytes / sizeof *list > SINKS_MAX)
        return "its size is none of a list of sinks";
    for (size_t index = 0; index < header->body_bytes / sizeof *list; index++)
        if (!text_is_terminated(list[index].name, sizeof list[index].name) ||
            !text_is_terminated(list[index].service.text, sizeof list[index].service.text) ||
            !text_is_terminated(list[index].argument, sizeof list[index].argument))
            return "a text in it does not end";
    return NULL;
}

static int take(void *context, const struct file_header *header, const void *body) {
    const struct grove_health_sink *list = body;
    (void)context;
    for (size_t index = 0; index < header->body_bytes / sizeof *list; index++)
        sinks[index] = (struct sink){.is = list[index], .number = ++last_number};
    return 0;
}

int sinks_open(struct monitor *monitor, const char *path) {
    const struct file_kind kind = {.suffix = SINKS_SUFFIX,
                                   .magic = SINKS_MAGIC,
                                   .fault_of = fault_of,
                                   .take = take,
                                   .who = "health",
                                   .advice = "put the sinks in again"};
    monitor->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (monitor->folder < 0) {
        (void)fprintf(stderr, "health: cannot open the state folder %s: %s\n", path, strerror(errno));
        return GROVE_IO;
    }
    return file_each(monitor->folder, &kind, NULL);
}

static int save(struct monitor *monitor) {
    static struct grove_health_sink list[SINKS_MAX];
    unsigned count = 0;
    for (unsigned place = 0; place < SINKS_MAX; place++) {
        if (sinks[place].is.name[0] == '\0')
            continue;
        list[count] = sinks[place].is;
        list[count].told = list[count].failed = 0;
        count++;
    }
    int status = file_prepare(monitor->folder, SINKS_FILE, SINKS_MAGIC, 0, list, count * (uint32_t)sizeof list[0]);
    if (status == 0)
        status = file_commit(monitor->folder, SINKS_FILE);
    if (status == 0 && fsync(monitor->folder) < 0)
        status = file_status(errno);
    return status;
}

/* ---- methods ---- */

static int check_sink(struct grove_request *request, const struct grove_health_sink *sink) {
    struct http_address address;
    const char *problem = NULL;
    if (!text_is_terminated(sink->name, sizeof sink->name) || sink->name[0] == '\0' ||
        strspn(sink->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(sink->name))
        problem = "its name is 1 to 31 bytes of A-Z a-z 0-9 _ -";
    else if (!text_is_terminated(sink->argument, sizeof sink->argument) || sink->severity > GROVE_SEVERITY_CRITICAL)
        problem = "its argument or severity is out of range";
    else if (sink->kind == GROVE_SINK_WEBHOOK)
        problem = http_address(sink->argument, &address);
    else if (sink->kind != GROVE_SINK_COMMAND)
        problem = "its kind is none that there is";
    else if (sink->argument[0] != '/' || !service_name_is_valid(&sink->service))
        problem = "a command is an absolute path, beside a service by its full name";
    return problem == NULL ? 0 : grove_fail(request, GROVE_INVALID, "that is no sink: %s", problem);
}

static struct sink *find(const char *name, bool or_free) {
    struct sink *free_one = NULL;
    for (unsigned place = 0; place < SINKS_MAX; place++) {
        if (sinks[place].is.name[0] == '\0')
            free_one = &sinks[place];
        else if (strcmp(sinks[place].is.name, name) == 0)
            return &sinks[place];
    }
    return or_free ? free_one : NULL;
}

static int change(struct grove_request *request, struct monitor *monitor, struct sink *sink,
                  const struct grove_health_sink *to) {
    struct sink before = *sink;
    *sink = (struct sink){.is = *to, .number = ++last_number};
    int status = save(monitor);
    if (status == 0)
        return 0;
    *sink = before;
    return grove_fail(request, status, "the sinks cannot be kept in the state folder: %s; nothing has changed",
                      grove_status_text(status));
}

int sink_put(struct grove_request *request, void *context) {
    struct grove_health_sink wanted;
    int status = query_copy(request, &wanted, sizeof wanted);
    if (status == 0 && !query_may_change(request, "set where alerts are told"))
        status = GROVE_DENIED;
    if (status == 0)
        status = check_sink(request, &wanted);
    if (status < 0)
        return status;
    struct sink *sink = find(wanted.name, true);
    if (sink == NULL)
        return grove_fail(request, GROVE_EXHAUSTED, "there are %u sinks, which is the limit", SINKS_MAX);
    wanted.told = wanted.failed = 0;
    return change(request, context, sink, &wanted);
}

int sink_remove(struct grove_request *request, void *context) {
    static const struct grove_health_sink none;
    struct grove_health_sink wanted;
    int status = query_copy(request, &wanted, sizeof wanted);
    if (status == 0 && !query_may_change(request, "set where alerts are told"))
        status = GROVE_DENIED;
    if (status < 0)
        return status;
    struct sink *sink = text_is_terminated(wanted.name, sizeof wanted.name) ? find(wanted.name, false) : NULL;
    if (sink == NULL)
        return grove_request_is_redelivered(request)
                   ? 0
                   : grove_fail(request, GROVE_NOT_FOUND, "there is no such sink; `grove health --sinks` lists them");
    return change(request, context, sink, &none);
}

int sinks_list(struct grove_request *request, void *context) {
    static struct {
        struct grove_health_page head;
        struct grove_health_sink list[SINKS_MAX];
    } page;
    query_head(context, &page.head);
    for (unsigned place = 0; place < SINKS_MAX; place++)
        if (sinks[place].is.name[0] != '\0')
            page.list[page.head.count++] = sinks[place].is;
    return grove_reply(request, &page, sizeof page.head + page.head.count * sizeof page.list[0]);
}
