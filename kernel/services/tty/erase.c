/* Erasing of what was typed: a character, a word, a line, and how each is shown. See terminal.h. */
#include "kernel/services/tty/characters.h"
#include "kernel/services/tty/inside.h"

enum extent { ONE_CHARACTER, ONE_WORD, WHOLE_LINE };

static uint8_t input_at(const struct terminal *terminal, uint32_t position) {
    return terminal->input[ring_index(position)];
}

static bool is_tail(const struct terminal *terminal, uint8_t byte) {
    return input_is(terminal, LINUX_IUTF8) && character_is_tail(byte);
}

void input_finish_erasing(struct terminal *terminal) {
    if (!terminal->is_erasing)
        return;
    echo_raw(terminal, '/');
    terminal->is_erasing = false;
}

/* Where the last character begins. False: the line begins in the middle of one. */
static bool find_last(const struct terminal *terminal, uint32_t *start) {
    uint32_t at = terminal->written;
    do
        at--;
    while (is_tail(terminal, input_at(terminal, at)) && at != terminal->complete);
    *start = at;
    return !is_tail(terminal, input_at(terminal, at));
}

static void show_tab_erased(struct terminal *terminal) {
    uint32_t columns = 0, at = terminal->written;
    bool is_behind_tab = false;
    while (at != terminal->complete && !is_behind_tab) {
        uint8_t byte = input_at(terminal, --at);
        if (byte == '\t')
            is_behind_tab = true;
        else if (character_is_control(byte))
            columns += terminal_is_set(terminal, LINUX_ECHOCTL) ? 2 : 0;
        else if (!is_tail(terminal, byte))
            columns++;
    }
    echo_erase_tab(terminal, columns, is_behind_tab);
}

static void show_column_erased(struct terminal *terminal) {
    echo_raw(terminal, '\b');
    echo_raw(terminal, ' ');
    echo_raw(terminal, '\b');
}

/* On paper nothing can be taken back: what is erased is printed once more, between '\' and '/'. */
static void show_printed(struct terminal *terminal, uint32_t bytes) {
    if (!terminal->is_erasing)
        echo_raw(terminal, '\\');
    terminal->is_erasing = true;
    echo_character(terminal, input_at(terminal, terminal->written));
    for (uint32_t i = 1; i < bytes; i++) {
        echo_raw(terminal, input_at(terminal, terminal->written + i));
        echo_move_back(terminal);
    }
}

/* The character of `bytes` bytes that now lies behind what is written was erased. */
static void show_erased(struct terminal *terminal, uint32_t bytes, enum extent extent) {
    uint8_t first = input_at(terminal, terminal->written);
    if (terminal_is_set(terminal, LINUX_ECHOPRT)) {
        show_printed(terminal, bytes);
    } else if (extent == ONE_CHARACTER && !terminal_is_set(terminal, LINUX_ECHOE)) {
        echo_character(terminal, terminal->settings.characters[TERMIOS_ERASE]);
    } else if (first == '\t') {
        show_tab_erased(terminal);
    } else {
        bool has_letter = character_is_control(first) && terminal_is_set(terminal, LINUX_ECHOCTL);
        if (has_letter)
            show_column_erased(terminal);
        if (has_letter || !character_is_control(first))
            show_column_erased(terminal);
    }
}

/* KILL where it is not shown character by character. */
static void kill_at_once(struct terminal *terminal) {
    terminal->written = terminal->complete;
    if (!terminal_is_set(terminal, LINUX_ECHO))
        return;
    input_finish_erasing(terminal);
    echo_character(terminal, terminal->settings.characters[TERMIOS_KILL]);
    if (terminal_is_set(terminal, LINUX_ECHOK))
        echo_raw(terminal, '\n');
}

static bool shows_kill(const struct terminal *terminal) {
    const uint32_t all = LINUX_ECHO | LINUX_ECHOK | LINUX_ECHOKE | LINUX_ECHOE;
    return (terminal->settings.local & all) == all;
}

static void erase(struct terminal *terminal, enum extent extent) {
    bool has_word = false;
    uint32_t start;
    while (terminal->written != terminal->complete && find_last(terminal, &start)) {
        bool is_word = character_is_word(input_at(terminal, start));
        if (extent == ONE_WORD && has_word && !is_word)
            break;
        has_word = has_word || is_word;
        uint32_t bytes = terminal->written - start;
        terminal->written = start;
        if (terminal_is_set(terminal, LINUX_ECHO))
            show_erased(terminal, bytes, extent);
        if (extent == ONE_CHARACTER)
            break;
    }
    if (terminal->written == terminal->complete && terminal_is_set(terminal, LINUX_ECHO))
        input_finish_erasing(terminal);
}

void input_erase(struct terminal *terminal, uint8_t character) {
    const uint8_t *characters = terminal->settings.characters;
    if (terminal->written == terminal->complete)
        return;
    if (character == characters[TERMIOS_ERASE])
        erase(terminal, ONE_CHARACTER);
    else if (character == characters[TERMIOS_WORD_ERASE])
        erase(terminal, ONE_WORD);
    else if (shows_kill(terminal))
        erase(terminal, WHOLE_LINE);
    else
        kill_at_once(terminal);
}
