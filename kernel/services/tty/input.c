/*
 * Input of a terminal: what becomes of the bytes that the other end sends. See terminal.h.
 *
 * A character that means something is handled by the first of these that knows it: flow control, signals, carriage return and
 * new line, editing, ends of lines. All others are put into the ring and echoed.
 */
#include "kernel/services/tty/characters.h"
#include "kernel/services/tty/inside.h"

#define MARKED 0xffu /* with PARMRK a byte of this value is doubled */

static uint8_t character_of(const struct terminal *terminal, enum termios_character which) {
    return terminal->settings.characters[which];
}

static bool is_extended(const struct terminal *terminal) {
    return terminal_is_set(terminal, LINUX_IEXTEN);
}

static void put(struct terminal *terminal, uint8_t byte) {
    terminal->input[ring_index(terminal->written++)] = byte;
}

static void put_doubled(struct terminal *terminal, uint8_t byte) {
    if (byte == MARKED && input_is(terminal, LINUX_PARMRK))
        put(terminal, byte);
    put(terminal, byte);
}

static void start_by_any(struct terminal *terminal) {
    if (terminal->is_stopped && !terminal->is_held && input_is(terminal, LINUX_IXON) &&
        input_is(terminal, LINUX_IXANY)) {
        terminal_start(terminal);
        echo_show(terminal);
    }
}

static void begin_line_if_empty(struct terminal *terminal) {
    if (terminal->complete == terminal->written)
        echo_begin_line(terminal);
}

/* A character without a meaning. */
static void take_ordinary(struct terminal *terminal, uint8_t character) {
    start_by_any(terminal);
    if (terminal_is_set(terminal, LINUX_ECHO)) {
        input_finish_erasing(terminal);
        begin_line_if_empty(terminal);
        echo_character(terminal, character);
    }
    put_doubled(terminal, character);
}

/* ---- signals and flow control ---- */

static int signal_of(const struct terminal *terminal, uint8_t character) {
    if (!terminal_is_set(terminal, LINUX_ISIG))
        return 0;
    if (character == character_of(terminal, TERMIOS_INTERRUPT))
        return TERMINAL_INTERRUPT;
    if (character == character_of(terminal, TERMIOS_QUIT))
        return TERMINAL_QUIT;
    return character == character_of(terminal, TERMIOS_SUSPEND) ? TERMINAL_SUSPEND : 0;
}

/* What was typed before is thrown away, and what is on its way out of a device too; a master reads what it has. */
static void take_signal(struct terminal *terminal, uint8_t character, int signal) {
    terminal->signals_due |= UINT32_C(1) << signal;
    if (!terminal_is_set(terminal, LINUX_NOFLSH)) {
        uint32_t kept = terminal->output_read;
        echo_forget(terminal);
        terminal_flush_output(terminal);
        if (terminal->line == NULL)
            terminal->output_read = kept;
        terminal_flush_input(terminal);
    }
    if (input_is(terminal, LINUX_IXON))
        terminal_start(terminal);
    if (terminal_is_set(terminal, LINUX_ECHO))
        echo_character(terminal, character);
    else
        echo_show(terminal);
}

static bool take_flow_control(struct terminal *terminal, uint8_t character) {
    if (!input_is(terminal, LINUX_IXON))
        return false;
    if (character == character_of(terminal, TERMIOS_START)) {
        terminal_start(terminal);
        echo_show(terminal);
        return true;
    }
    if (character != character_of(terminal, TERMIOS_STOP))
        return false;
    terminal_stop(terminal);
    return true;
}

/* ---- lines ---- */

static void take_literal_next(struct terminal *terminal) {
    terminal->is_next_literal = true;
    if (!terminal_is_set(terminal, LINUX_ECHO))
        return;
    input_finish_erasing(terminal);
    if (terminal_is_set(terminal, LINUX_ECHOCTL)) {
        echo_raw(terminal, '^');
        echo_raw(terminal, '\b');
    }
}

static void take_reprint(struct terminal *terminal, uint8_t character) {
    input_finish_erasing(terminal);
    echo_character(terminal, character);
    echo_raw(terminal, '\n');
    for (uint32_t at = terminal->complete; at != terminal->written; at++)
        echo_character(terminal, terminal->input[ring_index(at)]);
}

