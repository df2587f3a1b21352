/*
 * Echo: what a terminal shows of what is typed. See terminal.h.
 *
 * Each entry of the queue is a character and how it is shown, since where the cursor is (and so how wide a tab is) is known
 * only when it is shown. When the queue is full nothing more is echoed: output is stopped then, and has been for long.
 */
#include "kernel/services/tty/characters.h"
#include "kernel/services/tty/inside.h"

enum echo_kind {
    ECHO_RAW, /* as output is */
    ECHO_CONTROL, /* '^' and a letter */
    ECHO_PLAIN, /* as it is, one column */
    ECHO_BEGIN_LINE,
    ECHO_MOVE_BACK,
    ECHO_ERASE_TAB, /* the columns before it, and BEHIND_TAB */
};
#define BEHIND_TAB 0x80u
#define TAB 8u

static uint32_t queued(const struct terminal *terminal) {
    return terminal->echo_written - terminal->echo_read;
}

static void add(struct terminal *terminal, enum echo_kind kind, uint32_t character) {
    if (queued(terminal) == TERMINAL_ECHOES)
        echo_show(terminal);
    terminal->has_new_echoes = true;
    if (queued(terminal) < TERMINAL_ECHOES)
        terminal->echoes[terminal->echo_written++ % TERMINAL_ECHOES] = (uint16_t)(kind << 8 | character);
}

void echo_raw(struct terminal *terminal, uint8_t character) {
    add(terminal, character == 0xff ? ECHO_PLAIN : ECHO_RAW, character);
}

void echo_character(struct terminal *terminal, uint8_t character) {
    if (terminal_is_set(terminal, LINUX_ECHOCTL) && character_is_control(character) && character != '\t')
        add(terminal, ECHO_CONTROL, character);
    else
        echo_raw(terminal, character);
}

void echo_begin_line(struct terminal *terminal) {
    add(terminal, ECHO_BEGIN_LINE, 0);
}

void echo_move_back(struct terminal *terminal) {
    add(terminal, ECHO_MOVE_BACK, 0);
}

void echo_erase_tab(struct terminal *terminal, uint32_t columns, bool is_behind_tab) {
    add(terminal, ECHO_ERASE_TAB, columns % TAB | (is_behind_tab ? BEHIND_TAB : 0));
}

void echo_forget(struct terminal *terminal) {
    terminal->echo_read = terminal->echo_written;
    terminal->has_new_echoes = false;
}

static bool show_control(struct terminal *terminal, uint8_t character) {
    if (output_room(terminal) < 2)
        return false;
    output_put_raw(terminal, '^');
    output_put_raw(terminal, character ^ 0100);
    terminal->column += 2;
    return true;
}

/* A tab began behind `columns` columns, counted from the line's beginning if no other tab is before it. */
static bool show_tab_erased(struct terminal *terminal, uint32_t columns) {
    if ((columns & BEHIND_TAB) == 0)
        columns += terminal->line_column;
    uint32_t count = TAB - columns % TAB;
    if (output_room(terminal) < count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        output_put_raw(terminal, '\b');
        terminal->column -= terminal->column > 0;
    }
    return true;
}

static bool show(struct terminal *terminal, uint16_t echo) {
    uint8_t character = (uint8_t)echo;
    switch ((enum echo_kind)(echo >> 8)) {
    case ECHO_CONTROL:
        return show_control(terminal, character);
    case ECHO_PLAIN:
        if (output_room(terminal) == 0)
            return false;
        output_put_raw(terminal, character);
        terminal->column++;
        return true;
    case ECHO_BEGIN_LINE:
        terminal->line_column = terminal->column;
        return true;
    case ECHO_MOVE_BACK:
        terminal->column -= terminal->column > 0;
        return true;
    case ECHO_ERASE_TAB:
        return show_tab_erased(terminal, character);
    case ECHO_RAW:
    default:
        return output_put(terminal, character);
    }
}

void echo_show(struct terminal *terminal) {
    bool is_shown = false;
    terminal->has_new_echoes = false;
    while (queued(terminal) > 0 && show(terminal, terminal->echoes[terminal->echo_read % TERMINAL_ECHOES])) {
        terminal->echo_read++;
        is_shown = true;
    }
    if (is_shown)
        terminal_wake(terminal);
}
