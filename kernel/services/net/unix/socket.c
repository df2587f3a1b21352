/* The life of unix sockets, and what is asked of them besides messages: see unix.h. */
#include "kernel/services/net/unix/inside.h"

#include "kernel/services/vfs/change.h"

#include <string.h>

void unix_domain_init(struct unix_domain *domain, struct vfs *vfs, void (*look)(struct socket_credentials *)) {
    *domain = (struct unix_domain){.vfs = vfs, .look = look};
    for (uint32_t i = 0; i < UNIX_BUCKETS; i++)
        list_init(&domain->names[i]);
    list_init(&domain->flying);
    list_init(&domain->doomed);
}

int unix_make(struct unix_domain *domain, uint32_t type, struct unix_socket **made) {
    struct unix_socket *socket = machine_take(domain->vfs->machine, sizeof(*socket));
    if (socket == NULL)
        return -LINUX_ENOMEM;
    *socket = (struct unix_socket){
        .domain = domain, .references = 1, .peer_credentials = {.user = UINT32_MAX, .group = UINT32_MAX}};
    socket_init(&socket->socket, &unix_operations, domain->vfs, LINUX_AF_UNIX, (uint16_t)type);
    list_init(&socket->messages);
    list_init(&socket->connections);
    unix_lock(domain);
    bool is_full = domain->sockets >= UNIX_SOCKETS_MAX;
    domain->sockets += !is_full;
    unix_unlock(domain);
    if (is_full) {
        machine_give_back(domain->vfs->machine, socket, sizeof(*socket));
        return -LINUX_ENFILE;
    }
    *made = socket;
    return 0;
}

void unix_unref(struct unix_socket *socket) {
    struct unix_domain *domain = socket->domain;
    unix_lock(domain);
    bool is_last = --socket->references == 0;
    domain->sockets -= is_last;
    unix_unlock(domain);
    if (!is_last)
        return;
    if (socket->name != NULL)
        unix_name_unref(domain, socket->name);
    machine_give_back(domain->vfs->machine, socket, sizeof(*socket));
}

void unix_wake(struct unix_socket *socket) {
    const struct vfs_machine *machine = unix_machine(socket);
    machine->wake(machine->context, &socket->readable);
    machine->wake(machine->context, &socket->writable);
}

void unix_tell_kernel(struct unix_socket *socket) {
    struct unix_kernel *kernel = socket->kernel;
    if (kernel == NULL)
        return;
    /* Who closes the socket waits for us, so the kernel's part stays as long as it is told. */
    unix_lock(socket->domain);
    bool is_open = !socket->is_closed;
    kernel->calls += is_open;
    unix_unlock(socket->domain);
    if (!is_open)
        return;
    kernel->arrived(kernel);
    unix_lock(socket->domain);
    if (--kernel->calls == 0)
        unix_machine(socket)->wake(unix_machine(socket)->context, &kernel->quiet);
    unix_unlock(socket->domain);
}

static int check_type(uint32_t type, uint32_t protocol) {
    if (protocol != 0 && protocol != LINUX_AF_UNIX)
        return -LINUX_EPROTONOSUPPORT;
    if (type != LINUX_SOCK_STREAM && type != LINUX_SOCK_DGRAM && type != LINUX_SOCK_SEQPACKET)
        return -LINUX_ESOCKTNOSUPPORT;
    return 0;
}

int unix_create(struct unix_domain *domain, uint32_t type, uint32_t protocol, struct socket **created) {
    struct unix_socket *made;
    int status = check_type(type, protocol);
    if (status == 0)
        status = unix_make(domain, type, &made);
    if (status == 0)
        *created = &made->socket;
    return status;
}

int unix_create_pair(struct unix_domain *domain, uint32_t type, uint32_t protocol, struct socket *pair[2]) {
    struct unix_socket *first, *second;
    int status = check_type(type, protocol);
    if (status == 0)
        status = unix_make(domain, type, &first);
    if (status != 0)
        return status;
    status = unix_make(domain, type, &second);
    if (status != 0) {
        unix_close(&first->socket);
        return status;
    }
    domain->look(&first->peer_credentials);
    second->peer_credentials = first->peer_credentials;
    unix_lock(domain);
    unix_join(first, second);
    unix_unlock(domain);
    pair[0] = &first->socket;
    pair[1] = &second->socket;
    return 0;
}

/* ---- the end ---- */

/* Locked. What the other end is to hear was sent in vain; one empty message is not worth it. */
static bool has_unread(const struct unix_socket *socket) {
    const struct unix_message *first = list_first_item(&socket->messages, struct unix_message, link);
    return first != NULL && (first->read_bytes < first->size_bytes || socket->message_count > 1);
}

/* Locked. The other end of a connection reads to the end and then nothing; what it sent in vain is an error. */
static void leave_peer(struct unix_socket *socket, bool has_unread) {
    struct unix_socket *peer = socket->peer;
    if (peer == NULL)
        return;
    if (unix_has_connections(socket)) {
        peer->shut = SHUT_BOTH;
        if (has_unread)
            peer->error = LINUX_ECONNRESET;
    }
    unix_wake(peer);
}

