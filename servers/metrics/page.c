/*
 * One hash table for families and series of a page, which lives for one answer. Memory is the page's and goes with it.
 */
#include "servers/metrics/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/metrics/text.h"

#define SLOTS 32768u /* a power of two, more than all families and usual series */

struct series {
    struct series *next_in_slot, *next; /* next: of the family, in the order in which they came */
    const struct family *family;
    struct grove_metrics_record *histogram; /* NULL: it is one value */
    double value;
    char labels[]; /* `service="a",kind="b"` */
};

struct family {
    struct family *next_in_slot;
    struct series *first, **tail, *other;
    uint32_t kind, count;
    char name[METRICS_FAMILY_BYTES];
    char help[GROVE_METRICS_HELP_MAX + 1];
    char label_names[METRICS_LABELS_NAMES_BYTES];
};

struct page {
    struct family *family_slots[PAGE_FAMILIES_MAX];
    struct family *families[PAGE_FAMILIES_MAX];
    unsigned family_count;
    struct series *slots[SLOTS];
    struct page_counts counts;
};

struct page *page_create(void) {
    return calloc(1, sizeof(struct page));
}

static void series_destroy(struct series *series) {
    if (series == NULL)
        return;
    free(series->histogram);
    free(series);
}

void page_destroy(struct page *page) {
    if (page == NULL)
        return;
    for (unsigned i = 0; i < page->family_count; i++) {
        struct family *family = page->families[i];
        for (struct series *series = family->first, *next; series != NULL; series = next) {
            next = series->next;
            series_destroy(series);
        }
        series_destroy(family->other);
        free(family);
    }
    free(page);
}

const struct page_counts *page_counts(const struct page *page) {
    return &page->counts;
}

/* ---- checks ---- */

static bool is_terminated(const char *text, size_t bytes) {
    return memchr(text, '\0', bytes) != NULL;
}

static bool is_histogram_sound(const struct grove_metrics_record *record) {
    uint64_t sum = 0;
    if (record->bucket_count == 0 || record->bucket_count > GROVE_METRICS_BUCKETS || isnan(record->value))
        return false;
    for (uint32_t i = 0; i < record->bucket_count; i++) {
        if (!isfinite(record->buckets[i].bound) || (i > 0 && record->buckets[i].bound <= record->buckets[i - 1].bound))
            return false;
        if (record->buckets[i].count > record->count - sum)
            return false;
        sum += record->buckets[i].count;
    }
    return true;
}

static bool is_value_sound(const struct grove_metrics_record *record) {
    switch (record->kind) {
    case GROVE_METRIC_COUNTER:
        return isfinite(record->value) && record->value >= 0;
    case GROVE_METRIC_GAUGE:
        return true;
    case GROVE_METRIC_HISTOGRAM:
        return is_histogram_sound(record);
    default:
        return false;
    }
}

static bool is_sound(const struct grove_metrics_record *record, bool is_of_system) {
    if (!is_terminated(record->name, sizeof record->name) || !is_terminated(record->help, sizeof record->help) ||
        !grove_metric_name_is_valid(record->name) || !is_value_sound(record))
        return false;
    for (unsigned i = 0; i < GROVE_METRICS_LABELS; i++) {
        const char *name = record->labels[i].name;
        if (!is_terminated(name, sizeof record->labels[i].name) ||
            !is_terminated(record->labels[i].value, sizeof record->labels[i].value))
            return false;
        bool is_none = name[0] == '\0', follows_none = i > 0 && record->labels[i - 1].name[0] == '\0';
        bool is_service = is_of_system && strcmp(name, "service") == 0;
        if (is_none ? false : follows_none || !(is_service || grove_metric_label_is_valid(name)))
            return false;
        if (!is_none && i > 0 && strcmp(name, record->labels[i - 1].name) == 0)
            return false;
    }
    return true;
}

/* ---- families and series ---- */

static uint32_t hash_of(const char *text, uint32_t hash) {
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash ^ hash >> 15;
}

static struct family *family_find(struct page *page, const char *name) {
    struct family *family = page->family_slots[hash_of(name, 2166136261u) % PAGE_FAMILIES_MAX];
    while (family != NULL && strcmp(family->name, name) != 0)
        family = family->next_in_slot;
    return family;
}

static struct family *family_make(struct page *page, const char *name, const struct grove_metrics_record *record,
                                  const char *label_names) {
    struct family **slot = &page->family_slots[hash_of(name, 2166136261u) % PAGE_FAMILIES_MAX];
    struct family *family = page->family_count < PAGE_FAMILIES_MAX ? calloc(1, sizeof *family) : NULL;
    if (family == NULL)
        return NULL;
    family->tail = &family->first;
    family->kind = record->kind;
    (void)snprintf(family->name, sizeof family->name, "%s", name);
    (void)snprintf(family->help, sizeof family->help, "%s", record->help);
    (void)snprintf(family->label_names, sizeof family->label_names, "%s", label_names);
    family->next_in_slot = *slot;
    *slot = family;
    page->families[page->family_count++] = family;
    return family;
}

static struct series *series_make(const struct family *family, const char *labels,
                                  const struct grove_metrics_record *record) {
    struct series *series = calloc(1, sizeof *series + strlen(labels) + 1);
    if (series == NULL)
        return NULL;
    series->family = family;
    series->value = record->value;
    memcpy(series->labels, labels, strlen(labels) + 1);
    if (record->kind != GROVE_METRIC_HISTOGRAM)
        return series;
    series->histogram = malloc(sizeof *series->histogram);
    if (series->histogram == NULL) {
        free(series);
        return NULL;
    }
    *series->histogram = *record;
    return series;
}

