/*
 * Dead letters are said: one line on standard error, which the log service keeps, with all that a person needs to find out
 * why. The counts in the metrics of the bus and of the subscription include them.
 */
#include "servers/bus/dlq.h"

#include <stdio.h>

void dlq_add(struct bus *bus, const struct dead_letter *letter) {
    const char *subject = (const char *)(letter->image + 1);
    (void)bus;
    (void)fprintf(stderr, "bus: gave up event %llu (%s) for %s (%s) after %u attempts: %s\n",
                  (unsigned long long)letter->image->sequence, subject, letter->subscriber, letter->queue->pattern,
                  letter->attempts, letter->error);
}
