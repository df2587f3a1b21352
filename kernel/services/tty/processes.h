/*
 * What terminals need of processes, handed in as a table, so that terminals can be tested without any. All are called without
 * locks, by a thread of a process.
 */
#ifndef GROVE_TTY_PROCESSES_H
#define GROVE_TTY_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>

struct open_file;
struct terminal;

/* Signals as Linux numbers them, on both processors. */
enum terminal_signal {
    TERMINAL_HANG_UP = 1,
    TERMINAL_INTERRUPT = 2,
    TERMINAL_QUIT = 3,
    TERMINAL_CONTINUE = 18,
    TERMINAL_SUSPEND = 20,
    TERMINAL_BACKGROUND_READ = 21,
    TERMINAL_BACKGROUND_WRITE = 22,
    TERMINAL_WINDOW = 28,
};

/* The process that calls. */
struct terminal_caller {
    int32_t group, session;
    bool leads_session;
    bool is_administrator; /* CAP_SYS_ADMIN */
    uint32_t user, file_group; /* whom a new pseudo-terminal belongs to */
    const struct terminal *terminal; /* the controlling one of its session, or NULL */
};

struct terminal_processes {
    void (*look)(struct terminal_caller *caller);
    /* The controlling terminal of the session that the caller leads; NULL: none. -LINUX_EPERM. */
    int (*set_terminal)(struct terminal *terminal);
    /* No session has it any more. */
    void (*forget_terminal)(const struct terminal *terminal);
    bool (*group_is_in_session)(int32_t group, int32_t session);
    bool (*group_is_orphaned)(int32_t group);
    /* Would the caller not notice the signal: is it blocked or ignored? */
    bool (*is_unnoticed)(int signal);
    void (*signal_group)(int32_t group, int signal);
    void (*signal_leader)(int32_t session, int signal);
    /* A descriptor of the caller's for this file, whose reference is taken over. Its number, or the negative of an error. */
    int (*add_descriptor)(struct open_file *file, bool closes_on_execute);
};

#endif
