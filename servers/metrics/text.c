#include "servers/metrics/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

/* Unambiguous: the letter with which a metric begins comes after a "_" that is neither doubled nor followed by a digit. */
static size_t encode(char *out, size_t room, const char *text, size_t length) {
    size_t used = 0;
    for (size_t i = 0; i < length && used + 3 < room; i++) {
        if (text[i] == '_' || text[i] == '-' || text[i] == '.') {
            out[used++] = '_';
            out[used++] = text[i] == '_' ? '_' : text[i] == '-' ? '0' : '1';
        } else {
            out[used++] = text[i];
        }
    }
    out[used] = '\0';
    return used;
}

bool metrics_family_name(const char *service, const struct grove_metrics_record *record, char *name, size_t bytes) {
    bool is_of_system = strncmp(service, "system.", 7) == 0;
    const char *part = is_of_system ? service + 7 : service, *dot = strrchr(part, '.');
    char word[2 * GROVE_NAME_MAX + 4];
    if (!is_of_system && dot == NULL)
        return false;
    (void)encode(word, sizeof word, part, is_of_system ? strlen(part) : (size_t)(dot - part));
    int length = snprintf(name, bytes, "%s_%s_%s%s", is_of_system ? "grove" : "user", word, record->name,
                          record->kind == GROVE_METRIC_COUNTER ? "_total" : "");
    return length > 0 && (size_t)length < bytes;
}

/* ---- labels ---- */

void metrics_escape(const char *text, bool is_quoted, char *out, size_t bytes) {
    size_t used = 0;
    for (; *text != '\0' && used + 3 < bytes; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '\\' || byte == '\n' || (byte == '"' && is_quoted)) {
            out[used++] = '\\';
            out[used++] = byte == '\n' ? 'n' : *text;
        } else {
            out[used++] = byte < ' ' || byte > '~' ? '?' : *text;
        }
    }
    out[used] = '\0';
}

static void add_label(char *labels, size_t labels_bytes, const char *name, const char *value) {
    char escaped[2 * GROVE_METRICS_LABEL_MAX + 4];
    size_t used = strlen(labels);
    metrics_escape(value, true, escaped, sizeof escaped);
    (void)snprintf(labels + used, labels_bytes - used, "%s%s=\"%s\"", used > 0 ? "," : "", name, escaped);
}

static void add_name(char *names, size_t bytes, const char *name) {
    size_t used = strlen(names);
    (void)snprintf(names + used, bytes - used, "%s,", name);
}

void metrics_labels(const char *service, const struct grove_metrics_record *record, char *labels, size_t labels_bytes,
                    char *names, size_t names_bytes) {
    labels[0] = names[0] = '\0';
    if (service != NULL) {
        add_label(labels, labels_bytes, "service", service);
        add_name(names, names_bytes, "service");
    }
    for (unsigned i = 0; i < GROVE_METRICS_LABELS && record->labels[i].name[0] != '\0'; i++) {
        add_label(labels, labels_bytes, record->labels[i].name, record->labels[i].value);
        add_name(names, names_bytes, record->labels[i].name);
    }
}

void metrics_labels_other(const char *names, char *labels, size_t bytes) {
    char name[GROVE_METRICS_LABEL_NAME_MAX + 1];
    labels[0] = '\0';
    while (*names != '\0') {
        size_t length = strcspn(names, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)length, names);
        add_label(labels, bytes, name, "other");
        names += length + (names[length] == ',');
    }
}

/* ---- numbers ---- */

void metrics_number(double value, char number[METRICS_NUMBER_BYTES]) {
    if (isnan(value)) {
        (void)snprintf(number, METRICS_NUMBER_BYTES, "NaN");
        return;
    }
    if (isinf(value)) {
        (void)snprintf(number, METRICS_NUMBER_BYTES, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(number, METRICS_NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(number, NULL) == value)
            return;
    }
}
