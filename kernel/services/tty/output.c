/* Output of a terminal: what it makes of characters, and where that puts the cursor. See terminal.h. */
#include "kernel/services/tty/characters.h"
#include "kernel/services/tty/inside.h"
#include "kernel/services/vfs/errors.h"

#define TAB 8u

uint32_t output_room(const struct terminal *terminal) {
    if (terminal->is_stopped)
        return 0;
    return TERMINAL_RING - (terminal->output_written - terminal->output_read);
}

void output_put_raw(struct terminal *terminal, uint8_t byte) {
    terminal->output[ring_index(terminal->output_written++)] = byte;
}

static void begin_line(struct terminal *terminal) {
    terminal->column = 0;
    terminal->line_column = 0;
}

static bool put_new_line(struct terminal *terminal, uint32_t room) {
    if (output_is(terminal, LINUX_ONLRET))
        terminal->column = 0;
    if (!output_is(terminal, LINUX_ONLCR)) {
        terminal->line_column = terminal->column;
        output_put_raw(terminal, '\n');
        return true;
    }
    if (room < 2)
        return false;
    begin_line(terminal);
    output_put_raw(terminal, '\r');
    output_put_raw(terminal, '\n');
    return true;
}

static void put_return(struct terminal *terminal) {
    if (output_is(terminal, LINUX_ONOCR) && terminal->column == 0)
        return;
    if (!output_is(terminal, LINUX_OCRNL)) {
        begin_line(terminal);
        output_put_raw(terminal, '\r');
        return;
    }
    if (output_is(terminal, LINUX_ONLRET))
        begin_line(terminal);
    output_put_raw(terminal, '\n');
}

static bool put_tab(struct terminal *terminal, uint32_t room) {
    uint32_t spaces = TAB - terminal->column % TAB;
    if ((terminal->settings.output & LINUX_TABDLY) == LINUX_XTABS) {
        if (room < spaces)
            return false;
        for (uint32_t i = 0; i < spaces; i++)
            output_put_raw(terminal, ' ');
    } else {
        output_put_raw(terminal, '\t');
    }
    terminal->column += spaces;
    return true;
}

static void put_other(struct terminal *terminal, uint8_t character) {
    if (character == '\b' && terminal->column > 0)
        terminal->column--;
    if (!character_is_control(character)) {
        if (output_is(terminal, LINUX_OLCUC))
            character = character_to_upper(character);
        if (!input_is(terminal, LINUX_IUTF8) || !character_is_tail(character))
            terminal->column++;
    }
    output_put_raw(terminal, character);
}

bool output_put(struct terminal *terminal, uint8_t character) {
    uint32_t room = output_room(terminal);
    if (room == 0)
        return false;
    if (!output_is(terminal, LINUX_OPOST)) {
        output_put_raw(terminal, character);
        return true;
    }
    switch (character) {
    case '\n':
        return put_new_line(terminal, room);
    case '\t':
        return put_tab(terminal, room);
    case '\r':
        put_return(terminal);
        return true;
    default:
        put_other(terminal, character);
        return true;
    }
}

size_t terminal_peek(const struct terminal *terminal, const uint8_t **bytes) {
    uint32_t at = ring_index(terminal->output_read);
    uint32_t there = terminal->output_written - terminal->output_read;
    *bytes = terminal->output + at;
    return there < TERMINAL_RING - at ? there : TERMINAL_RING - at;
}

void terminal_took(struct terminal *terminal, size_t size_bytes) {
    terminal->output_read += (uint32_t)size_bytes;
    terminal_wake(terminal);
}

void terminal_flush_output(struct terminal *terminal) {
    terminal->output_read = terminal->output_written;
    if (terminal->has_packets)
        terminal->packet |= LINUX_TIOCPKT_FLUSHWRITE;
    terminal_wake(terminal);
}

static void tell_flow(struct terminal *terminal, uint32_t now, uint32_t before) {
    if (terminal->has_packets)
        terminal->packet = (uint8_t)((terminal->packet & ~before) | now);
    terminal_wake(terminal);
}

void terminal_stop(struct terminal *terminal) {
    if (terminal->is_stopped)
        return;
    terminal->is_stopped = true;
    tell_flow(terminal, LINUX_TIOCPKT_STOP, LINUX_TIOCPKT_START);
}

void terminal_start(struct terminal *terminal) {
    if (!terminal->is_stopped || terminal->is_held)
        return;
    terminal->is_stopped = false;
    tell_flow(terminal, LINUX_TIOCPKT_START, LINUX_TIOCPKT_STOP);
}

void terminal_tell_flow(struct terminal *terminal, bool go_on) {
    uint8_t character = terminal->settings.characters[go_on ? TERMIOS_START : TERMIOS_STOP];
    if (character == NO_CHARACTER || terminal->output_written - terminal->output_read == TERMINAL_RING)
        return;
    output_put_raw(terminal, character); /* also while output is stopped */
    terminal_wake(terminal);
}

/* ---- writing ---- */

#define STEP 256u

static int check_write(const struct terminal *terminal, uint32_t hang_ups) {
    return terminal->is_line_gone || terminal->hang_ups != hang_ups ? -LINUX_EIO : 0;
}

/* Put out what there is room for of the next few bytes. The lock is held. *is_short: a page of the program's is missing. */
static size_t write_step(struct terminal *terminal, struct transfer *transfer, bool *is_short) {
    uint8_t bytes[STEP];
    struct transfer before = *transfer;
    size_t wanted = transfer->left_bytes < STEP ? transfer->left_bytes : STEP, done = 0;
    size_t copied = transfer_in(transfer, bytes, wanted);
    while (done < copied && output_put(terminal, bytes[done]))
        done++;
    if (done < copied) {
        *transfer = before;
        (void)transfer_in(transfer, bytes, done); /* once more, to go on behind what was put out */
    }
    *is_short = copied == 0;
    if (done > 0)
        terminal_wake(terminal);
    return done;
}

int terminal_write(struct terminal *terminal, uint32_t hang_ups, bool may_wait, struct transfer *transfer,
                   size_t *done_bytes) {
    int status = 0;
    terminal_lock(terminal);
    echo_show(terminal);
    while (status == 0 && transfer->left_bytes > 0) {
        bool is_short = false;
        size_t done = 0;
        status = check_write(terminal, hang_ups);
        if (status == 0)
            done = write_step(terminal, transfer, &is_short);
        *done_bytes += done;
        if (status == 0 && is_short) {
            terminal_unlock(terminal);
            status = transfer_bring_in(transfer);
            terminal_lock(terminal);
        } else if (status == 0 && done == 0) {
            status = may_wait ? terminal_wait(terminal, MACHINE_FOREVER) : -LINUX_EAGAIN;
        } else {
            terminal_unlock(terminal); /* others come in between two steps */
            terminal_lock(terminal);
        }
    }
    terminal_unlock(terminal);
    return status;
}
