/*
 * A pseudo-terminal between grove's terminal and the program. One thread, no waiting: launch.c waits.
 *
 * Bytes: keyboard -> keys -> master, master -> shown -> screen. Each buffer is filled only when it is empty, so a side
 * that does not take its bytes holds the other back and nothing is lost.
 */
#include "userspace/grove/run/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* How often a grove in the background looks whether it is in the foreground again, of which nothing tells it. */
#define BACKGROUND_POLL_MS 250
/* How long the last output may take at a terminal that does not take it (Ctrl-S on a real line). */
#define LAST_OUTPUT_MS 2000

struct buffer {
    char bytes[4096];
    size_t begin, end;
};

struct terminal {
    int own; /* the terminal we sit at, opened once more so that not waiting is ours alone */
    int master, program; /* the two ends of the program's; -1: closed */
    bool is_raw;
    bool is_over; /* nobody holds the program's end any more */
    struct buffer keys, shown;
};

/* For the exit handler: there is one terminal to restore. */
static struct {
    struct termios modes;
    int descriptor;
    bool is_changed;
} before;

static bool is_empty(const struct buffer *buffer) {
    return buffer->begin == buffer->end;
}

/* ---- modes ---- */

/* A terminal that is not that of our session has no foreground to be out of. */
static bool is_foreground(void) {
    pid_t group = tcgetpgrp(before.descriptor);
    return group < 0 || group == getpgrp();
}

/* Not from the background: that would stop us, and the terminal is somebody else's now. */
static void restore(void) {
    if (before.is_changed && is_foreground())
        (void)tcsetattr(before.descriptor, TCSANOW, &before.modes);
    before.is_changed = false;
}

static void become_raw(struct terminal *terminal) {
    if (terminal->is_raw || terminal->master < 0 || !is_foreground() || tcgetattr(before.descriptor, &before.modes) < 0)
        return;
    struct termios raw = before.modes;
    cfmakeraw(&raw);
    before.is_changed = true;
    terminal->is_raw = tcsetattr(before.descriptor, TCSANOW, &raw) == 0;
}

static void copy_size(const struct terminal *terminal) {
    struct winsize size;
    if (terminal->master >= 0 && ioctl(terminal->own, TIOCGWINSZ, &size) == 0)
        (void)ioctl(terminal->master, TIOCSWINSZ, &size);
}

/* ---- making it ---- */

static bool is_one_terminal(void) {
    struct stat in, out;
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && fstat(STDIN_FILENO, &in) == 0 &&
           fstat(STDOUT_FILENO, &out) == 0 && in.st_rdev == out.st_rdev;
}

