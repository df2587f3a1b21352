/*
 * /dev/fuse: where a server reads requests and writes replies. See fuse.h, and fuse(4).
 *
 * A read takes one request whole, a write is one reply or notice whole. A server that writes something else gets an error, and
 * the request it meant, if any, fails with EIO: its caller does not wait for ever.
 */
#include "kernel/services/fuse/fuse.h"

#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/vfs/device.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define MAJOR_MISC 10u
#define MINOR_FUSE 229u
#define BATCH_MAX 32u /* forgets in one request */
#define ERROR_MAX 511
#define UNIQUE_INTERRUPT 1u

struct fuse_device {
    const struct fuse_host *host;
    struct fuse_connection *connection; /* held; set once, atomic. NULL: nothing is mounted by it */
};

static struct device fuse_device;

static const struct vfs_machine *machine_of(const struct fuse_connection *connection) {
    return connection->system.vfs->machine;
}

static struct fuse_device *inside(const struct open_file *file) {
    return file->object;
}

/* Pairs with the store in fuse_device_attach. */
static struct fuse_connection *connection_of(const struct open_file *file) {
    return __atomic_load_n(&inside(file)->connection, __ATOMIC_ACQUIRE);
}

/* ---- reading ---- */

static int read_interrupt(struct fuse_connection *connection, struct transfer *transfer, size_t *done) {
    struct {
        struct fuse_in_header header;
        struct fuse_interrupt_in body;
    } laid = {.header = {.bytes = sizeof(laid), .operation = FUSE_OP_INTERRUPT}};
    struct fuse_request *request = list_first_item(&connection->interrupts, struct fuse_request, interrupt_link);
    list_remove(&request->interrupt_link);
    laid.header.unique = request->header->unique | UNIQUE_INTERRUPT;
    laid.body.unique = request->header->unique;
    spinlock_unlock(&connection->lock);
    int status = transfer_all_out(transfer, &laid, sizeof(laid));
    *done = status == 0 ? sizeof(laid) : 0;
    return status;
}

/* One FORGET, or many in one; the lock is held and is given up. */
static int read_forgets(struct fuse_connection *connection, struct transfer *transfer, size_t *done) {
    struct {
        struct fuse_in_header header;
        struct fuse_batch_forget_in body;
        struct fuse_forget_one nodes[BATCH_MAX];
    } laid;
    struct list taken;
    struct fuse_forget *forget;
    memset(&laid, 0, sizeof(laid));
    list_init(&taken);
    while (laid.body.count < BATCH_MAX &&
           (forget = list_first_item(&connection->forgets, struct fuse_forget, link)) != NULL) {
        list_remove(&forget->link);
        list_append(&taken, &forget->link);
        laid.nodes[laid.body.count++] = (struct fuse_forget_one){.node = forget->node, .count = forget->count};
    }
    connection->uniques += 2;
    laid.header.unique = connection->uniques;
    spinlock_unlock(&connection->lock);
    laid.header.operation = FUSE_OP_BATCH_FORGET;
    laid.header.bytes = (uint32_t)(sizeof(laid.header) + sizeof(laid.body) + laid.body.count * sizeof(laid.nodes[0]));
    int status = transfer_all_out(transfer, &laid, laid.header.bytes);
    *done = status == 0 ? laid.header.bytes : 0;
    while ((forget = list_first_item(&taken, struct fuse_forget, link)) != NULL) {
        list_remove(&forget->link);
        machine_give_back(machine_of(connection), forget, forget->block_bytes);
    }
    return status;
}

/* The lock is held, and is given up. One that the server's memory cannot take fails. */
static int read_request(struct fuse_connection *connection, struct transfer *transfer, size_t *done) {
    struct fuse_request *request = fuse_request_take_pending(connection);
    spinlock_unlock(&connection->lock);
    int status = -LINUX_EINVAL;
    if (request->in_bytes <= transfer->left_bytes)
        status = transfer_all_out(transfer, request->header, request->in_bytes);
    if (status == 0) {
        *done = request->in_bytes;
    } else {
        spinlock_lock(&connection->lock);
        bool is_ours = !request->is_done && list_is_linked(&request->link) && connection->state != FUSE_DEAD;
        if (is_ours)
            list_remove(&request->link);
        spinlock_unlock(&connection->lock);
        if (is_ours)
            fuse_request_answer(request, -LINUX_EIO);
    }
    fuse_request_let_go(request);
    return status;
}

