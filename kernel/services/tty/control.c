/* Requests of ioctl on terminals: see ioctl_tty(2). One row of a table for each; what has to do with jobs is in jobs.c. */
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/tty/files_inside.h"
#include "kernel/services/vfs/errors.h"

#define LINE_DISCIPLINE 0 /* N_TTY, the only one */
#define SPEED_OF_B38400 38400u

typedef int64_t control_function(struct open_file *file, struct terminal *terminal, uint64_t argument);

static int64_t tell(uint64_t address, const void *value, size_t size_bytes) {
    return process_write(address, value, size_bytes) ? 0 : -LINUX_EFAULT;
}

static int64_t tell_number(uint64_t address, uint32_t number) {
    return tell(address, &number, sizeof(number));
}

static const struct terminal_file *inside_of(const struct open_file *file) {
    return file->object;
}

/* What changes a terminal is for the foreground, except through a master. */
static int check_change(const struct open_file *file, struct terminal *terminal) {
    return inside_of(file)->is_master ? 0 : terminal_check_job(terminal, TERMINAL_BACKGROUND_WRITE);
}

/* ---- settings ---- */

static struct linux_termios settings_of(struct terminal *terminal) {
    terminal_lock(terminal);
    struct linux_termios settings = terminal->settings;
    terminal_unlock(terminal);
    return settings;
}

static int64_t get_settings(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    struct linux_termios settings = settings_of(terminal);
    (void)file;
    return tell(argument, &settings, TERMIOS_BYTES);
}

static int64_t get_settings_2(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    struct linux_termios settings = settings_of(terminal);
    (void)file;
    return tell(argument, &settings, sizeof(settings));
}

enum flushing { AT_ONCE, AFTER_OUTPUT, AND_FLUSH_INPUT };

/* Until all output was taken, or the other end is gone. */
static int drain(struct terminal *terminal) {
    int status = 0;
    terminal_lock(terminal);
    while (status == 0 && terminal->line != NULL && !terminal->is_line_gone &&
           terminal->output_read != terminal->output_written)
        status = terminal_wait(terminal, MACHINE_FOREVER);
    terminal_unlock(terminal);
    return status;
}

static int64_t set(struct open_file *file, struct terminal *terminal, uint64_t address, size_t size_bytes,
                   enum flushing flushing) {
    struct linux_termios settings = settings_of(terminal);
    int status = check_change(file, terminal);
    if (status != 0)
        return status;
    if (!process_read(&settings, address, size_bytes))
        return -LINUX_EFAULT;
    if (size_bytes == TERMIOS_BYTES && (settings.control & LINUX_CBAUD) == LINUX_B38400)
        settings.input_speed = settings.output_speed = SPEED_OF_B38400;
    status = flushing != AT_ONCE ? drain(terminal) : 0;
    if (status != 0)
        return status;
    terminal_lock(terminal);
    if (flushing == AND_FLUSH_INPUT)
        terminal_flush_input(terminal);
    terminal_set(terminal, &settings);
    terminal_unlock(terminal);
    return 0;
}

static int64_t set_now(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    return set(file, terminal, argument, TERMIOS_BYTES, AT_ONCE);
}

static int64_t set_after(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    return set(file, terminal, argument, TERMIOS_BYTES, AFTER_OUTPUT);
}

static int64_t set_flushed(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    return set(file, terminal, argument, TERMIOS_BYTES, AND_FLUSH_INPUT);
}

static int64_t set_now_2(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    return set(file, terminal, argument, sizeof(struct linux_termios), AT_ONCE);
}

static int64_t set_after_2(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    return set(file, terminal, argument, sizeof(struct linux_termios), AFTER_OUTPUT);
}

static int64_t set_flushed_2(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    return set(file, terminal, argument, sizeof(struct linux_termios), AND_FLUSH_INPUT);
}

/* ---- flow and queues ---- */

static int64_t send_break(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    int status = check_change(file, terminal);
    if (status != 0)
        return status;
    return argument != 0 ? drain(terminal) : 0; /* there is no wire that could be broken */
}

static int64_t send_break_for(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)argument;
    return check_change(file, terminal);
}

