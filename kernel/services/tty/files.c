/* Opening terminals, and what reading and writing one is: see files.h. */
#include "kernel/services/tty/files.h"

#include "kernel/services/tty/files_inside.h"
#include "kernel/services/tty/pty.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/tmpfs.h"

#define MAJOR_TTY 4u
#define MAJOR_ALTERNATE 5u
#define MAJOR_PTS 136u
#define MINOR_SERIAL 64u
#define MAJOR_VIRTUAL 229u
#define LINUX_O_NOCTTY 0400u
#define ALL_OVER (LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLERR | LINUX_POLLHUP | LINUX_POLLRDNORM | LINUX_POLLWRNORM)

static bool is_cut_off(const struct open_file *file) {
    const struct terminal_file *inside = terminal_file_of(file);
    return __atomic_load_n(&inside->terminal->hang_ups, __ATOMIC_RELAXED) != inside->hang_ups;
}

static bool may_wait(const struct open_file *file) {
    return (file_flags(file) & LINUX_O_NONBLOCK) == 0;
}

static int read(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    const struct terminal_file *inside = terminal_file_of(file);
    if (is_cut_off(file) || transfer->left_bytes == 0)
        return 0;
    int status = terminal_check_job(inside->terminal, TERMINAL_BACKGROUND_READ);
    if (status != 0)
        return status;
    return terminal_read(inside->terminal, inside->hang_ups, may_wait(file), transfer, done_bytes);
}

static int write(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    const struct terminal_file *inside = terminal_file_of(file);
    if (is_cut_off(file))
        return -LINUX_EIO;
    if (terminal_is_set(inside->terminal, LINUX_TOSTOP)) {
        int status = terminal_check_job(inside->terminal, TERMINAL_BACKGROUND_WRITE);
        if (status != 0)
            return status;
    }
    return terminal_write(inside->terminal, inside->hang_ups, may_wait(file), transfer, done_bytes);
}

static uint32_t poll(struct open_file *file, struct wait_queue **queues) {
    struct terminal *terminal = terminal_file_of(file)->terminal;
    uint32_t mask = 0;
    queues[FILE_QUEUE_READ] = &terminal->changed;
    if (is_cut_off(file))
        return ALL_OVER;
    terminal_lock(terminal);
    mask |= terminal_has_input(terminal, true) ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
    mask |= terminal_has_room(terminal) ? LINUX_POLLOUT | LINUX_POLLWRNORM : 0;
    terminal_unlock(terminal);
    return mask;
}

static void close(struct open_file *file) {
    struct terminal_file *inside = terminal_file_of(file);
    struct terminal *terminal = inside->terminal;
    terminal_lock(terminal);
    if (--terminal->open_files == 0) {
        terminal->was_closed = true;
        terminal->is_exclusive = false;
        terminal_wake(terminal);
    }
    terminal_unlock(terminal);
    if (inside->pty != NULL)
        pty_unref(inside->pty);
    machine_give_back(file->vfs->machine, inside, sizeof(*inside));
}

const struct file_operations terminal_operations = {
    .read = read, .write = write, .poll = poll, .close = close, .control = terminal_control};

/* ---- opening ---- */

static int check_open(const struct terminal *terminal) {
    struct terminal_caller caller;
    if (terminal->is_line_gone)
        return -LINUX_EIO;
    if (!__atomic_load_n(&terminal->is_exclusive, __ATOMIC_RELAXED))
        return 0;
    terminal->processes->look(&caller);
    return caller.is_administrator ? 0 : -LINUX_EBUSY;
}

int terminal_file_init(struct open_file *file, struct terminals *terminals, struct terminal *terminal,
                       struct pty *pty) {
    const struct vfs_machine *machine = terminals->vfs->machine;
    int status = check_open(terminal);
    if (status != 0)
        return status;
    struct terminal_file *inside = machine_take(machine, sizeof(*inside));
    if (inside == NULL)
        return -LINUX_ENOMEM;
    *inside = (struct terminal_file){.terminals = terminals, .terminal = terminal, .pty = pty};
    terminal_lock(terminal);
    inside->hang_ups = terminal->hang_ups;
    terminal->open_files++;
    terminal->was_closed = false;
    terminal_wake(terminal);
    terminal_unlock(terminal);
    file->object = inside;
    file->operations = &terminal_operations;
    return 0;
}

static struct terminals *terminals_of(const struct open_file *file) {
    const struct device *device = file->device;
    return device->context;
}

static int open_terminal(struct open_file *file, struct terminal *terminal) {
    return terminal != NULL ? terminal_file_init(file, terminals_of(file), terminal, NULL) : -LINUX_ENODEV;
}

static int open_console(struct open_file *file) {
    return open_terminal(file, terminals_of(file)->consoles.console);
}