static const char *refuse(uint64_t *count, const char *why) {
    (*count)++;
    return why;
}

/* The sum of what a family has no place for. Histograms are left out: they need not have the same bounds. */
static const char *add_to_other(struct page *page, struct family *family, const struct grove_metrics_record *record) {
    char labels[METRICS_LABELS_BYTES];
    if (record->kind == GROVE_METRIC_HISTOGRAM)
        return refuse(&page->counts.crowded, "its family has as many histograms as it may");
    page->counts.overflowed++;
    if (family->other != NULL) {
        family->other->value += record->value;
        return NULL;
    }
    metrics_labels_other(family->label_names, labels, sizeof labels);
    family->other = series_make(family, labels, record);
    return family->other != NULL ? NULL : refuse(&page->counts.crowded, "no memory is left");
}

static const char *add_series(struct page *page, struct family *family, const char *labels,
                              const struct grove_metrics_record *record) {
    struct series **slot = &page->slots[hash_of(labels, hash_of(family->name, 2166136261u)) % SLOTS];
    for (const struct series *other = *slot; other != NULL; other = other->next_in_slot)
        if (other->family == family && strcmp(other->labels, labels) == 0)
            return refuse(&page->counts.repeated, "these labels are there already");
    if (family->count == PAGE_SERIES_MAX)
        return add_to_other(page, family, record);
    struct series *series = series_make(family, labels, record);
    if (series == NULL)
        return refuse(&page->counts.crowded, "no memory is left");
    series->next_in_slot = *slot;
    *slot = series;
    *family->tail = series;
    family->tail = &series->next;
    family->count++;
    return NULL;
}

const char *page_add(struct page *page, const char *service, const struct grove_metrics_record *record) {
    char name[METRICS_FAMILY_BYTES], labels[METRICS_LABELS_BYTES], label_names[METRICS_LABELS_NAMES_BYTES];
    bool is_of_system = strncmp(service, "system.", 7) == 0;
    if (!is_sound(record, is_of_system) || !metrics_family_name(service, record, name, sizeof name))
        return refuse(&page->counts.malformed, "its name, labels or value cannot be");
    metrics_labels(is_of_system ? NULL : service, record, labels, sizeof labels, label_names, sizeof label_names);
    struct family *family = family_find(page, name);
    if (family == NULL)
        family = family_make(page, name, record, label_names);
    if (family == NULL)
        return refuse(&page->counts.crowded, "there are as many families as there may be");
    if (family->kind != record->kind || strcmp(family->label_names, label_names) != 0)
        return refuse(&page->counts.conflicting, "its family is there with another kind or other labels");
    return add_series(page, family, labels, record);
}

/* ---- text ---- */

static void write_histogram(FILE *out, const struct family *family, const struct series *series) {
    const struct grove_metrics_record *record = series->histogram;
    const char *comma = series->labels[0] != '\0' ? "," : "", *open = series->labels[0] != '\0' ? "{" : "",
               *close = series->labels[0] != '\0' ? "}" : "";
    char number[METRICS_NUMBER_BYTES];
    uint64_t count = 0;
    for (uint32_t i = 0; i < record->bucket_count; i++) {
        count += record->buckets[i].count;
        metrics_number(record->buckets[i].bound, number);
        (void)fprintf(out, "%s_bucket{%s%sle=\"%s\"} %llu\n", family->name, series->labels, comma, number,
                      (unsigned long long)count);
    }
    (void)fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", family->name, series->labels, comma,
                  (unsigned long long)record->count);
    metrics_number(record->value, number);
    (void)fprintf(out, "%s_sum%s%s%s %s\n", family->name, open, series->labels, close, number);
    (void)fprintf(out, "%s_count%s%s%s %llu\n", family->name, open, series->labels, close,
                  (unsigned long long)record->count);
}

static void write_series(FILE *out, const struct family *family, const struct series *series) {
    char number[METRICS_NUMBER_BYTES];
    if (series->histogram != NULL) {
        write_histogram(out, family, series);
        return;
    }
    metrics_number(series->value, number);
    if (series->labels[0] != '\0')
        (void)fprintf(out, "%s{%s} %s\n", family->name, series->labels, number);
    else
        (void)fprintf(out, "%s %s\n", family->name, number);
}

static void write_family(FILE *out, const struct family *family) {
    static const char *const kinds[] = {"untyped", "counter", "gauge", "histogram"};
    char help[2 * GROVE_METRICS_HELP_MAX + 1];
    metrics_escape(family->help[0] != '\0' ? family->help : "Not described by its service.", false, help, sizeof help);
    (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, help, family->name, kinds[family->kind]);
    for (const struct series *series = family->first; series != NULL; series = series->next)
        write_series(out, family, series);
    if (family->other != NULL)
        write_series(out, family, family->other);
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(struct family *const *)a)->name, (*(struct family *const *)b)->name);
}

char *page_text(struct page *page, size_t *length_bytes) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        return NULL;
    qsort(page->families, page->family_count, sizeof page->families[0], by_name);
    for (unsigned i = 0; i < page->family_count; i++)
        write_family(out, page->families[i]);
    bool is_whole = ferror(out) == 0;
    if (fclose(out) != 0 || !is_whole) {
        free(text);
        return NULL;
    }
    *length_bytes = length;
    return text;
}