static void hold(struct terminal *terminal) {
    terminal_stop(terminal);
    terminal->is_held = true;
}

static void go_on(struct terminal *terminal) {
    if (!terminal->is_held)
        return;
    terminal->is_held = false;
    terminal_start(terminal);
}

static int64_t change_flow(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    int status = check_change(file, terminal);
    if (status != 0)
        return status;
    if (argument > LINUX_TCION)
        return -LINUX_EINVAL;
    terminal_lock(terminal);
    if (argument == LINUX_TCOOFF)
        hold(terminal);
    else if (argument == LINUX_TCOON)
        go_on(terminal);
    else
        terminal_tell_flow(terminal, argument == LINUX_TCION);
    terminal_unlock(terminal);
    return 0;
}

/* For a master, input is what programs put out. */
static int64_t flush(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    bool is_master = inside_of(file)->is_master;
    int status = check_change(file, terminal);
    if (status != 0)
        return status;
    if (argument > LINUX_TCIOFLUSH)
        return -LINUX_EINVAL;
    terminal_lock(terminal);
    if (!is_master && argument != LINUX_TCOFLUSH)
        terminal_flush_input(terminal);
    if (argument != (is_master ? LINUX_TCOFLUSH : LINUX_TCIFLUSH))
        terminal_flush_output(terminal);
    terminal_unlock(terminal);
    return 0;
}

static int64_t count_input(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    terminal_lock(terminal);
    uint32_t count = inside_of(file)->is_master ? terminal->output_written - terminal->output_read
                                                : terminal_waiting_bytes(terminal);
    terminal_unlock(terminal);
    return tell_number(argument, count);
}

static int64_t count_output(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)file;
    uint32_t count = terminal->line != NULL ? terminal->output_written - terminal->output_read : 0;
    return tell_number(argument, count);
}

/* ---- the window ---- */

static int64_t get_window(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)file;
    terminal_lock(terminal);
    struct linux_window window = terminal->window;
    terminal_unlock(terminal);
    return tell(argument, &window, sizeof(window));
}

static int64_t set_window(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    struct linux_window window;
    (void)file;
    if (!process_read(&window, argument, sizeof(window)))
        return -LINUX_EFAULT;
    terminal_lock(terminal);
    terminal_set_window(terminal, &window);
    terminal_unlock(terminal);
    return 0;
}

/* ---- who may open it, and what it is ---- */

static int64_t set_exclusive(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)file;
    (void)argument;
    __atomic_store_n(&terminal->is_exclusive, true, __ATOMIC_RELAXED);
    return 0;
}

static int64_t set_shared(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)file;
    (void)argument;
    __atomic_store_n(&terminal->is_exclusive, false, __ATOMIC_RELAXED);
    return 0;
}

static int64_t get_exclusive(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)file;
    return tell_number(argument, terminal->is_exclusive);
}

static int64_t get_discipline(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)file;
    (void)terminal;
    return tell_number(argument, LINE_DISCIPLINE);
}

static int64_t set_discipline(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    int32_t number;
    (void)file;
    (void)terminal;
    if (!process_read(&number, argument, sizeof(number)))
        return -LINUX_EFAULT;
    return number == LINE_DISCIPLINE ? 0 : -LINUX_EINVAL;
}

static int64_t get_device(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)file;
    return tell_number(argument, (uint32_t)terminal->number);
}

static int64_t hang_up(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    struct terminal_caller caller;
    (void)file;
    (void)argument;
    terminal->processes->look(&caller);
    if (!caller.is_administrator)
        return -LINUX_EPERM;
    terminal_lock(terminal);
    terminal_hang_up(terminal);
    terminal_unlock(terminal);
    return 0;
}

/* Typing for others is refused, as Linux does when it is not told otherwise. */
static int64_t refuse_typing(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)file;
    (void)terminal;
    (void)argument;
    return -LINUX_EIO;
}

/* ---- masters only ---- */

static int64_t get_number(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)terminal;
    return tell_number(argument, inside_of(file)->pty->number);
}

static int64_t set_lock(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    int32_t number;
    (void)terminal;
    if (!process_read(&number, argument, sizeof(number)))
        return -LINUX_EFAULT;
    __atomic_store_n(&inside_of(file)->pty->is_locked, number != 0, __ATOMIC_RELAXED);
    return 0;
}

