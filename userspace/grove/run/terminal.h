/*
 * A terminal of its own for a program.
 *
 * A program of the running kernel cannot be in grove's session, so the keys of grove's terminal would not reach it and its
 * children. It gets one end of a pseudo-terminal instead, as the terminal of a session of its own, and so do those of an
 * embedded kernel, which are not to have the person's terminal in their hands either; grove holds the other end and carries
 * bytes, size and signals between that and its own terminal, which is in raw mode meanwhile. What the keys mean is decided
 * at the program's end, as it has set its terminal.
 *
 * Job control. When the program stops (Ctrl-Z), the container's init takes the program's terminal back, as a shell does,
 * and holds and releases its output, which wakes us. Then grove stops like any program, and makes the program go on when
 * its own shell makes grove go on. In the background grove reads no keys.
 *
 * This is done only where standard input and output are one terminal: with `... | less` on either side, somebody else reads
 * the keys. Then the program has grove's streams themselves, and grove passes the signals on that it gets.
 */
#ifndef GROVE_RUN_TERMINAL_H
#define GROVE_RUN_TERMINAL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#define TERMINAL_SOURCES 3u

struct terminal;

/* NULL where the streams are to be passed as they are. The terminal is as it was again when the process exits. */
struct terminal *terminal_create(void);
/* Restores the terminal; what the program wrote last is shown first. May be NULL, as in all that follows. */
void terminal_destroy(struct terminal *terminal);

/* The program's end, in place of any of the standard streams that is a terminal; constant until terminal_started. */
int terminal_stream(const struct terminal *terminal, int stream);
/* The kernel has passed the program's end on: ours is closed. */
void terminal_started(struct terminal *terminal);

/* What to wait for; returns the longest wait in milliseconds, -1 for any. */
int terminal_wait(const struct terminal *terminal, struct pollfd sources[TERMINAL_SOURCES]);
/* Carry what there is, both ways, without waiting. True if the program has stopped: stop too, then call terminal_resume. */
bool terminal_carry(struct terminal *terminal);
/*
 * Stop like the program has; returns when a shell made us go on. Where no shell could, it returns at once, as the stop of
 * a program without a shell has no effect either.
 */
void terminal_stop(struct terminal *terminal);
/* We go on, in the foreground or not. */
void terminal_resume(struct terminal *terminal);
/* A signal of grove's own terminal. False if it is not one of those that the program's terminal sends to all. */
bool terminal_signal(struct terminal *terminal, int signal);

#endif
