/* Setting up a terminal, its settings, and what ties it to processes: see terminal.h. */
#include "kernel/services/tty/terminal.h"

#include "kernel/services/tty/inside.h"
#include "kernel/services/vfs/errors.h"

#define SIGNALS_DUE 32 /* bits of them */

const struct linux_termios terminal_settings = {
    .input = LINUX_ICRNL | LINUX_IXON,
    .output = LINUX_OPOST | LINUX_ONLCR,
    .control = LINUX_B38400 | LINUX_CS8 | LINUX_CREAD,
    .local = LINUX_ISIG | LINUX_ICANON | LINUX_ECHO | LINUX_ECHOE | LINUX_ECHOK | LINUX_ECHOCTL | LINUX_ECHOKE |
             LINUX_IEXTEN,
    .characters = {003, 034, 0177, 025, 004, 0, 1, 0, 021, 023, 032, 0, 022, 017, 027, 026, 0},
    .input_speed = 38400,
    .output_speed = 38400,
};

int terminal_init(struct terminal *terminal, const struct vfs_machine *machine,
                  const struct terminal_processes *processes, const struct terminal_line *line) {
    *terminal = (struct terminal){.machine = machine, .processes = processes, .line = line};
    terminal->settings = terminal_settings;
    terminal->input = machine->take_page(machine->context);
    terminal->output = machine->take_page(machine->context);
    terminal->echoes = machine->take_page(machine->context);
    if (terminal->input != NULL && terminal->output != NULL && terminal->echoes != NULL)
        return 0;
    terminal_deinit(terminal);
    return -LINUX_ENOMEM;
}

void terminal_deinit(struct terminal *terminal) {
    const struct vfs_machine *machine = terminal->machine;
    if (terminal->input != NULL)
        machine->give_page_back(machine->context, terminal->input);
    if (terminal->output != NULL)
        machine->give_page_back(machine->context, terminal->output);
    if (terminal->echoes != NULL)
        machine->give_page_back(machine->context, terminal->echoes);
}

/* A session that lost its terminal: its leader hears of it, and whoever is in the foreground. */
static void tell_session(struct terminal *terminal, int32_t session, int32_t group) {
    const struct terminal_processes *processes = terminal->processes;
    processes->forget_terminal(terminal);
    processes->signal_leader(session, TERMINAL_HANG_UP);
    processes->signal_leader(session, TERMINAL_CONTINUE);
    if (group > 0 && group != session) {
        processes->signal_group(group, TERMINAL_HANG_UP);
        processes->signal_group(group, TERMINAL_CONTINUE);
    }
}

void terminal_unlock(struct terminal *terminal) {
    uint32_t signals = terminal->signals_due;
    int32_t group = terminal->group, session = terminal->session_due, lost = terminal->group_due;
    terminal->signals_due = 0;
    terminal->session_due = terminal->group_due = 0;
    spinlock_unlock(&terminal->lock);
    for (int signal = 1; signals != 0 && group > 0 && signal < SIGNALS_DUE; signal++)
        if ((signals >> signal & 1) != 0)
            terminal->processes->signal_group(group, signal);
    if (session > 0)
        tell_session(terminal, session, lost);
}

void terminal_wake(struct terminal *terminal) {
    terminal->machine->wake(terminal->machine->context, &terminal->changed);
    if (terminal->line != NULL)
        terminal->line->changed(terminal);
}

/* Signals must not wait for the end of a wait: the one that sleeps may be who gets them. */
int terminal_wait(struct terminal *terminal, uint64_t until_ns) {
    if (terminal->signals_due != 0 || terminal->session_due != 0) {
        terminal_unlock(terminal);
        terminal_lock(terminal);
        return 0;
    }
    return machine_sleep_until(terminal->machine, &terminal->changed, &terminal->lock, until_ns);
}

void terminal_hang_up(struct terminal *terminal) {
    terminal->hang_ups++;
    terminal->session_due = terminal->session;
    terminal->group_due = terminal->group;
    terminal->session = terminal->group = 0;
    terminal->signals_due = 0;
    terminal->is_stopped = terminal->is_held = false;
    terminal->settings = terminal_settings;
    terminal_flush_input(terminal);
    echo_forget(terminal);
}

/* ---- settings ---- */

static bool has_flow_control(const struct linux_termios *settings) {
    return (settings->input & LINUX_IXON) != 0 && settings->characters[TERMIOS_STOP] == 023 &&
           settings->characters[TERMIOS_START] == 021;
}

/* A master in packet mode hears of what it would have to do itself: flow control, and the settings when it makes the lines. */
static void tell_master(struct terminal *terminal, const struct linux_termios *before) {
    const struct linux_termios *now = &terminal->settings;
    bool flow = has_flow_control(now);
    bool is_external = ((before->local | now->local) & LINUX_EXTPROC) != 0;
    if (!terminal->has_packets || (flow == has_flow_control(before) && !is_external))
        return;
    terminal->packet &= (uint8_t) ~(LINUX_TIOCPKT_DOSTOP | LINUX_TIOCPKT_NOSTOP);
    terminal->packet |= flow ? LINUX_TIOCPKT_DOSTOP : LINUX_TIOCPKT_NOSTOP;
    if (is_external)
        terminal->packet |= LINUX_TIOCPKT_IOCTL;
}

/* What lies in the ring is raw input or one line from now on. */
static void change_lines(struct terminal *terminal) {
    for (uint32_t i = 0; i < TERMINAL_RING / 64; i++)
        terminal->marks[i] = 0;
    terminal->complete = terminal->read;
    if (terminal_is_set(terminal, LINUX_ICANON) && terminal->written != terminal->read) {
        mark_set(terminal, terminal->written - 1);
        terminal->complete = terminal->written;
    }
    terminal->is_erasing = terminal->is_next_literal = false;
}

void terminal_set(struct terminal *terminal, const struct linux_termios *settings) {
    struct linux_termios before = terminal->settings;
    terminal->settings = *settings;
    terminal->settings.control &= ~(LINUX_CSIZE | LINUX_PARENB);
    terminal->settings.control |= LINUX_CS8 | LINUX_CREAD;
    tell_master(terminal, &before);
    if (((before.local ^ settings->local) & (LINUX_ICANON | LINUX_EXTPROC)) != 0)
        change_lines(terminal);
    if ((before.input & LINUX_IXON) != 0 && !input_is(terminal, LINUX_IXON)) {
        terminal_start(terminal);
        echo_show(terminal);
    }
    terminal_wake(terminal);
}

void terminal_set_window(struct terminal *terminal, const struct linux_window *window) {
    const struct linux_window *before = &terminal->window;
    bool is_same = window->rows == before->rows && window->columns == before->columns &&
                   window->x_pixels == before->x_pixels && window->y_pixels == before->y_pixels;
    terminal->window = *window;
    if (!is_same)
        terminal->signals_due |= UINT32_C(1) << TERMINAL_WINDOW;
}

/* ---- job control ---- */

int terminal_check_job(struct terminal *terminal, int signal) {
    const struct terminal_processes *processes = terminal->processes;
    struct terminal_caller caller;
    processes->look(&caller);
    int32_t foreground = __atomic_load_n(&terminal->group, __ATOMIC_RELAXED);
    if (caller.terminal != terminal || foreground == 0 || foreground == caller.group)
        return 0;
    if (processes->is_unnoticed(signal))
        return signal == TERMINAL_BACKGROUND_READ ? -LINUX_EIO : 0;
    if (processes->group_is_orphaned(caller.group))
        return -LINUX_EIO;
    processes->signal_group(caller.group, signal);
    return -LINUX_EINTR;
}