static int64_t get_lock(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)terminal;
    return tell_number(argument, inside_of(file)->pty->is_locked);
}

static int64_t open_peer(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)terminal;
    return pty_open_peer(file, (uint32_t)argument);
}

static int64_t set_packets(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    int32_t number;
    (void)file;
    if (!process_read(&number, argument, sizeof(number)))
        return -LINUX_EFAULT;
    terminal_lock(terminal);
    if (number != 0 && !terminal->has_packets)
        terminal->packet = 0;
    terminal->has_packets = number != 0;
    terminal_unlock(terminal);
    return 0;
}

static int64_t get_packets(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)file;
    return tell_number(argument, terminal->has_packets);
}

static int64_t send_signal(struct open_file *file, struct terminal *terminal, uint64_t argument) {
    (void)file;
    if (argument != TERMINAL_INTERRUPT && argument != TERMINAL_QUIT && argument != TERMINAL_SUSPEND)
        return -LINUX_EINVAL;
    terminal_lock(terminal);
    terminal->signals_due |= UINT32_C(1) << argument;
    terminal_unlock(terminal);
    return 0;
}

/* ---- the table ---- */

enum { MASTER_ONLY = 1 };

static const struct control {
    uint32_t request;
    control_function *serve;
    uint32_t flags;
} controls[] = {
    {LINUX_TCGETS, get_settings, 0},
    {LINUX_TCSETS, set_now, 0},
    {LINUX_TCSETSW, set_after, 0},
    {LINUX_TCSETSF, set_flushed, 0},
    {LINUX_TCGETS2, get_settings_2, 0},
    {LINUX_TCSETS2, set_now_2, 0},
    {LINUX_TCSETSW2, set_after_2, 0},
    {LINUX_TCSETSF2, set_flushed_2, 0},
    {LINUX_TCSBRK, send_break, 0},
    {LINUX_TCSBRKP, send_break_for, 0},
    {LINUX_TCXONC, change_flow, 0},
    {LINUX_TCFLSH, flush, 0},
    {LINUX_FIONREAD, count_input, 0},
    {LINUX_TIOCOUTQ, count_output, 0},
    {LINUX_TIOCGWINSZ, get_window, 0},
    {LINUX_TIOCSWINSZ, set_window, 0},
    {LINUX_TIOCEXCL, set_exclusive, 0},
    {LINUX_TIOCNXCL, set_shared, 0},
    {LINUX_TIOCGEXCL, get_exclusive, 0},
    {LINUX_TIOCGETD, get_discipline, 0},
    {LINUX_TIOCSETD, set_discipline, 0},
    {LINUX_TIOCGDEV, get_device, 0},
    {LINUX_TIOCVHANGUP, hang_up, 0},
    {LINUX_TIOCSTI, refuse_typing, 0},
    {LINUX_TIOCGPTN, get_number, MASTER_ONLY},
    {LINUX_TIOCSPTLCK, set_lock, MASTER_ONLY},
    {LINUX_TIOCGPTLCK, get_lock, MASTER_ONLY},
    {LINUX_TIOCGPTPEER, open_peer, MASTER_ONLY},
    {LINUX_TIOCPKT, set_packets, MASTER_ONLY},
    {LINUX_TIOCGPKT, get_packets, MASTER_ONLY},
    {LINUX_TIOCSIG, send_signal, MASTER_ONLY},
};

int64_t terminal_control(struct open_file *file, uint32_t request, uint64_t argument) {
    const struct terminal_file *inside = inside_of(file);
    if (!inside->is_master && __atomic_load_n(&inside->terminal->hang_ups, __ATOMIC_RELAXED) != inside->hang_ups)
        return request == LINUX_TIOCSPGRP ? -LINUX_ENOTTY : -LINUX_EIO;
    for (uint32_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
        if (controls[i].request != request)
            continue;
        if ((controls[i].flags & MASTER_ONLY) != 0 && !inside->is_master)
            return -LINUX_ENOTTY;
        return controls[i].serve(file, inside->terminal, argument);
    }
    return terminal_control_jobs(file, request, argument);
}
