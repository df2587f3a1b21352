/*
 * The prompt below the view: operator commands, and every command of grove.
 *
 * Uses readline's callback interface, so that the view above goes on while somebody types. The view has the upper rows
 * of the window, the prompt the rows below, kept apart by the terminal's scroll region (DECSTBM).
 */
#ifndef GRID_OPERATOR_CONSOLE_H
#define GRID_OPERATOR_CONSOLE_H

#include "examples/grid/operator/view.h"

struct console {
    struct snapshot *snapshot;
    const char *grove; /* path of the grove program */
    bool must_end;
    unsigned rows, columns, view_rows;
};

void console_open(struct console *console);
/* Give the terminal back as it was. */
void console_close(struct console *console);
/* Standard input is readable. */
void console_read(struct console *console);
/* The window has another size. */
void console_resize(struct console *console);
/* Ctrl-Z: give the terminal back, stop, and take it again when the shell makes us go on. */
void console_stop(struct console *console);
void console_draw(struct console *console, const struct grid_config *config);

#endif
