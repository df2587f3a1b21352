/*
 * Names, labels and numbers as they stand on the page. Pure.
 */
#ifndef SERVERS_METRICS_TEXT_H
#define SERVERS_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "grove/metrics.h"

/* Each character of a name becomes two at most. */
#define METRICS_FAMILY_BYTES (2 * GROVE_NAME_MAX + GROVE_METRICS_NAME_MAX + 32u)
#define METRICS_LABELS_NAMES_BYTES (GROVE_METRICS_LABELS * (GROVE_METRICS_LABEL_NAME_MAX + 1) + 16u)
#define METRICS_LABELS_BYTES \
    (GROVE_METRICS_LABELS * (GROVE_METRICS_LABEL_NAME_MAX + 2 * GROVE_METRICS_LABEL_MAX + 4) + GROVE_NAME_MAX + 16u)
#define METRICS_NUMBER_BYTES 32u

/*
 * grove_SERVICE_NAME, or user_PROJECT_NAME; _total at the end of a counter's. "_" of a project is written "__", "-" "_0"
 * and "." "_1", so that no two projects have a name in common. False: the service has no
 * project.
 */
bool metrics_family_name(const char *service, const struct grove_metrics_record *record, char *name, size_t bytes);
/* `service="a",kind="b"`; `service` NULL: only the record's. And the names alone, each with a comma. */
void metrics_labels(const char *service, const struct grove_metrics_record *record, char *labels, size_t labels_bytes,
                    char *names, size_t names_bytes);
/* `service="other",kind="other"` for such names. */
void metrics_labels_other(const char *names, char *labels, size_t bytes);
/* What is in quotes, or (a help) not: \ " and line ends. Other controls and what is not ASCII become "?". */
void metrics_escape(const char *text, bool is_quoted, char *out, size_t bytes);
/* The shortest text that reads back as the same number; +Inf, -Inf, NaN. */
void metrics_number(double value, char number[METRICS_NUMBER_BYTES]);

#endif
