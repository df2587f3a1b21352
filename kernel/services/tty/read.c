/*
 * Reading from a terminal: a line at a time, or as MIN and TIME say. See terminal.h and termios(3).
 *
 * Bytes leave the ring as they are copied, so where a page of the program's is missing the read goes on behind them once it is
 * there. Readers that come at the same time share what there is.
 */
#include "kernel/services/tty/inside.h"
#include "kernel/services/vfs/errors.h"

#define TENTH_NS UINT64_C(100000000)

/* How long a read waits. */
struct patience {
    uint32_t bytes; /* it ends when so many were read; lines end by themselves */
    uint64_t between_ns; /* how long the next byte may take once one was read; 0: as long as it likes */
    uint64_t until_ns; /* a moment, or MACHINE_FOREVER */
    bool has_line; /* an end of a line was read */
};

static uint64_t now_ns(const struct terminal *terminal) {
    return terminal->machine->clock_ns(terminal->machine->context);
}

static struct patience patience_of(const struct terminal *terminal) {
    struct patience patience = {.until_ns = MACHINE_FOREVER};
    uint64_t time_ns = terminal->settings.characters[TERMIOS_TIME] * TENTH_NS;
    if (terminal_is_set(terminal, LINUX_ICANON)) {
        patience.bytes = terminal_has_lines(terminal) ? UINT32_MAX : 1;
        return patience;
    }
    patience.bytes = terminal->settings.characters[TERMIOS_MIN];
    if (patience.bytes > 0) {
        patience.between_ns = time_ns;
        return patience;
    }
    patience.bytes = 1;
    patience.until_ns = time_ns == 0 ? 0 : now_ns(terminal) + time_ns;
    return patience;
}

bool terminal_has_input(const struct terminal *terminal, bool for_poll) {
    const uint8_t *characters = terminal->settings.characters;
    uint32_t wanted = 1;
    if (terminal_has_lines(terminal))
        return terminal->complete != terminal->read;
    if (for_poll && characters[TERMIOS_TIME] == 0 && characters[TERMIOS_MIN] > 0)
        wanted = characters[TERMIOS_MIN];
    return terminal->written - terminal->read >= wanted;
}

bool terminal_has_room(const struct terminal *terminal) {
    return output_room(terminal) > 0;
}

uint32_t terminal_waiting_bytes(const struct terminal *terminal) {
    uint32_t bytes = 0;
    if (!terminal_has_lines(terminal))
        return terminal->written - terminal->read;
    for (uint32_t at = terminal->read; at != terminal->complete; at++)
        bytes += !mark_is_set(terminal, at) || terminal->input[ring_index(at)] != NO_CHARACTER;
    return bytes;
}

/* Copy up to `size` bytes that lie together. */
static size_t copy(struct terminal *terminal, struct transfer *transfer, uint32_t size) {
    uint32_t at = ring_index(terminal->read);
    size_t wanted = size < TERMINAL_RING - at ? size : TERMINAL_RING - at;
    wanted = wanted < transfer->left_bytes ? wanted : transfer->left_bytes;
    size_t copied = transfer_out(transfer, terminal->input + at, wanted);
    terminal->read += (uint32_t)copied;
    return copied;
}

/* The bytes of the line up to its end, which is not counted; *has_end: it is there. */
static uint32_t line_bytes(const struct terminal *terminal, bool *has_end) {
    uint32_t at = terminal->read;
    while (at != terminal->complete && !mark_is_set(terminal, at))
        at++;
    *has_end = at != terminal->complete;
    return at - terminal->read;
}

/* The end of the file lies at the beginning of what is to be read: it is taken out and is no byte. */
static bool skip_end_of_file(struct terminal *terminal) {
    if (terminal->read == terminal->complete || !mark_is_set(terminal, terminal->read) ||
        terminal->input[ring_index(terminal->read)] != NO_CHARACTER)
        return false;
    mark_clear(terminal, terminal->read++);
    return true;
}

/* Copy from a line. When all room was used an end of the file behind it goes too, so that the next read does not meet it. */
static size_t take_line(struct terminal *terminal, struct transfer *transfer, struct patience *patience) {
    bool has_end;
    uint32_t bytes = line_bytes(terminal, &has_end), end = terminal->read + bytes;
    if (bytes == 0 && skip_end_of_file(terminal)) {
        patience->has_line = true;
        return 0;
    }
    bool is_end_read = has_end && terminal->input[ring_index(end)] != NO_CHARACTER;
    size_t copied = copy(terminal, transfer, bytes + is_end_read);
    if (is_end_read && terminal->read == end + 1) {
        mark_clear(terminal, end);
        patience->has_line = true;
    } else if (has_end && terminal->read == end) {
        /* All of the line, and its end is no byte, or there was no room for it. */
        patience->has_line = skip_end_of_file(terminal);
    }
    return copied;
}

/* Where the master makes the lines, an end of the file that comes alone is one. */
static bool skip_lone_end(struct terminal *terminal) {
    if (!terminal_is_set(terminal, LINUX_ICANON) || terminal->written - terminal->read != 1 ||
        terminal->input[ring_index(terminal->read)] != terminal->settings.characters[TERMIOS_END_OF_FILE])
        return false;
    terminal->read++;
    return true;
}

/* What is there now. *is_short: a page of the program's is missing. */
static size_t take(struct terminal *terminal, struct transfer *transfer, struct patience *patience, bool *is_short) {
    size_t done = 0;
    *is_short = false;
    while (transfer->left_bytes > 0 && !patience->has_line && !*is_short && terminal_has_input(terminal, false)) {
        size_t copied = 0;
        if (terminal_has_lines(terminal))
            copied = take_line(terminal, transfer, patience);
        else if (skip_lone_end(terminal))
            patience->has_line = true;
        else
            copied = copy(terminal, transfer, terminal->written - terminal->read);
        done += copied;
        *is_short = copied == 0 && !patience->has_line;
    }
    return done;
}

/* Nothing is there: 0 after a wait, 1: the read ends, or why not. */
static int wait_for_input(struct terminal *terminal, uint32_t hang_ups, bool may_wait,
                          const struct patience *patience) {
    if (terminal->hang_ups != hang_ups || patience->until_ns == 0)
        return 1;
    if (!may_wait)
        return -LINUX_EAGAIN;
    int status = terminal_wait(terminal, patience->until_ns);
    return status == -LINUX_ETIMEDOUT ? 1 : status;
}

static bool is_enough(const struct patience *patience, size_t done_bytes) {
    return patience->has_line || (done_bytes > 0 && done_bytes >= patience->bytes);
}

int terminal_read(struct terminal *terminal, uint32_t hang_ups, bool may_wait, struct transfer *transfer,
                  size_t *done_bytes) {
    int status = 0;
    terminal_lock(terminal);
    struct patience patience = patience_of(terminal);
    while (status == 0 && transfer->left_bytes > 0 && !is_enough(&patience, *done_bytes)) {
        bool is_short = false;
        if (!terminal_has_input(terminal, false)) {
            status = wait_for_input(terminal, hang_ups, may_wait, &patience);
            continue;
        }
        *done_bytes += take(terminal, transfer, &patience, &is_short);
        if (is_short) {
            terminal_unlock(terminal);
            status = transfer_bring_in(transfer);
            terminal_lock(terminal);
        } else if (patience.between_ns > 0) {
            patience.until_ns = now_ns(terminal) + patience.between_ns;
        }
    }
    terminal_wake(terminal); /* there is room for who sends */
    terminal_unlock(terminal);
    return status < 0 ? status : 0;
}