static bool has_something(const struct fuse_connection *connection) {
    return !list_is_empty(&connection->interrupts) || !list_is_empty(&connection->pending) ||
           !list_is_empty(&connection->forgets);
}

/* The lock is held. Until there is something. */
static int wait_for_request(struct fuse_connection *connection, bool may_wait) {
    const struct vfs_machine *machine = machine_of(connection);
    int status = 0;
    while (status == 0 && connection->state != FUSE_DEAD && !has_something(connection))
        status = may_wait ? machine->sleep(machine->context, &connection->readers, &connection->lock) : -LINUX_EAGAIN;
    return connection->state == FUSE_DEAD ? -LINUX_ENODEV : status;
}

static int read_next(struct fuse_connection *connection, struct transfer *transfer, size_t *done) {
    if (!list_is_empty(&connection->interrupts))
        return read_interrupt(connection, transfer, done);
    connection->is_forget_next = !connection->is_forget_next;
    bool is_forget =
        !list_is_empty(&connection->forgets) && (connection->is_forget_next || list_is_empty(&connection->pending));
    return is_forget ? read_forgets(connection, transfer, done) : read_request(connection, transfer, done);
}

static int read(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    struct fuse_connection *connection = connection_of(file);
    if (connection == NULL)
        return -LINUX_EPERM;
    size_t least = sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in);
    spinlock_lock(&connection->lock);
    least += connection->write_bytes_max;
    if (transfer->left_bytes < FUSE_READ_BYTES_MIN ||
        (connection->state == FUSE_SERVES && transfer->left_bytes < least)) {
        spinlock_unlock(&connection->lock);
        return -LINUX_EINVAL;
    }
    int status = wait_for_request(connection, (file_flags(file) & LINUX_O_NONBLOCK) == 0);
    if (status != 0) {
        spinlock_unlock(&connection->lock);
        return status;
    }
    return read_next(connection, transfer, done_bytes);
}

/* ---- writing ---- */

/* The request that a reply names, out of the queue, whose hold the caller has now; or NULL. The lock is held. */
static struct fuse_request *take_sent(struct fuse_connection *connection, uint64_t unique) {
    for (struct list *link = connection->sent.next; link != &connection->sent; link = link->next) {
        struct fuse_request *request = list_item(link, struct fuse_request, link);
        if (request->header->unique == unique) {
            list_remove(&request->link);
            list_remove(&request->interrupt_link);
            return request;
        }
    }
    return NULL;
}

/* The server has no interrupts, or the request to be interrupted was not there yet. */
static int answer_interrupt(struct fuse_connection *connection, const struct fuse_out_header *header) {
    if (header->error == -LINUX_ENOSYS) {
        __atomic_or_fetch(&connection->missing, UINT64_C(1) << FUSE_OP_INTERRUPT, __ATOMIC_RELAXED);
        return 0;
    }
    spinlock_lock(&connection->lock);
    struct fuse_request *found = NULL;
    for (struct list *link = connection->sent.next; link != &connection->sent && found == NULL; link = link->next)
        if (list_item(link, struct fuse_request, link)->header->unique == (header->unique & ~UINT64_C(1)))
            found = list_item(link, struct fuse_request, link);
    bool is_again = found != NULL && header->error == -LINUX_EAGAIN && !list_is_linked(&found->interrupt_link);
    if (is_again)
        list_append(&connection->interrupts, &found->interrupt_link);
    spinlock_unlock(&connection->lock);
    return found != NULL ? 0 : -LINUX_ENOENT;
}

/* The body of a reply goes where its caller finds it. */
static int take_body(struct fuse_request *request, const struct fuse_out_header *header, struct transfer *transfer) {
    size_t bytes = header->bytes - sizeof(*header);
    if (header->error != 0)
        return bytes == 0 ? 0 : -LINUX_EINVAL;
    if (bytes < request->out_bytes_min || bytes > request->out_bytes_max)
        return -LINUX_EINVAL;
    int status = transfer_all_in(transfer, request->out, bytes);
    request->out_bytes = status == 0 ? bytes : 0;
    return status;
}

static int take_reply(struct fuse_connection *connection, const struct fuse_out_header *header,
                      struct transfer *transfer) {
    bool is_error = header->error <= 0 && header->error >= -ERROR_MAX;
    spinlock_lock(&connection->lock);
    struct fuse_request *request = take_sent(connection, header->unique);
    spinlock_unlock(&connection->lock);
    if (request == NULL)
        return (header->unique & UNIQUE_INTERRUPT) != 0 ? answer_interrupt(connection, header) : -LINUX_ENOENT;
    int status = is_error ? take_body(request, header, transfer) : -LINUX_EINVAL;
    fuse_request_answer(request, status == 0 ? header->error : -LINUX_EIO);
    return status;
}

