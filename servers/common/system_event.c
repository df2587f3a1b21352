/* See system_event.h. One thread, one buffer. */
#include "servers/common/system_event.h"

#include <stdio.h>

#include "grove/bus.h"
#include "servers/common/json_text.h"

#define JSON_BYTES 2048u
#define SUBJECT_BYTES 256u

int system_event(const char *subject, const char *service, const struct system_event_field *fields) {
    static char text[JSON_BYTES];
    struct json_text json;
    char full[SUBJECT_BYTES];
    size_t length;
    json_text_begin(&json, text, sizeof text);
    if (service[0] != '\0')
        json_text_string(&json, "service", service);
    for (; fields->name != NULL; fields++) {
        if (fields->text != NULL)
            json_text_string(&json, fields->name, fields->text);
        else
            json_text_u64(&json, fields->name, fields->number);
    }
    int status = json_text_end(&json, &length);
    (void)snprintf(full, sizeof full, "%s%s%s", subject, service[0] == '\0' ? "" : ".", service);
    return status < 0 ? status : grove_bus_emit(full, text, length);
}
