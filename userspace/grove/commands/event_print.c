/*
 * An event on one line, or as one JSON object. Data is a publisher's: it is shown as text where it is UTF-8 that a terminal
 * can bear, and otherwise as hexadecimal digits.
 */
#include "userspace/grove/commands/event_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "userspace/grove/commands/call_arguments.h"

static void print_time(uint64_t time_ns) {
    char text[32];
    time_t seconds = (time_t)(time_ns / GROVE_SECOND);
    struct tm parts;
    if (localtime_r(&seconds, &parts) != NULL && strftime(text, sizeof text, "%H:%M:%S", &parts) > 0)
        printf("%s.%03" PRIu64 " ", text, time_ns % GROVE_SECOND / GROVE_MILLISECOND);
}

static bool is_plain(const char *data, size_t length_bytes) {
    for (size_t i = 0; i < length_bytes; i++)
        if ((unsigned char)data[i] < ' ' && data[i] != '\t')
            return false;
    return true;
}

/* The data as a JSON string; NULL where it is no UTF-8. */
static json_t *text_of(const struct grove_event *event) {
    return json_stringn(event->data, event->length_bytes);
}

static void print_data(const struct grove_event *event) {
    json_t *text = text_of(event);
    if (text != NULL && is_plain(event->data, event->length_bytes)) {
        (void)fwrite(event->data, 1, event->length_bytes, stdout);
    } else {
        char *hex = call_to_hex(event->data, event->length_bytes);
        printf("%s", hex != NULL ? hex : "");
        free(hex);
    }
    json_decref(text);
}

static void print_json(const struct grove_event *event) {
    json_t *text = text_of(event);
    json_t *object = json_pack("{s:s, s:I, s:I, s:I, s:s, s:I, s:i, s:I, s:b}", "subject", event->subject, "time_ns",
                               (json_int_t)event->time_ns, "sequence", (json_int_t)event->sequence, "subject_sequence",
                               (json_int_t)event->subject_sequence, "publisher", event->publisher, "publisher_id",
                               (json_int_t)event->publisher_id, "attempt", (int)event->attempt, "missed",
                               (json_int_t)event->missed, "redelivered", (event->flags & GROVE_EVENT_REDELIVERED) != 0);
    if (event->reply_to != NULL)
        json_object_set_new(object, "reply_to", json_string(event->reply_to));
    if ((event->flags & GROVE_EVENT_DIRECT) != 0)
        json_object_set_new(object, "direct", json_true());
    if (event->durable_sequence != 0)
        json_object_set_new(object, "durable_sequence", json_integer((json_int_t)event->durable_sequence));
    if (text != NULL) {
        json_object_set_new(object, "data", text);
    } else {
        char *hex = call_to_hex(event->data, event->length_bytes);
        json_object_set_new(object, "data_hex", json_string(hex != NULL ? hex : ""));
        free(hex);
    }
    output_json_line(object);
}

static void print_members(json_t *object) {
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        char *text = json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY);
        printf("  %s=%s", name, text != NULL ? text : "");
        free(text);
    }
}

static void print_story(const struct invocation *invocation, const struct grove_event *event) {
    json_t *object = json_loadb(event->data, event->length_bytes, 0, NULL);
    print_time(event->time_ns);
    printf("%s%s%s", output_on(invocation, OUTPUT_GOOD), event->subject, output_off(invocation));
    if (json_is_object(object)) {
        print_members(object);
    } else if (event->length_bytes > 0) {
        printf("  ");
        print_data(event);
    }
    printf("\n");
    json_decref(object);
}

void event_print(const struct invocation *invocation, const struct grove_event *event, enum event_form form) {
    if (event->missed > 0)
        command_remark(invocation, "%" PRIu64 " events were lost here: too slow for what is published", event->missed);
    if (invocation->json) {
        print_json(event);
    } else if (form == EVENT_STORY) {
        print_story(invocation, event);
    } else {
        if (form == EVENT_FULL) {
            print_time(event->time_ns);
            printf("%s%s%s #%" PRIu64 " %s  ", output_on(invocation, OUTPUT_GOOD), event->subject,
                   output_off(invocation), event->sequence, event->publisher);
        }
        print_data(event);
        printf("\n");
    }
    (void)fflush(stdout);
}