int fuse_reply(struct fuse_connection *connection, struct transfer *transfer, size_t *done_bytes) {
    struct fuse_out_header header;
    size_t bytes = transfer->left_bytes;
    if (bytes < sizeof(header))
        return -LINUX_EINVAL;
    int status = transfer_all_in(transfer, &header, sizeof(header));
    if (status != 0)
        return status;
    if (header.bytes != bytes)
        return -LINUX_EINVAL;
    if (header.unique == 0)
        status = fuse_notice(connection, header.error, transfer, bytes - sizeof(header));
    else
        status = take_reply(connection, &header, transfer);
    if (status == 0)
        *done_bytes = bytes;
    return status;
}

static int write(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    struct fuse_connection *connection = connection_of(file);
    if (connection == NULL)
        return -LINUX_EPERM;
    return fuse_reply(connection, transfer, done_bytes);
}

/* ---- the rest ---- */

static uint32_t poll(struct open_file *file, struct wait_queue **queues) {
    struct fuse_connection *connection = connection_of(file);
    if (connection == NULL)
        return LINUX_POLLERR;
    queues[FILE_QUEUE_READ] = &connection->readers;
    spinlock_lock(&connection->lock);
    uint32_t mask = LINUX_POLLOUT | LINUX_POLLWRNORM;
    if (connection->state == FUSE_DEAD)
        mask = LINUX_POLLERR;
    else if (has_something(connection))
        mask |= LINUX_POLLIN | LINUX_POLLRDNORM;
    spinlock_unlock(&connection->lock);
    return mask;
}

static void close(struct open_file *file) {
    struct fuse_connection *connection = connection_of(file);
    if (connection != NULL) {
        spinlock_lock(&connection->lock);
        bool is_last = --connection->devices == 0;
        spinlock_unlock(&connection->lock);
        if (is_last)
            fuse_abort(connection);
        fuse_let_go(connection);
    }
    machine_give_back(file->vfs->machine, inside(file), sizeof(struct fuse_device));
}

static const struct file_operations device_operations;

int fuse_device_attach(struct open_file *file, struct fuse_connection *connection) {
    if (file->operations != &device_operations)
        return -LINUX_EINVAL;
    struct fuse_connection *none = NULL;
    fuse_hold(connection);
    spinlock_lock(&connection->lock);
    connection->devices++;
    spinlock_unlock(&connection->lock);
    if (__atomic_compare_exchange_n(&inside(file)->connection, &none, connection, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED))
        return 0;
    spinlock_lock(&connection->lock);
    connection->devices--;
    spinlock_unlock(&connection->lock);
    fuse_let_go(connection);
    return -LINUX_EINVAL;
}

/* Another open device for the same connection, so that threads of a server need not share one. */
static int64_t clone(struct open_file *file, uint64_t argument) {
    uint32_t number;
    struct open_file *from;
    if (!process_read(&number, argument, sizeof(number)))
        return -LINUX_EFAULT;
    int status = inside(file)->host->get_file(number, &from);
    if (status != 0)
        return -LINUX_EINVAL;
    struct fuse_connection *connection = from->operations == &device_operations ? connection_of(from) : NULL;
    status = connection != NULL ? fuse_device_attach(file, connection) : -LINUX_EINVAL;
    file_unref(from);
    return status;
}

static int64_t control(struct open_file *file, uint32_t request, uint64_t argument) {
    return request == FUSE_DEV_CLONE ? clone(file, argument) : -LINUX_ENOTTY;
}

static const struct file_operations device_operations = {
    .read = read, .write = write, .poll = poll, .close = close, .control = control};

static int open(struct open_file *file) {
    const struct device *device = file->device;
    struct fuse_device *made = machine_take(file->vfs->machine, sizeof(*made));
    if (made == NULL)
        return -LINUX_ENOMEM;
    *made = (struct fuse_device){.host = device->context};
    file->object = made;
    return 0;
}

int fuse_device_add(struct vfs *vfs, const struct fuse_host *host) {
    fuse_device = (struct device){.name = "fuse",
                                  .major = MAJOR_MISC,
                                  .minor = MINOR_FUSE,
                                  .mode = 0666,
                                  .operations = &device_operations,
                                  .context = (void *)(uintptr_t)host,
                                  .open = open};
    return device_add(vfs, &fuse_device);
}
