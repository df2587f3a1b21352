/* What the files of a terminal share. Everything is called with its lock held. Nothing else includes this. */
#ifndef GROVE_TTY_INSIDE_H
#define GROVE_TTY_INSIDE_H

#include "kernel/services/tty/terminal.h"

#define NO_CHARACTER \
    0u /* a character of the settings that is switched off, and how the end of the file lies in the ring */

static inline uint32_t ring_index(uint32_t position) {
    return position % TERMINAL_RING;
}

static inline bool mark_is_set(const struct terminal *terminal, uint32_t position) {
    uint32_t index = ring_index(position);
    return (terminal->marks[index / 64] >> index % 64 & 1) != 0;
}

static inline void mark_set(struct terminal *terminal, uint32_t position) {
    uint32_t index = ring_index(position);
    terminal->marks[index / 64] |= UINT64_C(1) << index % 64;
}

static inline void mark_clear(struct terminal *terminal, uint32_t position) {
    uint32_t index = ring_index(position);
    terminal->marks[index / 64] &= ~(UINT64_C(1) << index % 64);
}

static inline bool input_is(const struct terminal *terminal, uint32_t input) {
    return (terminal->settings.input & input) != 0;
}

static inline bool output_is(const struct terminal *terminal, uint32_t output) {
    return (terminal->settings.output & output) != 0;
}

/* ---- output.c ---- */

/* Bytes that output has room for now; 0 while it is stopped. */
uint32_t output_room(const struct terminal *terminal);
/* Put one character out, changed as the settings say. False: no room. */
bool output_put(struct terminal *terminal, uint8_t character);
/* Put a byte out as it is. There is room. */
void output_put_raw(struct terminal *terminal, uint8_t byte);

/* ---- echo.c: what is echoed is queued, and shown by echo_show ---- */

void echo_character(struct terminal *terminal, uint8_t character); /* with ECHOCTL control characters as ^X */
void echo_raw(struct terminal *terminal, uint8_t character);
void echo_begin_line(struct terminal *terminal); /* the line in work begins where the cursor is */
void echo_move_back(struct terminal *terminal); /* what was echoed last takes no column */
/* Go back over a tab; `columns` were used before it since the beginning of the line, or since another tab. */
void echo_erase_tab(struct terminal *terminal, uint32_t columns, bool is_behind_tab);
void echo_show(struct terminal *terminal);
void echo_forget(struct terminal *terminal);

/* ---- erase.c ---- */

/* ERASE, WERASE or KILL was typed. */
void input_erase(struct terminal *terminal, uint8_t character);
/* The end of a stretch of ECHOPRT. */
void input_finish_erasing(struct terminal *terminal);

#endif
