/* Alarm events as text; see alarm_text.h. Pure. */
#include "examples/grid/common/alarm_text.h"

#include "grove/abi/status.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t alarm_text_write(const struct alarm_event *event, char text[ALARM_TEXT_BYTES]) {
    int length = snprintf(text, ALARM_TEXT_BYTES,
                          "{\"version\":1,\"epoch\":%" PRIu64 ",\"sequence\":%" PRIu64 ",\"wall_ns\":%" PRIu64
                          ",\"kind\":\"%s\",\"feeder\":%u,\"cause\":\"%s\",\"state\":\"%s\",\"value\":%.9g}",
                          event->epoch, event->sequence, event->wall_ns, alarm_kind_word(event->kind), event->feeder,
                          trip_cause_text(event->cause), event->is_over ? "over" : "raised",
                          isfinite(event->value) ? event->value : 0);
    return length > 0 && (unsigned)length < ALARM_TEXT_BYTES ? (size_t)length : 0;
}

/* What is behind "NAME": in the text; nothing, when that is not in it. */
static const char *value_of(const char *text, const char *name) {
    const char *place = strstr(text, name);
    return place != NULL ? place + strlen(name) : "";
}

static uint64_t number_of(const char *text, const char *name) {
    return strtoull(value_of(text, name), NULL, 10);
}

static bool is_word(const char *value, const char *word) {
    size_t length = strlen(word);
    return strncmp(value, word, length) == 0 && value[length] == '"';
}

static uint16_t kind_of(const char *value) {
    for (unsigned kind = 1; kind < ALARM_KIND_END; kind++)
        if (is_word(value, alarm_kind_word(kind)))
            return (uint16_t)kind;
    return 0;
}

static uint16_t cause_of(const char *value) {
    for (unsigned cause = 0; cause < CAUSE_COUNT; cause++)
        if (is_word(value, trip_cause_text(cause)))
            return (uint16_t)cause;
    return 0;
}

/*
 * The fields are looked for without much care: the text is an event when it is just what would be written of what was found.
 * A number too large, one written in another way, a word that is not known, a field too many: none of them is.
 */
int alarm_text_read(const void *data, size_t length_bytes, struct alarm_event *event) {
    char text[ALARM_TEXT_BYTES], written[ALARM_TEXT_BYTES];
    if (length_bytes >= sizeof text)
        return GROVE_INVALID;
    memcpy(text, data, length_bytes);
    text[length_bytes] = '\0';
    struct alarm_event found = {.epoch = number_of(text, "\"epoch\":"),
                                .sequence = number_of(text, "\"sequence\":"),
                                .wall_ns = number_of(text, "\"wall_ns\":"),
                                .kind = kind_of(value_of(text, "\"kind\":\"")),
                                .feeder = (uint16_t)number_of(text, "\"feeder\":"),
                                .cause = cause_of(value_of(text, "\"cause\":\"")),
                                .is_over = is_word(value_of(text, "\"state\":\""), "over"),
                                .value = strtod(value_of(text, "\"value\":"), NULL)};
    if (found.kind == 0 || found.sequence == 0 || alarm_text_write(&found, written) != length_bytes ||
        memcmp(text, written, length_bytes) != 0)
        return GROVE_INVALID;
    *event = found;
    return 0;
}
