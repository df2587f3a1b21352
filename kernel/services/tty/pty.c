/* Pairs, their names below /dev/pts, and their masters: see pty.h. */
#include "kernel/services/tty/pty.h"

#include "kernel/services/tty/files_inside.h"
#include "kernel/services/vfs/dentry.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/mount.h"

#define MAJOR_PTS 136u
#define GROUP_TTY 5u /* Debian's */
#define MODE 0620u
#define STEP 256u /* bytes that a master passes on at a time */
#define NAME_BYTES 12u

/* ---- which there are ---- */

struct pty *pty_find(struct terminals *terminals, uint32_t number) {
    spinlock_lock(&terminals->lock);
    struct pty *pty = number < PTYS_MAX ? terminals->ptys[number] : NULL;
    if (pty != NULL)
        pty->references++;
    spinlock_unlock(&terminals->lock);
    return pty;
}

struct pty *pty_find_terminal(struct terminals *terminals, const struct terminal *terminal) {
    struct pty *found = NULL;
    spinlock_lock(&terminals->lock);
    for (uint32_t i = 0; i < PTYS_MAX && found == NULL; i++)
        if (terminals->ptys[i] != NULL && &terminals->ptys[i]->terminal == terminal)
            found = terminals->ptys[i];
    if (found != NULL)
        found->references++;
    spinlock_unlock(&terminals->lock);
    return found;
}

void pty_unref(struct pty *pty) {
    struct terminals *terminals = pty->terminals;
    spinlock_lock(&terminals->lock);
    bool is_last = --pty->references == 0;
    if (is_last)
        terminals->ptys[pty->number] = NULL;
    spinlock_unlock(&terminals->lock);
    if (!is_last)
        return;
    terminal_deinit(&pty->terminal);
    machine_give_back(terminals->vfs->machine, pty, sizeof(*pty));
}

static int create(struct terminals *terminals, struct pty **created) {
    const struct vfs_machine *machine = terminals->vfs->machine;
    struct pty *pty = machine_take(machine, sizeof(*pty));
    if (pty == NULL)
        return -LINUX_ENOMEM;
    int status = terminal_init(&pty->terminal, machine, terminals->processes, NULL);
    if (status != 0) {
        machine_give_back(machine, pty, sizeof(*pty));
        return status;
    }
    pty->terminals = terminals;
    pty->references = 1;
    pty->is_locked = true;
    pty->number = 0;
    spinlock_lock(&terminals->lock);
    while (pty->number < PTYS_MAX && terminals->ptys[pty->number] != NULL)
        pty->number++;
    if (pty->number < PTYS_MAX)
        terminals->ptys[pty->number] = pty;
    spinlock_unlock(&terminals->lock);
    if (pty->number == PTYS_MAX) {
        terminal_deinit(&pty->terminal);
        machine_give_back(machine, pty, sizeof(*pty));
        return -LINUX_ENOSPC;
    }
    pty->terminal.number = vfs_device(MAJOR_PTS, pty->number);
    *created = pty;
    return 0;
}

/* ---- names ---- */

