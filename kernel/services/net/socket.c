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

struct socket *socket_first_of(const struct open_file *file) {
    return file->operations == &operations ? file->object : NULL;
}

struct socket *socket_of(const struct open_file *file) {
    struct socket *socket = socket_first_of(file);
    /* Pairs with socket_succeed. */
    const struct open_file *successor = socket != NULL ? __atomic_load_n(&socket->successor, __ATOMIC_ACQUIRE) : NULL;
    return successor != NULL ? successor->object : socket;
}

void socket_succeed(struct socket *socket, struct open_file *successor) {
    __atomic_store_n(&socket->successor, successor, __ATOMIC_RELEASE);
}

uint64_t socket_deadline(const struct socket *socket, uint64_t timeout_ns, bool may_wait) {
    const struct vfs_machine *machine = socket->vfs->machine;
    if (!may_wait)
        return 0;
    if (timeout_ns == 0)
        return MACHINE_FOREVER;
    uint64_t (*from_ns)(void *) = machine->call_began_ns != NULL ? machine->call_began_ns : machine->clock_ns;
    return from_ns(machine->context) + timeout_ns;
}

/* Reading and writing as files do it: a message without an address and without files. */
static int move(struct open_file *file, struct transfer *transfer, bool is_write, size_t *done_bytes) {
    struct socket *socket = socket_of(file);
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
    struct socket *socket = socket_of(file);
    return socket->operations->poll(socket, queues);
}

static void close(struct open_file *file) {
    struct socket *socket = file->object;
    struct open_file *successor = socket->successor;
    socket->operations->close(socket);
    if (successor != NULL)
        file_unref(successor);
}

static int64_t control(struct open_file *file, uint32_t request, uint64_t argument) {
    struct socket *socket = socket_of(file);
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