/* Those that wait to be accepted are closed with it. */
static void close_connections(struct unix_socket *socket) {
    for (;;) {
        unix_lock(socket->domain);
        struct unix_socket *end = list_first_item(&socket->connections, struct unix_socket, link);
        if (end != NULL) {
            list_remove(&end->link);
            if (end->peer != NULL)
                end->peer->error = LINUX_ECONNRESET;
        }
        unix_unlock(socket->domain);
        if (end == NULL)
            return;
        unix_close(&end->socket);
    }
}

void unix_close(struct socket *closed) {
    struct unix_socket *socket = unix_of(closed), *peer;
    struct unix_domain *domain = socket->domain;
    struct list messages;
    list_init(&messages);
    unix_lock(domain);
    socket->is_closed = true;
    socket->file = NULL;
    socket->shut = SHUT_BOTH;
    leave_peer(socket, has_unread(socket));
    peer = socket->peer;
    socket->peer = NULL;
    socket->state = UNIX_ALONE;
    unix_name_forget(socket);
    list_append_all(&messages, &socket->messages);
    socket->message_count = 0;
    socket->waiting_bytes = 0;
    bool may_collect = domain->in_flight > 0;
    unix_wake(socket);
    unix_unlock(domain);
    unix_messages_give_back(domain, &messages);
    close_connections(socket);
    if (peer != NULL) {
        unix_tell_kernel(peer);
        unix_unref(peer);
    }
    unix_unref(socket);
    if (may_collect)
        unix_collect(domain);
}

/* ---- what is asked ---- */

static bool is_writable(const struct unix_socket *socket) {
    const struct unix_socket *peer = socket->peer;
    if (socket->state == UNIX_LISTENS || socket->charged_bytes * 4 > socket->socket.send_bytes_max)
        return false;
    return unix_has_connections(socket) || peer == NULL || peer->peer == socket ||
           peer->message_count <= UNIX_DATAGRAMS_MAX;
}

static uint32_t poll(struct socket *polled, struct wait_queue **queues) {
    struct unix_socket *socket = unix_of(polled);
    uint32_t mask = 0;
    queues[FILE_QUEUE_READ] = &socket->readable;
    queues[FILE_QUEUE_WRITE] = &socket->writable;
    unix_lock(socket->domain);
    mask |= socket->error != 0 ? LINUX_POLLERR : 0;
    mask |= socket->shut == SHUT_BOTH ? LINUX_POLLHUP : 0;
    if ((socket->shut & SHUT_RECEIVE) != 0)
        mask |= LINUX_POLLRDHUP | LINUX_POLLIN | LINUX_POLLRDNORM;
    if (!list_is_empty(&socket->messages) || !list_is_empty(&socket->connections))
        mask |= LINUX_POLLIN | LINUX_POLLRDNORM;
    if (unix_has_connections(socket) && socket->state == UNIX_ALONE)
        mask |= LINUX_POLLHUP;
    if (is_writable(socket))
        mask |= LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLWRBAND;
    unix_unlock(socket->domain);
    return mask;
}

static int64_t count(struct socket *counted, bool of_output) {
    struct unix_socket *socket = unix_of(counted);
    const struct unix_message *first;
    int64_t bytes;
    unix_lock(socket->domain);
    first = list_first_item(&socket->messages, struct unix_message, link);
    if (of_output)
        bytes = (int64_t)socket->charged_bytes;
    else if (socket->state == UNIX_LISTENS)
        bytes = -LINUX_EINVAL;
    else if (unix_has_connections(socket))
        bytes = (int64_t)socket->waiting_bytes;
    else
        bytes = first != NULL ? (int64_t)first->size_bytes : 0;
    unix_unlock(socket->domain);
    return bytes;
}

static int get_option(struct socket *asked, uint32_t level, uint32_t option, void *value, uint32_t *size_bytes) {
    struct unix_socket *socket = unix_of(asked);
    struct socket_credentials credentials;
    if (level != LINUX_SOL_SOCKET)
        return -LINUX_EOPNOTSUPP;
    if (option != LINUX_SO_PEERCRED)
        return -LINUX_ENOPROTOOPT;
    unix_lock(socket->domain);
    credentials = socket->peer_credentials;
    unix_unlock(socket->domain);
    *size_bytes = *size_bytes < sizeof(credentials) ? *size_bytes : (uint32_t)sizeof(credentials);
    memcpy(value, &credentials, *size_bytes);
    return 0;
}

static int set_option(struct socket *socket, uint32_t level, uint32_t option, const void *value, uint32_t size_bytes) {
    (void)socket;
    (void)option;
    (void)value;
    (void)size_bytes;
    return level == LINUX_SOL_SOCKET ? -LINUX_ENOPROTOOPT : -LINUX_EOPNOTSUPP;
}