static bool take_editing(struct terminal *terminal, uint8_t character) {
    bool is_erase = character == character_of(terminal, TERMIOS_ERASE) ||
                    character == character_of(terminal, TERMIOS_KILL) ||
                    (character == character_of(terminal, TERMIOS_WORD_ERASE) && is_extended(terminal));
    if (is_erase)
        input_erase(terminal, character);
    else if (character == character_of(terminal, TERMIOS_LITERAL_NEXT) && is_extended(terminal))
        take_literal_next(terminal);
    else if (character == character_of(terminal, TERMIOS_REPRINT) && is_extended(terminal) &&
             terminal_is_set(terminal, LINUX_ECHO))
        take_reprint(terminal, character);
    else
        return false;
    return true;
}

static void end_line(struct terminal *terminal, uint8_t character) {
    mark_set(terminal, terminal->written);
    put(terminal, character);
    terminal->complete = terminal->written;
}

static bool take_end(struct terminal *terminal, uint8_t character) {
    if (character == '\n') {
        if (terminal_is_set(terminal, LINUX_ECHO | LINUX_ECHONL))
            echo_raw(terminal, '\n');
        end_line(terminal, character);
        return true;
    }
    if (character == character_of(terminal, TERMIOS_END_OF_FILE)) {
        end_line(terminal, NO_CHARACTER);
        return true;
    }
    if (character != character_of(terminal, TERMIOS_END_OF_LINE) &&
        (character != character_of(terminal, TERMIOS_END_OF_LINE_2) || !is_extended(terminal)))
        return false;
    if (terminal_is_set(terminal, LINUX_ECHO)) {
        begin_line_if_empty(terminal);
        echo_character(terminal, character);
    }
    if (character == MARKED && input_is(terminal, LINUX_PARMRK))
        put(terminal, character);
    end_line(terminal, character);
    return true;
}

/* ---- one character ---- */

/* Does a character mean something by these settings? NO_CHARACTER never does. */
static bool is_in(const struct terminal *terminal, uint8_t character, const enum termios_character *which,
                  uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (character_of(terminal, which[i]) == character)
            return true;
    return false;
}

static bool has_meaning(const struct terminal *terminal, uint8_t character) {
    static const enum termios_character editing[] = {TERMIOS_ERASE, TERMIOS_KILL, TERMIOS_END_OF_FILE,
                                                     TERMIOS_END_OF_LINE};
    static const enum termios_character extended[] = {TERMIOS_WORD_ERASE, TERMIOS_LITERAL_NEXT, TERMIOS_END_OF_LINE_2};
    static const enum termios_character reprint[] = {TERMIOS_REPRINT};
    static const enum termios_character flow[] = {TERMIOS_START, TERMIOS_STOP};
    static const enum termios_character signals[] = {TERMIOS_INTERRUPT, TERMIOS_QUIT, TERMIOS_SUSPEND};
    bool is_edited = terminal_is_set(terminal, LINUX_ICANON);
    if (character == NO_CHARACTER)
        return false;
    return (character == '\r' && input_is(terminal, LINUX_IGNCR | LINUX_ICRNL)) ||
           (character == '\n' && (is_edited || input_is(terminal, LINUX_INLCR))) ||
           (is_edited && is_in(terminal, character, editing, 4)) ||
           (is_edited && is_extended(terminal) && is_in(terminal, character, extended, 3)) ||
           (is_edited && is_extended(terminal) && terminal_is_set(terminal, LINUX_ECHO) &&
            is_in(terminal, character, reprint, 1)) ||
           (input_is(terminal, LINUX_IXON) && is_in(terminal, character, flow, 2)) ||
           (terminal_is_set(terminal, LINUX_ISIG) && is_in(terminal, character, signals, 3));
}

/* An ordinary one after all, or the other of the two ends of a line. */
static void take_changed(struct terminal *terminal, uint8_t character) {
    if (terminal_is_set(terminal, LINUX_ECHO)) {
        input_finish_erasing(terminal);
        if (character == '\n') {
            echo_raw(terminal, '\n');
        } else {
            begin_line_if_empty(terminal);
            echo_character(terminal, character);
        }
    }
    put_doubled(terminal, character);
}