static struct name name_of(uint32_t number, char text[NAME_BYTES]) {
    uint32_t at = NAME_BYTES;
    do {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return (struct name){.text = &text[at], .size_bytes = NAME_BYTES - at};
}

/* Through the cache of names, which may remember that there was none. */
static int add_name(const struct pty *pty) {
    struct terminals *terminals = pty->terminals;
    struct dentry *root = terminals->names->root, *dentry;
    struct inode_plan plan = {.mode = LINUX_S_IFCHR | MODE, .group = GROUP_TTY, .device = pty->terminal.number};
    struct terminal_caller caller;
    struct inode *made;
    char text[NAME_BYTES];
    struct name name = name_of(pty->number, text);
    terminals->processes->look(&caller);
    plan.user = caller.user;
    vfs_lock(terminals->vfs);
    int status = dentry_find(root, &name, false, &dentry);
    if (status == 0) {
        status =
            dentry->inode != NULL ? -LINUX_EEXIST : root->inode->operations->make(root->inode, &name, &plan, &made);
        if (status == 0)
            dentry_fill(dentry, made);
        dentry_unref(dentry);
    }
    vfs_unlock(terminals->vfs);
    return status;
}

/* The administrator may have removed it, or put something else there. */
static void remove_name(const struct pty *pty) {
    struct terminals *terminals = pty->terminals;
    struct dentry *root = terminals->names->root, *dentry;
    char text[NAME_BYTES];
    struct name name = name_of(pty->number, text);
    vfs_lock(terminals->vfs);
    if (dentry_find(root, &name, false, &dentry) == 0) {
        if (dentry->inode != NULL && dentry->inode->device == pty->terminal.number &&
            root->inode->operations->remove(root->inode, &name, dentry->inode) == 0)
            dentry_empty(dentry);
        dentry_unref(dentry);
    }
    vfs_unlock(terminals->vfs);
}

/* ---- the master ---- */

static const struct terminal_file *master_of(const struct open_file *file) {
    return file->object;
}

static bool may_wait(const struct open_file *file) {
    return (file_flags(file) & LINUX_O_NONBLOCK) == 0;
}

static int give_byte(struct transfer *transfer, uint8_t byte, size_t *done_bytes) {
    size_t copied = transfer_out(transfer, &byte, 1);
    *done_bytes += copied;
    return copied == 1 ? 0 : -LINUX_EFAULT;
}

/* With packets, each read is what changed, or a zero and output. */
static int begin_packet(struct terminal *terminal, struct transfer *transfer, size_t *done_bytes, bool *is_all) {
    uint8_t packet = terminal->packet;
    *is_all = packet != 0;
    terminal->packet = 0;
    return give_byte(transfer, packet, done_bytes);
}

/* Copy what output there is. The lock is held, and given up where a page of the program's is missing. */
static int take_output(struct terminal *terminal, struct transfer *transfer, size_t *done_bytes) {
    const uint8_t *bytes;
    size_t size;
    int status = 0;
    while (status == 0 && transfer->left_bytes > 0 && (size = terminal_peek(terminal, &bytes)) > 0) {
        size_t wanted = size < transfer->left_bytes ? size : transfer->left_bytes;
        size_t copied = transfer_out(transfer, bytes, wanted);
        terminal_took(terminal, copied);
        *done_bytes += copied;
        if (copied < wanted) {
            terminal_unlock(terminal);
            status = transfer_bring_in(transfer);
            terminal_lock(terminal);
        }
    }
    return status;
}

static bool has_output(const struct terminal *terminal) {
    return terminal->output_read != terminal->output_written;
}

static bool has_packet(const struct terminal *terminal) {
    return terminal->has_packets && terminal->packet != 0;
}

/* The lock is held. Something is there: 0; or why not. */
static int wait_for_output(const struct open_file *file, struct terminal *terminal) {
    int status = 0;
    while (status == 0 && !has_output(terminal) && !has_packet(terminal)) {
        if (terminal->was_closed)
            return -LINUX_EIO;
        status = may_wait(file) ? terminal_wait(terminal, MACHINE_FOREVER) : -LINUX_EAGAIN;
    }
    return status;
}

static int read(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    struct terminal *terminal = master_of(file)->terminal;
    bool is_all = false;
    if (transfer->left_bytes == 0)
        return 0;
    terminal_lock(terminal);
    int status = wait_for_output(file, terminal);
    if (status == 0 && terminal->has_packets)
        status = begin_packet(terminal, transfer, done_bytes, &is_all);
    if (status == 0 && !is_all)
        status = take_output(terminal, transfer, done_bytes);
    terminal_unlock(terminal);
    return status;
}

/* Pass on what is taken of the next few bytes. The lock is held. *is_short: a page of the program's is missing. */
static size_t write_step(struct terminal *terminal, struct transfer *transfer, bool *is_short) {
    uint8_t bytes[STEP];
    struct transfer before = *transfer;
    size_t wanted = transfer->left_bytes < STEP ? transfer->left_bytes : STEP;
    size_t copied = transfer_in(transfer, bytes, wanted);
    size_t done = terminal_receive(terminal, bytes, copied);
    if (done < copied) {
        *transfer = before;
        (void)transfer_in(transfer, bytes, done); /* once more, to go on behind what was taken */
    }
    *is_short = copied == 0;
    return done;
}

static int write(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    struct terminal *terminal = master_of(file)->terminal;
    int status = 0;
    terminal_lock(terminal);
    while (status == 0 && transfer->left_bytes > 0) {
        bool is_short;
        size_t done = write_step(terminal, transfer, &is_short);
        *done_bytes += done;
        if (done == 0 && !is_short) {
            status = may_wait(file) ? terminal_wait(terminal, MACHINE_FOREVER) : -LINUX_EAGAIN;
            continue;
        }
        terminal_unlock(terminal); /* sends the signals of what was typed, and lets others in */
        status = is_short ? transfer_bring_in(transfer) : 0;
        terminal_lock(terminal);
    }
    terminal_unlock(terminal);
    return status;
}

static uint32_t poll(struct open_file *file, struct wait_queue **queues) {
    struct terminal *terminal = master_of(file)->terminal;
    uint32_t mask = 0;
    queues[FILE_QUEUE_READ] = &terminal->changed;
    terminal_lock(terminal);
    if (has_output(terminal) || has_packet(terminal))
        mask |= LINUX_POLLIN | LINUX_POLLRDNORM;
    mask |= has_packet(terminal) ? LINUX_POLLPRI : 0;
    mask |= terminal->was_closed ? LINUX_POLLHUP : 0;
    mask |= terminal_can_receive(terminal) ? LINUX_POLLOUT | LINUX_POLLWRNORM : 0;
    terminal_unlock(terminal);
    return mask;
}

static void close(struct open_file *file) {
    struct terminal_file *inside = terminal_file_of(file);
    struct terminal *terminal = inside->terminal;
    remove_name(inside->pty);
    terminal_lock(terminal);
    terminal->is_line_gone = true;
    terminal->has_packets = false;
    terminal_hang_up(terminal);
    terminal_unlock(terminal);
    pty_unref(inside->pty);
    machine_give_back(file->vfs->machine, inside, sizeof(*inside));
}

const struct file_operations master_operations = {
    .read = read, .write = write, .poll = poll, .close = close, .control = terminal_control};

int pty_open_master(struct open_file *file, struct terminals *terminals) {
    const struct vfs_machine *machine = terminals->vfs->machine;
    struct pty *pty;
    int status = create(terminals, &pty);
    if (status != 0)
        return status;
    struct terminal_file *inside = machine_take(machine, sizeof(*inside));
    status = inside != NULL ? add_name(pty) : -LINUX_ENOMEM;
    if (status != 0) {
        if (inside != NULL)
            machine_give_back(machine, inside, sizeof(*inside));
        pty_unref(pty);
        return status;
    }
    *inside = (struct terminal_file){.terminals = terminals, .terminal = &pty->terminal, .pty = pty, .is_master = true};
    file->object = inside;
    file->operations = &master_operations;
    return 0;
}

/* Where its name is seen by whoever has the master, with references; false: nowhere. */
static bool find_name(const struct open_file *master, const struct pty *pty, struct path *found) {
    const struct terminals *terminals = pty->terminals;
    const struct view *view = master->path.mount != NULL ? master->path.mount->view : NULL;
    char text[NAME_BYTES];
    struct name name = name_of(pty->number, text);
    struct mount *mount = NULL;
    if (view == NULL)
        return false;
    for (const struct list *link = view->mounts.next; link != &view->mounts && mount == NULL; link = link->next) {
        mount = list_item((struct list *)(uintptr_t)link, struct mount, link);
        mount = mount->root == terminals->names->root ? mount : NULL;
    }
    if (mount == NULL || dentry_find(mount->root, &name, false, &found->dentry) != 0)
        return false;
    if (found->dentry->inode == NULL || found->dentry->inode->device != pty->terminal.number) {
        dentry_unref(found->dentry);
        return false;
    }
    found->mount = mount_ref(mount);
    return true;
}

/* By its name, so that it can be told (ttyname), or without one where the name is not seen. */
static int open_peer(struct open_file *master, uint32_t flags, struct open_file **opened) {
    const struct terminal_file *inside = terminal_file_of(master);
    struct path path;
    vfs_lock(master->vfs);
    bool has_name = find_name(master, inside->pty, &path);
    vfs_unlock(master->vfs);
    if (has_name)
        return file_open_path(master->vfs, &path, flags, opened);
    struct open_file *file = file_create(master->vfs, &terminal_operations, NULL, flags);
    if (file == NULL)
        return -LINUX_ENOMEM;
    struct pty *pty = pty_find(inside->terminals, inside->pty->number);
    int status = terminal_file_init(file, inside->terminals, &pty->terminal, pty);
    if (status != 0) {
        machine_give_back(master->vfs->machine, file, sizeof(*file));
        pty_unref(pty);
        return status;
    }
    *opened = file;
    return 0;
}

int64_t pty_open_peer(struct open_file *master, uint32_t flags) {
    struct open_file *file;
    int status = open_peer(master, flags, &file);
    if (status != 0)
        return status;
    status = terminal_file_of(master)->terminals->processes->add_descriptor(file, (flags & LINUX_O_CLOEXEC) != 0);
    if (status < 0)
        file_unref(file);
    return status;
}
