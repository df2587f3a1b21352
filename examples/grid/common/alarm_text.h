/*
 * An alarm event as text: one JSON object on one line, so that `grove sub`, `grove dlq show` and clients of other protocols
 * can read it. All fields, always, in this order; docs/formats.md has it.
 */
#ifndef GRID_COMMON_ALARM_TEXT_H
#define GRID_COMMON_ALARM_TEXT_H

#include "examples/grid/common/protocol.h"

#define ALARM_TEXT_BYTES 384u

/* Returns the length, which is below ALARM_TEXT_BYTES. No line feed at its end. */
size_t alarm_text_write(const struct alarm_event *event, char text[ALARM_TEXT_BYTES]);
/* GROVE_INVALID: it is not what alarm_text_write writes. */
int alarm_text_read(const void *data, size_t length_bytes, struct alarm_event *event);

#endif