static void take_special(struct terminal *terminal, uint8_t character) {
    int signal;
    if (take_flow_control(terminal, character))
        return;
    signal = signal_of(terminal, character);
    if (signal != 0) {
        take_signal(terminal, character, signal);
        return;
    }
    start_by_any(terminal);
    if (character == '\r' && input_is(terminal, LINUX_IGNCR))
        return;
    if (character == '\r' && input_is(terminal, LINUX_ICRNL))
        character = '\n';
    else if (character == '\n' && input_is(terminal, LINUX_INLCR))
        character = '\r';
    if (terminal_is_set(terminal, LINUX_ICANON) && (take_editing(terminal, character) || take_end(terminal, character)))
        return;
    take_changed(terminal, character);
}

static void take(struct terminal *terminal, uint8_t character) {
    bool is_literal = terminal->is_next_literal;
    terminal->is_next_literal = false;
    if (input_is(terminal, LINUX_ISTRIP))
        character &= 0x7f;
    if (input_is(terminal, LINUX_IUCLC) && is_extended(terminal))
        character = character_to_lower(character);
    if (is_literal)
        take_ordinary(terminal, character);
    else if (terminal_is_set(terminal, LINUX_EXTPROC))
        put(terminal, character);
    else if (has_meaning(terminal, character))
        take_special(terminal, character);
    else
        take_ordinary(terminal, character);
}

/* ---- batches ---- */

/* Bytes that surely fit, with one place left for the end of a line. Less than 0: that is taken too. */
static int32_t free_places(const struct terminal *terminal) {
    int32_t room = (int32_t)(TERMINAL_RING - (terminal->written - terminal->read));
    return (input_is(terminal, LINUX_PARMRK) ? (room + 2) / 3 : room) - 1;
}

/* One line fills all of the ring. */
static bool is_overlong(const struct terminal *terminal) {
    return terminal_is_set(terminal, LINUX_ICANON) && terminal->complete == terminal->read;
}

bool terminal_can_receive(const struct terminal *terminal) {
    return free_places(terminal) > 0 || is_overlong(terminal);
}

/*
 * How many bytes can be taken now, whatever they are. A line that is longer than the ring goes on being typed in its last
 * place, so that it can be ended and erased.
 */
static size_t make_room(struct terminal *terminal) {
    int32_t room = free_places(terminal);
    if (room > 0)
        return (size_t)room;
    if (!is_overlong(terminal))
        return 0;
    if (room < 0)
        terminal->written--;
    return 1;
}

/* Nothing is done to characters, so nothing is echoed either, and what waits to be goes on waiting. */
static bool is_raw(const struct terminal *terminal) {
    if (terminal_is_set(terminal, LINUX_EXTPROC))
        return !input_is(terminal, LINUX_ISTRIP) && !(input_is(terminal, LINUX_IUCLC) && is_extended(terminal));
    return !input_is(terminal, LINUX_ISTRIP | LINUX_IUCLC | LINUX_IGNCR | LINUX_ICRNL | LINUX_INLCR | LINUX_IXON |
                                   LINUX_PARMRK) &&
           !terminal_is_set(terminal, LINUX_ICANON | LINUX_ISIG | LINUX_ECHO);
}

size_t terminal_receive(struct terminal *terminal, const uint8_t *bytes, size_t size_bytes) {
    size_t done = 0;
    while (done < size_bytes) {
        size_t room = make_room(terminal);
        if (room == 0)
            break;
        for (size_t i = 0; i < room && done < size_bytes; i++)
            take(terminal, bytes[done++]);
    }
    if (terminal->has_new_echoes && terminal_is_set(terminal, LINUX_ECHO | LINUX_ECHONL) && !is_raw(terminal))
        echo_show(terminal);
    terminal_wake(terminal);
    return done;
}

void terminal_flush_input(struct terminal *terminal) {
    terminal->read = terminal->complete = terminal->written = 0;
    terminal->is_erasing = false;
    for (uint32_t i = 0; i < TERMINAL_RING / 64; i++)
        terminal->marks[i] = 0;
    if (terminal->has_packets)
        terminal->packet |= LINUX_TIOCPKT_FLUSHREAD;
    terminal_wake(terminal);
}
