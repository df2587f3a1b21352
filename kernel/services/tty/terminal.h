/*
 * Terminals: what lies between a program that reads and writes lines and whoever is at the other end, a console or the
 * master of a pseudo-terminal. Open this first; README.md says which file holds what.
 *
 *     master, console                                   programs
 *         | terminal_receive   +----------------------+    ^
 *         +------------------->| input: lines, signals|----+ terminal_read
 *         ^                    |   | echo             |
 *         | terminal_take      |   v                  |    |
 *         +--------------------| output: columns      |<---+ terminal_write
 *                              +----------------------+
 *
 * A line in work lies in the ring behind the complete ones, so that erasing is only going back. Bytes that end a line are
 * marked, since the same byte may stand inside one (typed behind LNEXT). What is echoed waits in a queue of its own until a
 * batch of input was gone through, or output comes: a signal throws away what was typed together with it.
 *
 * One spin lock for each terminal guards everything in it. terminal_unlock gives it up and then does what must not be done
 * with it held: it sends the signals that came up. Everybody who waits for anything waits in one queue and looks again.
 * terminal_receive is called by threads, never by interrupts.
 *
 * Positions in the rings only grow, modulo 2^32; each ring is a page.
 */
#ifndef GROVE_TTY_TERMINAL_H
#define GROVE_TTY_TERMINAL_H

#include "kernel/services/tty/processes.h"
#include "kernel/services/tty/termios.h"
#include "kernel/services/vfs/constants.h"
#include "kernel/services/vfs/machine.h"
#include "kernel/services/vfs/transfer.h"

#include <stdbool.h>

#define TERMINAL_RING VFS_PAGE_BYTES
#define TERMINAL_ECHOES (VFS_PAGE_BYTES / 2)

struct terminal;

/* Who is at the other end of a terminal that is no pseudo-terminal. */
struct terminal_line {
    /* With the terminal's lock held: there is output to take, or input has room again. */
    void (*changed)(struct terminal *terminal);
};

struct terminal {
    struct spinlock lock;
    const struct vfs_machine *machine;
    const struct terminal_processes *processes;
    const struct terminal_line *line; /* NULL: of a pseudo-terminal, whose master waits in `changed` as programs do */
    void *context; /* the line's */
    uint64_t number; /* of its device */

    struct wait_queue changed;
    struct linux_termios settings;
    struct linux_window window;
    int32_t session, group; /* 0: none. The session whose controlling terminal it is, and who is in the foreground */
    bool is_exclusive;
    uint32_t hang_ups; /* an open file that saw fewer of them is cut off */
    bool is_line_gone; /* the master is closed */
    uint32_t signals_due; /* bits; sent to the group by terminal_unlock */
    int32_t session_due, group_due; /* of a session that lost it: they hear of it by terminal_unlock */

    /* Input. */
    uint8_t *input;
    uint32_t read, complete, written; /* whole lines end at `complete`, which says nothing in raw mode */
    uint64_t marks[TERMINAL_RING / 64]; /* bytes that end a line */
    bool is_next_literal;
    bool is_erasing; /* between '\' and '/' of ECHOPRT */

    /* Echo and output. */
    uint16_t *echoes;
    uint32_t echo_read, echo_written;
    bool has_new_echoes; /* none of them was tried to be shown: the others wait for output to go on */
    uint8_t *output;
    uint32_t output_read, output_written;
    uint32_t column, line_column; /* of the cursor; of the beginning of the line in work */
    bool is_stopped; /* by STOP */
    bool is_held; /* by tcflow */

    /* Packet mode of a master. */
    bool has_packets;
    uint8_t packet; /* LINUX_TIOCPKT_ bits to be told */

    uint32_t open_files; /* of programs, the master's not counted */
    bool was_closed; /* by all programs, and not opened since: the master reads the end */
};

/* Settings of a console, and of a pseudo-terminal. -LINUX_ENOMEM. Its line may be used when this returns. */
int terminal_init(struct terminal *terminal, const struct vfs_machine *machine,
                  const struct terminal_processes *processes, const struct terminal_line *line);
void terminal_deinit(struct terminal *terminal);
/* The settings with which a terminal begins. */
extern const struct linux_termios terminal_settings;

static inline void terminal_lock(struct terminal *terminal) {
    spinlock_lock(&terminal->lock);
}
void terminal_unlock(struct terminal *terminal);
/* With the lock held: whoever waits looks again. */
void terminal_wake(struct terminal *terminal);
/* With the lock held. Gives it up while waiting. Results of machine_sleep_until. */
int terminal_wait(struct terminal *terminal, uint64_t until_ns);

/* ---- the other end ---- */

/*
 * With the lock held: bytes came from the other end. Returns how many were taken; fewer: whole lines fill the ring, and
 * the line is told when there is room.
 */
size_t terminal_receive(struct terminal *terminal, const uint8_t *bytes, size_t size_bytes);
/* With the lock held: would terminal_receive take a byte? */
bool terminal_can_receive(const struct terminal *terminal);
/* With the lock held: the next piece of output that lies together, 0 bytes if there is none; and that much of it was taken. */
size_t terminal_peek(const struct terminal *terminal, const uint8_t **bytes);
void terminal_took(struct terminal *terminal, size_t size_bytes);
/* With the lock held: nobody is at the other end any more, for now. The session hears of it. */
void terminal_hang_up(struct terminal *terminal);

/* ---- programs ---- */

/*
 * Without locks. `hang_ups` is what the file saw when it was opened. Reading: -LINUX_EAGAIN, EINTR (in the background too,
 * after SIGTTIN), EIO; 0 bytes are the end. Writing: -LINUX_EIO, EAGAIN, EINTR.
 */
int terminal_read(struct terminal *terminal, uint32_t hang_ups, bool may_wait, struct transfer *transfer,
                  size_t *done_bytes);
int terminal_write(struct terminal *terminal, uint32_t hang_ups, bool may_wait, struct transfer *transfer,
                   size_t *done_bytes);
/* With the lock held. */
bool terminal_has_input(const struct terminal *terminal, bool for_poll);
bool terminal_has_room(const struct terminal *terminal);
/* FIONREAD. */
uint32_t terminal_waiting_bytes(const struct terminal *terminal);

/* ---- settings; with the lock held ---- */

void terminal_set(struct terminal *terminal, const struct linux_termios *settings);
/* The foreground hears of it if it is another than before. */
void terminal_set_window(struct terminal *terminal, const struct linux_window *window);
void terminal_flush_input(struct terminal *terminal);
void terminal_flush_output(struct terminal *terminal);
void terminal_stop(struct terminal *terminal);
void terminal_start(struct terminal *terminal);
/* Tell the other end to go on sending, or to stop: START or STOP goes out, if there is such a character. */
void terminal_tell_flow(struct terminal *terminal, bool go_on);

static inline bool terminal_is_set(const struct terminal *terminal, uint32_t local) {
    return (terminal->settings.local & local) != 0;
}

/* Lines, unless whoever is at the other end makes them. */
static inline bool terminal_has_lines(const struct terminal *terminal) {
    return (terminal->settings.local & (LINUX_ICANON | LINUX_EXTPROC)) == LINUX_ICANON;
}

/* ---- job control; without locks ---- */

/*
 * May the current process do what only the foreground may? It gets `signal`, SIGTTIN or SIGTTOU, if not: -LINUX_EINTR; -LINUX_EIO:
 * it would not notice, or nobody would continue it.
 */
int terminal_check_job(struct terminal *terminal, int signal);

#endif
