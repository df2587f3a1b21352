/*
 * The page: families of metrics out of records, as text of Prometheus' format 0.0.4. Pure.
 *
 * What comes in is the word of services, which may be hostile: each record is checked, each family has at most
 * PAGE_SERIES_MAX series, and what goes beyond is added up in one whose labels all say "other". Nothing that one service says
 * can make a line that another one is read from: names are built from the service's own, and values are escaped.
 */
#ifndef SERVERS_METRICS_PAGE_H
#define SERVERS_METRICS_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "grove/metrics.h"

#define PAGE_FAMILIES_MAX 2048u
#define PAGE_SERIES_MAX 1000u /* of a family */

struct page;

/* How many records were not taken as they are, and why. */
struct page_counts {
    uint64_t malformed; /* a name, kind or value that cannot be */
    uint64_t conflicting; /* a family of that name is there with another kind or other labels */
    uint64_t repeated; /* these labels are there already */
    uint64_t crowded; /* too many families */
    uint64_t overflowed; /* added up under "other" */
};

/* NULL: no memory is left. */
struct page *page_create(void);
void page_destroy(struct page *page);
/*
 * Take a record of a service. Its family is grove_SERVICE_NAME for one of the system ("system.SERVICE"), else
 * user_PROJECT_NAME with the label service. Returns why it was not taken, or NULL: constant. Counted.
 */
const char *page_add(struct page *page, const char *service, const struct grove_metrics_record *record);
const struct page_counts *page_counts(const struct page *page);
/* The text, malloc'ed; NULL: no memory is left. */
char *page_text(struct page *page, size_t *length_bytes);

#endif