static int take_error(struct socket *asked) {
    struct unix_socket *socket = unix_of(asked);
    unix_lock(socket->domain);
    int error = socket->error;
    socket->error = 0;
    unix_unlock(socket->domain);
    return error;
}

static bool is_listening(struct socket *socket) {
    return __atomic_load_n(&unix_of(socket)->state, __ATOMIC_RELAXED) == UNIX_LISTENS;
}

/* Its file is what travels: collect.c compares its references with its flights. */
static void opened(struct socket *socket, struct open_file *file) {
    struct unix_socket *unix_socket = unix_of(socket);
    unix_lock(unix_socket->domain);
    unix_socket->file = file;
    unix_unlock(unix_socket->domain);
}

const struct socket_operations unix_operations = {.opened = opened,
                                                  .bind = unix_bind,
                                                  .connect = unix_connect,
                                                  .listen = unix_listen,
                                                  .accept = unix_accept,
                                                  .send = unix_send,
                                                  .receive = unix_receive,
                                                  .shut_down = unix_shut_down,
                                                  .get_name = unix_get_name,
                                                  .poll = poll,
                                                  .count = count,
                                                  .get_option = get_option,
                                                  .set_option = set_option,
                                                  .take_error = take_error,
                                                  .is_listening = is_listening,
                                                  .close = unix_close};

/* ---- the kernel's end ---- */

int unix_create_kernel_pair(struct unix_domain *domain, uint32_t type, struct unix_kernel *kernel,
                            struct socket **of_program) {
    struct socket *pair[2];
    int status = unix_create_pair(domain, type, 0, pair);
    if (status != 0)
        return status;
    kernel->socket = pair[1];
    unix_of(pair[1])->kernel = kernel;
    __atomic_or_fetch(&pair[1]->flags, SOCKET_PASSES_CREDENTIALS, __ATOMIC_RELAXED);
    *of_program = pair[0];
    return 0;
}

int unix_kernel_send(struct unix_kernel *kernel, struct socket_message *message) {
    message->may_wait = false;
    return unix_send(kernel->socket, message);
}

int unix_kernel_receive(struct unix_kernel *kernel, struct socket_message *message) {
    message->may_wait = false;
    int status = unix_receive(kernel->socket, message);
    bool is_end = status == 0 && message->done_bytes == 0 && message->file_count == 0 &&
                  __atomic_load_n(&unix_of(kernel->socket)->shut, __ATOMIC_RELAXED) != 0;
    return is_end ? -LINUX_EPIPE : status;
}

void unix_kernel_close(struct unix_kernel *kernel) {
    struct unix_domain *domain = unix_of(kernel->socket)->domain;
    const struct vfs_machine *machine = domain->vfs->machine;
    unix_close(kernel->socket);
    kernel->socket = NULL;
    unix_lock(domain);
    while (kernel->calls > 0)
        machine->sleep_firmly(machine->context, &kernel->quiet, &domain->lock);
    unix_unlock(domain);
}

/* A socket at a path, in place of what is there. */
static int make_at(struct unix_domain *domain, uint32_t type, const struct caller *caller, const char *path,
                   struct unix_socket **made) {
    struct socket_name name = {.bytes = {LINUX_AF_UNIX}};
    struct walk_path node = {.text = path};
    size_t length = strlen(path);
    if (length >= UNIX_PATH_BYTES)
        return -LINUX_ENAMETOOLONG;
    memcpy(name.bytes + sizeof(uint16_t), path, length);
    name.size_bytes = (uint32_t)(sizeof(uint16_t) + length);
    int status = unix_make(domain, type, made);
    if (status != 0)
        return status;
    (void)vfs_unlink(caller, &node);
    status = unix_bind(&(*made)->socket, caller, &name);
    if (status != 0)
        unix_close(&(*made)->socket);
    return status;
}

int unix_kernel_bind(struct unix_domain *domain, const struct caller *caller, const char *path,
                     struct unix_kernel *kernel) {
    struct unix_socket *made;
    int status = make_at(domain, LINUX_SOCK_DGRAM, caller, path, &made);
    if (status != 0)
        return status;
    kernel->calls = 0;
    kernel->socket = &made->socket;
    made->kernel = kernel; /* nobody could send anything yet: what is in no view has no way to it */
    return 0;
}

int unix_kernel_listen(struct unix_domain *domain, uint32_t type, const struct caller *caller, const char *path,
                       struct unix_kernel_listener *listener) {
    struct unix_socket *made;
    int status = make_at(domain, type, caller, path, &made);
    if (status != 0)
        return status;
    listener->socket = &made->socket;
    unix_lock(domain);
    made->listener = listener;
    made->state = UNIX_LISTENS;
    unix_unlock(domain);
    return 0;
}

void unix_kernel_listen_end(struct unix_kernel_listener *listener) {
    unix_close(listener->socket);
    listener->socket = NULL;
}