static bool open_pair(struct terminal *terminal) {
    int packets = 1;
    terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (terminal->master < 0 || grantpt(terminal->master) < 0 || unlockpt(terminal->master) < 0 ||
        ioctl(terminal->master, TIOCPKT, &packets) < 0)
        return false;
    terminal->program = ioctl(terminal->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return terminal->program >= 0 && tcsetattr(terminal->program, TCSANOW, &before.modes) == 0;
}

static void close_one(int *descriptor) {
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

static void release(struct terminal *terminal) {
    close_one(&terminal->program);
    close_one(&terminal->master);
    close_one(&terminal->own);
    free(terminal);
}

struct terminal *terminal_create(void) {
    struct terminal *terminal = is_one_terminal() ? calloc(1, sizeof(*terminal)) : NULL;
    if (!terminal)
        return NULL;
    terminal->own = open("/proc/self/fd/0", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    terminal->master = terminal->program = -1;
    if (terminal->own < 0 || tcgetattr(STDIN_FILENO, &before.modes) < 0 || !open_pair(terminal)) {
        release(terminal);
        return NULL;
    }
    before.descriptor = STDIN_FILENO;
    (void)atexit(restore);
    copy_size(terminal);
    become_raw(terminal);
    return terminal;
}

int terminal_stream(const struct terminal *terminal, int stream) {
    return terminal && isatty(stream) ? terminal->program : stream;
}

void terminal_started(struct terminal *terminal) {
    if (terminal)
        close_one(&terminal->program);
}

/* ---- carrying ---- */

static void empty_into(struct buffer *buffer, int descriptor) {
    while (!is_empty(buffer)) {
        ssize_t done = write(descriptor, buffer->bytes + buffer->begin, buffer->end - buffer->begin);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno != EAGAIN)
            buffer->begin = buffer->end; /* nobody is there any more */
        if (done <= 0)
            return;
        buffer->begin += (size_t)done;
    }
}

/* The line is gone: so it is for the program, whose foreground group Linux tells so (SIGHUP). */
static void hang_up(struct terminal *terminal) {
    close_one(&terminal->master);
    terminal->is_raw = false;
}

static void carry_keys(struct terminal *terminal) {
    struct buffer *keys = &terminal->keys;
    if (is_empty(keys) && terminal->is_raw && is_foreground()) {
        ssize_t count = read(terminal->own, keys->bytes, sizeof(keys->bytes));
        if (count == 0 || (count < 0 && errno == EIO)) {
            hang_up(terminal);
            return;
        }
        keys->begin = 0;
        keys->end = count > 0 ? (size_t)count : 0;
    }
    empty_into(keys, terminal->master);
}

/* Init has taken the program's terminal back. */
static bool has_stopped(const struct terminal *terminal) {
    pid_t group, session;
    return ioctl(terminal->master, TIOCGPGRP, &group) == 0 && ioctl(terminal->master, TIOCGSID, &session) == 0 &&
           group == session;
}

/* Each read is one packet: a byte of news about the terminal, which is 0 in front of output. False if there was none. */
static bool take_packet(struct terminal *terminal, bool *stopped) {
    char packet[sizeof(terminal->shown.bytes) + 1];
    ssize_t count = read(terminal->master, packet, sizeof(packet));
    if (count <= 0) {
        terminal->is_over |= count == 0 || errno == EIO;
        return false;
    }
    if (packet[0] != TIOCPKT_DATA) {
        *stopped |= (packet[0] & TIOCPKT_START) != 0 && has_stopped(terminal);
        return true;
    }
    terminal->shown.begin = 0;
    terminal->shown.end = (size_t)count - 1;
    memcpy(terminal->shown.bytes, packet + 1, (size_t)count - 1);
    return true;
}

/*
 * Bounded: a program that writes without end must not keep us from its signals. News comes before output that was written
 * earlier, which is shown before a stop all the same.
 */
static bool carry_output(struct terminal *terminal) {
    bool stopped = false, more = true;
    for (int i = 0; i < 16 && more; i++) {
        empty_into(&terminal->shown, terminal->own);
        more = is_empty(&terminal->shown) && take_packet(terminal, &stopped);
    }
    empty_into(&terminal->shown, terminal->own);
    return stopped;
}

int terminal_wait(const struct terminal *terminal, struct pollfd sources[TERMINAL_SOURCES]) {
    for (unsigned i = 0; i < TERMINAL_SOURCES; i++)
        sources[i] = (struct pollfd){.fd = -1};
    if (!terminal || terminal->master < 0 || terminal->is_over)
        return -1;
    if (is_empty(&terminal->keys) && terminal->is_raw)
        sources[0] = (struct pollfd){.fd = terminal->own, .events = POLLIN};
    if (!is_empty(&terminal->shown))
        sources[1] = (struct pollfd){.fd = terminal->own, .events = POLLOUT};
    sources[2].events =
        (short)((is_empty(&terminal->shown) ? POLLIN | POLLPRI : 0) | (is_empty(&terminal->keys) ? 0 : POLLOUT));
    if (sources[2].events)
        sources[2].fd = terminal->master;
    return terminal->is_raw ? -1 : BACKGROUND_POLL_MS;
}

bool terminal_carry(struct terminal *terminal) {
    if (!terminal || terminal->master < 0)
        return false;
    become_raw(terminal);
    carry_keys(terminal);
    return terminal->master >= 0 && carry_output(terminal);
}

/* ---- signals and the end ---- */

void terminal_resume(struct terminal *terminal) {
    if (!terminal)
        return;
    terminal->is_raw = false;
    copy_size(terminal);
    become_raw(terminal);
}

void terminal_stop(struct terminal *terminal) {
    sigset_t stop, old;
    restore();
    terminal->is_raw = false;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    /* Of the whole group, as the key would: a pipeline that we are part of stops together. */
    (void)kill(0, SIGTSTP);
    (void)sigprocmask(SIG_UNBLOCK, &stop, &old);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    terminal_resume(terminal);
}

bool terminal_signal(struct terminal *terminal, int signal) {
    if (!terminal)
        return false;
    if (signal == SIGCONT)
        terminal_resume(terminal);
    else if (signal == SIGWINCH)
        copy_size(terminal);
    else if (signal == SIGHUP)
        hang_up(terminal);
    else if (terminal->master < 0 || ioctl(terminal->master, TIOCSIG, signal) < 0)
        return false;
    return true;
}

void terminal_destroy(struct terminal *terminal) {
    if (!terminal)
        return;
    struct pollfd screen = {.fd = terminal->own, .events = POLLOUT};
    bool stopped = false, more = terminal->master >= 0;
    while (more) {
        empty_into(&terminal->shown, terminal->own);
        more = is_empty(&terminal->shown) ? take_packet(terminal, &stopped) : poll(&screen, 1, LAST_OUTPUT_MS) > 0;
    }
    restore();
    release(terminal);
}
