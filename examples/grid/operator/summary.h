/*
 * The end of a run: what was read, what is on disk, and the difference.
 *
 * Counted from both ends of the line: acquire says how many readings of each feeder it has numbered, the historian up to
 * which number it has them on disk and which it never got. Both are asked after the run, and the historian until it has
 * caught up with what acquire said first.
 */
#ifndef GRID_OPERATOR_SUMMARY_H
#define GRID_OPERATOR_SUMMARY_H

#include "examples/grid/operator/snapshot.h"

/* Print the summary. Returns 0 if nothing was lost, 1 if something was or if it could not be found out. */
int summary_print(struct snapshot *snapshot);
/* Readings numbered by `numbered` (a table of acquire) that are not on disk; pure. */
uint64_t summary_lost(const struct reading *numbered, unsigned count, const struct historian_feeder *stored,
                      unsigned stored_count);

#endif
