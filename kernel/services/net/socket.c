/* Sockets as files: see socket.h. */
#include "kernel/services/net/socket.h"

#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/vfs/errors.h"

static const struct file_operations operations;

void socket_init(struct socket *socket, const struct socket_operations *with, struct vfs *vfs, uint16_t family,
                 uint16_t type) {
    *socket = (struct socket){.operations = with,
                              .vfs = vfs,
                              .family = family,
                              .type = type,
                              .send_bytes_max = SOCKET_BUFFER_BYTES,
                              .receive_bytes_max = SOCKET_BUFFER_BYTES,
                              .receive_least = 1};
}

struct open_file *socket_open(struct socket *socket, uint32_t flags) {
    struct open_file *file = file_create(socket->vfs, &operations, socket, flags | LINUX_O_RDWR);
    if (file != NULL && socket->operations->opened != NULL)
        socket->operations->opened(socket, file);
    return file;
}

struct socket *socket_of(const struct open_file *file) {
    return file->operations == &operations ? file->object : NULL;
}

uint64_t socket_deadline(const struct socket *socket, uint64_t timeout_ns, bool may_wait) {
    const struct vfs_machine *machine = socket->vfs->machine;
    if (!may_wait)
        return 0;
    return timeout_ns == 0 ? MACHINE_FOREVER : machine->clock_ns(machine->context) + timeout_ns;
}

/* Reading and writing as files do it: a message without an address and without files. */
static int move(struct open_file *file, struct transfer *transfer, bool is_write, size_t *done_bytes) {
    struct socket *socket = file->object;
    struct socket_message message = {.transfer = transfer, .may_wait = (file_flags(file) & LINUX_O_NONBLOCK) == 0};
    int status = is_write ? socket->operations->send(socket, &message) : socket->operations->receive(socket, &message);
    *done_bytes = message.done_bytes;
    return status;
}

static int read(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    return transfer->left_bytes > 0 ? move(file, transfer, false, done_bytes) : 0;
}

static int write(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    return move(file, transfer, true, done_bytes);
}

static uint32_t poll(struct open_file *file, struct wait_queue **queues) {
    struct socket *socket = file->object;
    return socket->operations->poll(socket, queues);
}

static void close(struct open_file *file) {
    struct socket *socket = file->object;
    socket->operations->close(socket);
}

static int64_t control(struct open_file *file, uint32_t request, uint64_t argument) {
    struct socket *socket = file->object;
    if (request != LINUX_SIOCINQ && request != LINUX_SIOCOUTQ)
        return socket->operations->control != NULL ? socket->operations->control(socket, request, argument)
                                                   : -LINUX_ENOTTY;
    int64_t count = socket->operations->count(socket, request == LINUX_SIOCOUTQ);
    int32_t number = (int32_t)count;
    if (count < 0)
        return count;
    return process_write(argument, &number, sizeof(number)) ? 0 : -LINUX_EFAULT;
}

static const struct file_operations operations = {.read = read,
                                                  .write = write,
                                                  .poll = poll,
                                                  .close = close,
                                                  .control = control,
                                                  .name = "socket:",
                                                  .mode = LINUX_S_IFSOCK | 0777};
