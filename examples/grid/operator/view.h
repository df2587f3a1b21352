/*
 * The operator's view as text: a table of the feeders, alarms, and the state of the system, cut to the window.
 *
 * Pure: from a snapshot to lines. Colours are ANSI sequences and never counted as width.
 */
#ifndef GRID_OPERATOR_VIEW_H
#define GRID_OPERATOR_VIEW_H

#include "examples/grid/operator/snapshot.h"

#define VIEW_LINES_MAX 96u
#define VIEW_LINE_BYTES 512u

struct view {
    unsigned columns; /* of the window */
    bool has_colour;
    unsigned alarms_most; /* lines for alarms */
    unsigned count;
    char line[VIEW_LINES_MAX][VIEW_LINE_BYTES];
};

/* Names of feeders come from the configuration; NULL: numbers only. `now_ns` is monotonic. */
void view_make(struct view *view, const struct snapshot *snapshot, const struct grid_config *config, uint64_t now_ns);
/* One line with the most important of it, for those who have no terminal. */
void view_line(char *text, size_t size_bytes, const struct snapshot *snapshot, uint64_t seconds);

#endif
