/* Alarm events as text; see alarm_text.h. Pure. */
#include "examples/grid/common/alarm_text.h"

#include "grove/abi/status.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WORD_BYTES 32u

size_t alarm_text_write(const struct alarm_event *event, char text[ALARM_TEXT_BYTES]) {
    int length = snprintf(text, ALARM_TEXT_BYTES,
                          "{\"version\":1,\"epoch\":%" PRIu64 ",\"sequence\":%" PRIu64 ",\"wall_ns\":%" PRIu64
                          ",\"kind\":\"%s\",\"feeder\":%u,\"cause\":\"%s\",\"state\":\"%s\",\"value\":%.9g}",
                          event->epoch, event->sequence, event->wall_ns, alarm_kind_word(event->kind), event->feeder,
                          trip_cause_text(event->cause), event->is_over ? "over" : "raised",
                          isfinite(event->value) ? event->value : 0);
    return length > 0 && (unsigned)length < ALARM_TEXT_BYTES ? (size_t)length : 0;
}

static uint16_t kind_of(const char *word) {
    for (unsigned kind = 1; kind < ALARM_KIND_END; kind++)
        if (strcmp(word, alarm_kind_word(kind)) == 0)
            return (uint16_t)kind;
    return 0;
}

static bool find_cause(const char *text, uint16_t *cause) {
    for (unsigned i = 0; i < CAUSE_COUNT; i++)
        if (strcmp(text, trip_cause_text(i)) == 0) {
            *cause = (uint16_t)i;
            return true;
        }
    return false;
}

int alarm_text_read(const void *data, size_t length_bytes, struct alarm_event *event) {
    char text[ALARM_TEXT_BYTES], kind[WORD_BYTES], cause[WORD_BYTES], state[WORD_BYTES];
    struct alarm_event found = {0};
    int end = 0;
    if (length_bytes >= sizeof text)
        return GROVE_INVALID;
    memcpy(text, data, length_bytes);
    text[length_bytes] = '\0';
    int count =
        sscanf(text,
               "{\"version\":1,\"epoch\":%" SCNu64 ",\"sequence\":%" SCNu64 ",\"wall_ns\":%" SCNu64
               ",\"kind\":\"%31[a-z-]\",\"feeder\":%" SCNu16
               ",\"cause\":\"%31[a-z ]\",\"state\":\"%31[a-z]\",\"value\":%lf}%n",
               &found.epoch, &found.sequence, &found.wall_ns, kind, &found.feeder, cause, state, &found.value, &end);
    if (count != 8 || end == 0 || (size_t)end != length_bytes)
        return GROVE_INVALID;
    found.kind = kind_of(kind);
    found.is_over = strcmp(state, "over") == 0;
    if (found.kind == 0 || found.sequence == 0 || !find_cause(cause, &found.cause) ||
        (!found.is_over && strcmp(state, "raised") != 0))
        return GROVE_INVALID;
    *event = found;
    return 0;
}
