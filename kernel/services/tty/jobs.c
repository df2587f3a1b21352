/* Sessions, groups and their terminals, as programs ask for them: see files.h, ioctl_tty(2), credentials(7). */
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/tty/files_inside.h"
#include "kernel/services/vfs/errors.h"

static bool may_read(const struct open_file *file) {
    return (vfs_open_access(file_flags(file)) & LINUX_R_OK) != 0;
}

/* The session of the caller, who leads it, gets the terminal, and the caller's group the foreground. */
static int give_to(struct terminal *terminal, const struct terminal_caller *caller) {
    int status = terminal->processes->set_terminal(terminal);
    if (status != 0)
        return status;
    terminal_lock(terminal);
    terminal->session = caller->session;
    __atomic_store_n(&terminal->group, caller->group, __ATOMIC_RELAXED);
    terminal_unlock(terminal);
    return 0;
}

void terminal_adopt(struct open_file *file) {
    struct terminal *terminal = terminal_file_of(file)->terminal;
    struct terminal_caller caller;
    terminal->processes->look(&caller);
    if (caller.leads_session && caller.terminal == NULL && terminal->session == 0 && may_read(file))
        (void)give_to(terminal, &caller);
}

static int64_t set_controlling(const struct open_file *file, struct terminal *terminal, uint64_t argument) {
    struct terminal_caller caller;
    terminal->processes->look(&caller);
    if (caller.leads_session && terminal->session == caller.session)
        return 0;
    if (!caller.leads_session || caller.terminal != NULL)
        return -LINUX_EPERM;
    if (terminal->session != 0) {
        if (argument != 1 || !caller.is_administrator)
            return -LINUX_EPERM;
        terminal->processes->forget_terminal(terminal); /* it is taken from another session */
    }
    if (!may_read(file) && !caller.is_administrator)
        return -LINUX_EPERM;
    return give_to(terminal, &caller);
}

int32_t terminal_forget_session(struct terminal *terminal) {
    spinlock_lock(&terminal->lock);
    int32_t group = terminal->group;
    terminal->session = 0;
    __atomic_store_n(&terminal->group, 0, __ATOMIC_RELAXED);
    spinlock_unlock(&terminal->lock);
    return group;
}

void terminal_leave(struct terminal *terminal) {
    int32_t group = terminal_forget_session(terminal);
    terminal->processes->forget_terminal(terminal);
    if (group > 0) {
        terminal->processes->signal_group(group, TERMINAL_HANG_UP);
        terminal->processes->signal_group(group, TERMINAL_CONTINUE);
    }
}

/* For a process that does not lead its session, Linux makes it forget the terminal; here the session has it, or none. */
static int64_t give_up_controlling(struct terminal *terminal) {
    struct terminal_caller caller;
    terminal->processes->look(&caller);
    if (caller.terminal != terminal)
        return -LINUX_ENOTTY;
    if (caller.leads_session)
        terminal_leave(terminal);
    return 0;
}

/* A master may ask whoever has the terminal; others only about their own. */
static bool may_ask(const struct open_file *file, const struct terminal *terminal) {
    struct terminal_caller caller;
    terminal->processes->look(&caller);
    return terminal_file_of(file)->is_master || caller.terminal == terminal;
}

static int64_t tell(uint64_t address, int32_t number) {
    return process_write(address, &number, sizeof(number)) ? 0 : -LINUX_EFAULT;
}

static int64_t set_foreground(struct terminal *terminal, uint64_t address) {
    const struct terminal_processes *processes = terminal->processes;
    struct terminal_caller caller;
    int32_t group;
    int status = terminal_check_job(terminal, TERMINAL_BACKGROUND_WRITE);
    if (status != 0)
        return status == -LINUX_EIO ? -LINUX_ENOTTY : status;
    if (!process_read(&group, address, sizeof(group)))
        return -LINUX_EFAULT;
    if (group < 0)
        return -LINUX_EINVAL;
    processes->look(&caller);
    if (caller.terminal != terminal || terminal->session != caller.session)
        return -LINUX_ENOTTY;
    if (!processes->group_is_in_session(group, caller.session))
        return -LINUX_EPERM;
    terminal_lock(terminal);
    __atomic_store_n(&terminal->group, group, __ATOMIC_RELAXED);
    terminal_unlock(terminal);
    return 0;
}

int64_t terminal_control_jobs(struct open_file *file, uint32_t request, uint64_t argument) {
    struct terminal *terminal = terminal_file_of(file)->terminal;
    switch (request) {
    case LINUX_TIOCSCTTY:
        return set_controlling(file, terminal, argument);
    case LINUX_TIOCNOTTY:
        return give_up_controlling(terminal);
    case LINUX_TIOCSPGRP:
        return set_foreground(terminal, argument);
    case LINUX_TIOCGPGRP:
        return may_ask(file, terminal) ? tell(argument, terminal->group) : -LINUX_ENOTTY;
    case LINUX_TIOCGSID:
        if (!may_ask(file, terminal) || terminal->session == 0)
            return -LINUX_ENOTTY;
        return tell(argument, terminal->session);
    default:
        return -LINUX_ENOTTY;
    }
}
