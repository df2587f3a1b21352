/*
 * Durable numbers: one numbering over the logs of all streams, which only grows.
 *
 * Each event has its number in its image. A log written before there were several streams has none there: then it is that of
 * the record. A number is never smaller than that of its record, and both grow together; so a number is found in a log by
 * bisection, and at once where there is one stream.
 */
#ifndef SERVERS_BUS_NUMBERS_H
#define SERVERS_BUS_NUMBERS_H

#include "grove/journal.h"

/* Of an event; of a gap 0. */
uint64_t number_of_item(const struct grove_journal_item *item);
/*
 * To the first event with this number or a later one. `is_exact`: what was there and is no longer kept is not passed over, but
 * told as a gap, which may be too large where there are several streams. Errors are those of grove_journal_reader_next.
 */
int number_seek(struct grove_journal *log, struct grove_journal_reader *reader, uint64_t number, bool is_exact);
/* Of the oldest event that can be read; 0: there is none. */
uint64_t number_first(struct grove_journal *log, struct grove_journal_reader *reader);
/* Of the newest; 0: there is none. Where that is damaged, what it is at least. */
uint64_t number_last(struct grove_journal *log, struct grove_journal_reader *reader);
/* The number that an event at or behind this record has; 0: there is none. */
uint64_t number_at(struct grove_journal_reader *reader, uint64_t sequence);

#endif
