/*
 * The alarm service: takes events from the bus, keeps what is active and what was, and writes all of it into the shift book.
 *
 *     alarm --book FILE
 *
 * Two durable subscriptions to the same events, each with its own place. One keeps the list (alarms.h), which lives in the
 * state region, so a restart forgets nothing and counts nothing twice. The other writes the shift book (book.h); an event
 * that cannot be written is tried again, and then is a dead letter, which `grove dlq replay` writes when the book is well
 * again. So a sink that fails costs no alarm, and does not hold up the list.
 */
#include "examples/grid/alarm/alarms.h"
#include "examples/grid/alarm/book.h"
#include "examples/grid/common/alarm_text.h"
#include "examples/grid/common/clock.h"
#include "examples/grid/common/subscriber.h"

#include <stdio.h>
#include <string.h>

struct alarm {
    struct alarms *alarms;
    const char *book;
};

static int on_event(const struct grove_event *event, void *context) {
    struct alarm *alarm = context;
    struct alarm_event told;
    if (alarm_text_read(event->data, event->length_bytes, &told) < 0 ||
        alarms_event(alarm->alarms, &told) == GROVE_INVALID)
        return grove_event_fail(event, GROVE_INVALID, "this is no alarm as docs/formats.md describes it");
    return 0;
}

static int on_line(const struct grove_event *event, void *context) {
    const struct alarm *alarm = context;
    char sentence[GROVE_BUS_ERROR_MAX + 1] = "";
    int status = book_write(alarm->book, event->data, event->length_bytes, sentence, sizeof sentence);
    return status < 0 ? grove_event_fail(event, status, "%s", sentence) : 0;
}

static int reply_records(struct grove_request *request, const struct alarm_record *records, unsigned count) {
    return grove_reply(request, records, count * sizeof records[0]);
}

static int on_list(struct grove_request *request, void *context) {
    struct alarm_record records[ALARM_REPLY_MAX];
    return reply_records(request, records, alarms_list(((struct alarm *)context)->alarms, records, ALARM_REPLY_MAX));
}

static int on_history(struct grove_request *request, void *context) {
    struct alarm_record records[ALARM_REPLY_MAX];
    return reply_records(request, records,
                         alarms_list_history(((struct alarm *)context)->alarms, records, ALARM_REPLY_MAX));
}

static int on_acknowledge(struct grove_request *request, void *context) {
    uint32_t number;
    if (grove_request_bytes(request) != sizeof number)
        return grove_fail(request, GROVE_INVALID, "send the number of an alarm, or 0 for all, as number:u32");
    memcpy(&number, grove_request_data(request), sizeof number);
    if (alarms_acknowledge(((struct alarm *)context)->alarms, number, clock_wall_ns()) < 0)
        return grove_fail(request, GROVE_NOT_FOUND, "alarm %u is not active", number);
    return 0;
}

/* Three retries, within a second: what is wrong with a file is seldom over sooner than a person has seen to it. */
static int subscribe(struct grove_service *service, struct alarm *alarm) {
    static struct subscriber list = {.what = "alarms",
                                     .subscribe = {.pattern = ALARM_SUBJECT ">",
                                                   .name = "list",
                                                   .quality = GROVE_BUS_DURABLE,
                                                   .start = GROVE_BUS_START_FIRST},
                                     .handler = on_event};
    static struct subscriber book = {.what = "alarms for the shift book",
                                     .subscribe = {.pattern = ALARM_SUBJECT ">",
                                                   .name = "book",
                                                   .quality = GROVE_BUS_DURABLE,
                                                   .start = GROVE_BUS_START_FIRST,
                                                   .priority = GROVE_PRIORITY_LOW,
                                                   .max_retries = 3},
                                     .handler = on_line};
    list.context = book.context = alarm;
    int status = subscriber_start(&list, service);
    return status < 0 ? status : subscriber_start(&book, service);
}

static int serve(struct alarm *alarm) {
    static const struct {
        uint32_t method;
        grove_handler *handler;
    } methods[] = {{ALARM_LIST, on_list}, {ALARM_HISTORY, on_history}, {ALARM_ACKNOWLEDGE, on_acknowledge}};
    struct grove_service *service;
    struct grove_region *region;
    bool is_fresh;
    if (grove_service_create(NULL, &service) < 0 ||
        grove_region_state(grove_service_session(service), sizeof(struct alarms), &region, &is_fresh) < 0)
        return grove_report("alarm");
    alarm->alarms = grove_region_data(region, NULL);
    alarms_start(alarm->alarms);
    for (unsigned i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (grove_service_on(service, "alarm", methods[i].method, methods[i].handler, alarm) < 0)
            return grove_report("alarm");
    if (subscribe(service, alarm) < 0 || grove_service_run(service) < 0)
        return grove_report("alarm");
    return 0;
}

int main(int count, char **words) {
    static struct alarm alarm; /* the subscribers refer to it */
    if (count != 3 || strcmp(words[1], "--book") != 0) {
        fputs("usage: alarm --book FILE\n", stderr);
        return 2;
    }
    alarm.book = words[2];
    return serve(&alarm);
}
