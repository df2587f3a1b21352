/*
 * Terminals as files: the devices tty, console, ttyS0, ptmx and pts/N, and who keeps the terminals behind them.
 *
 *     /dev/tty      5:0     the controlling terminal of whoever opens it
 *     /dev/console  5:1     one of the next two; opening it never makes it anybody's controlling terminal
 *     /dev/ttyS0    4:64    a serial line
 *     /dev/hvc0     229:0   a virtual machine's console
 *     /dev/ptmx     5:2     each opening makes a pair, whose other end is pts/N
 *     /dev/pts/N    136:N
 *
 * A pair lives as long as the master or one file of pts/N is open. The lock of struct terminals guards which there are, and how
 * many hold each; it is inside of the tree's lock (vfs.h) and outside of those of single terminals.
 */
#ifndef GROVE_TTY_FILES_H
#define GROVE_TTY_FILES_H

#include "kernel/services/tty/terminal.h"
#include "kernel/services/vfs/device.h"

#define PTYS_MAX 256u
#define TTY_DEVICES 6u

struct pty {
    struct terminal terminal;
    struct terminals *terminals;
    uint32_t number;
    uint32_t references; /* files of both ends */
    bool is_locked; /* programs cannot open pts/N yet; guarded by the terminal's lock */
};

/* Terminals that are no pseudo-terminals. NULL: there is none. */
struct terminal_consoles {
    struct terminal *console; /* one of the others */
    struct terminal *serial, *virtual_console;
};

struct terminals {
    struct vfs *vfs;
    const struct terminal_processes *processes;
    struct terminal_consoles consoles;
    struct device devices[TTY_DEVICES];
    struct file_system *names; /* what is mounted at /dev/pts */
    struct spinlock lock;
    struct pty *ptys[PTYS_MAX];
};

/*
 * Add the devices, and make the file system of pts/N, which stays until terminals_deinit. The consoles are
 * the caller's, initialised, and stay longer; NULL: there are none. -LINUX_EEXIST: such devices are there; -LINUX_ENOMEM.
 */
int terminals_init(struct terminals *terminals, struct vfs *vfs, const struct terminal_processes *processes,
                   const struct terminal_consoles *consoles);
/* All files of terminals are closed. The devices stay added: the file system layer ends too. */
void terminals_deinit(struct terminals *terminals);
/*
 * The leader of a session that has this terminal ends, or gives it up: the session loses it, and the foreground hears of it.
 * Called by a thread of the leader, without locks.
 */
void terminal_leave(struct terminal *terminal);
/* The same without telling anybody: whoever calls has the processes, and tells the group in the foreground, which this returns. */
int32_t terminal_forget_session(struct terminal *terminal);

#endif