/* A line by its own name: whoever leads a session without a terminal gets it. */
static int open_line(struct open_file *file, struct terminal *terminal) {
    int status = open_terminal(file, terminal);
    if (status == 0 && (file->flags & LINUX_O_NOCTTY) == 0)
        terminal_adopt(file);
    return status;
}

static int open_serial(struct open_file *file) {
    return open_line(file, terminals_of(file)->consoles.serial);
}

static int open_virtual(struct open_file *file) {
    return open_line(file, terminals_of(file)->consoles.virtual_console);
}

static int open_pty(struct open_file *file, struct terminals *terminals, struct pty *pty) {
    if (pty == NULL)
        return -LINUX_EIO;
    int status = __atomic_load_n(&pty->is_locked, __ATOMIC_RELAXED) ? -LINUX_EIO : 0;
    if (status == 0)
        status = terminal_file_init(file, terminals, &pty->terminal, pty);
    if (status != 0)
        pty_unref(pty);
    return status;
}

static int open_pts(struct open_file *file) {
    struct terminals *terminals = terminals_of(file);
    uint32_t number = vfs_device_minor(file->inode->device);
    int status = open_pty(file, terminals, pty_find(terminals, number));
    if (status == 0 && (file->flags & LINUX_O_NOCTTY) == 0)
        terminal_adopt(file);
    return status;
}

/* The caller's own: a pair of it may end at any moment, so it is looked for among those that are there. */
static int open_controlling(struct open_file *file) {
    struct terminals *terminals = terminals_of(file);
    struct terminal_caller caller;
    terminals->processes->look(&caller);
    if (caller.terminal == NULL)
        return -LINUX_ENXIO;
    if (caller.terminal == terminals->consoles.serial)
        return open_terminal(file, terminals->consoles.serial);
    if (caller.terminal == terminals->consoles.virtual_console)
        return open_terminal(file, terminals->consoles.virtual_console);
    return open_pty(file, terminals, pty_find_terminal(terminals, caller.terminal));
}

static int open_master(struct open_file *file) {
    return pty_open_master(file, terminals_of(file));
}

static const struct device kinds[TTY_DEVICES] = {
    {.name = "tty", .major = MAJOR_ALTERNATE, .minor = 0, .mode = 0666, .open = open_controlling},
    {.name = "console", .major = MAJOR_ALTERNATE, .minor = 1, .mode = 0600, .open = open_console},
    {.name = "ttyS0", .major = MAJOR_TTY, .minor = MINOR_SERIAL, .mode = 0600, .open = open_serial},
    {.name = "hvc0", .major = MAJOR_VIRTUAL, .minor = 0, .mode = 0600, .open = open_virtual},
    {.name = "ptmx", .major = MAJOR_ALTERNATE, .minor = 2, .mode = 0666, .open = open_master},
    {.name = NULL, .major = MAJOR_PTS, .minor = 0, .minor_count = PTYS_MAX, .open = open_pts},
};

/* The node of a line is there if the line is; one without says so when it is opened, as /dev/console does. */
static bool is_there(const struct terminal_consoles *consoles, const struct device *kind) {
    return kind->open != open_virtual || consoles->virtual_console != NULL;
}

static int add_devices(struct terminals *terminals) {
    int status = 0;
    for (uint32_t i = 0; i < TTY_DEVICES && status == 0; i++) {
        terminals->devices[i] = kinds[i];
        terminals->devices[i].context = terminals;
        if (is_there(&terminals->consoles, &kinds[i]))
            status = device_add(terminals->vfs, &terminals->devices[i]);
    }
    return status;
}

int terminals_init(struct terminals *terminals, struct vfs *vfs, const struct terminal_processes *processes,
                   const struct terminal_consoles *consoles) {
    *terminals = (struct terminals){.vfs = vfs, .processes = processes};
    if (consoles != NULL)
        terminals->consoles = *consoles;
    if (terminals->consoles.serial != NULL)
        terminals->consoles.serial->number = vfs_device(MAJOR_TTY, MINOR_SERIAL);
    if (terminals->consoles.virtual_console != NULL)
        terminals->consoles.virtual_console->number = vfs_device(MAJOR_VIRTUAL, 0);
    int status = tmpfs_create(vfs, &(struct tmpfs_limits){.mode = 0755, .inodes_max = UINT64_C(2) * PTYS_MAX},
                              &terminals->names);
    if (status != 0)
        return status;
    terminals->names->name = "devpts";
    status = add_devices(terminals);
    if (status != 0)
        terminals_deinit(terminals);
    return status;
}

void terminals_deinit(struct terminals *terminals) {
    vfs_lock(terminals->vfs);
    file_system_unref(terminals->names);
    vfs_unlock(terminals->vfs);
}
