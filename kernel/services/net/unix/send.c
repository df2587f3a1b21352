/* Sending through unix sockets: see unix.h. */
#include "kernel/services/net/unix/inside.h"

#include <string.h>

#define OVERHEAD_BYTES 32u /* that a message may not use of the sender's buffer */

/* ---- what travels along ---- */

/* Take the files of a message over into an own block, which a queued message keeps. */
static int take_files(struct unix_domain *domain, struct socket_message *message, struct unix_message *made) {
    if (message->file_count == 0)
        return 0;
    size_t size = sizeof(*made->files) + message->file_count * sizeof(made->files->files[0]);
    struct unix_files *files = machine_take(domain->vfs->machine, size);
    if (files == NULL)
        return -LINUX_ENOMEM;
    files->count = message->file_count;
    memcpy(files->files, message->files, message->file_count * sizeof(files->files[0]));
    made->files = files;
    message->file_count = 0;
    return 0;
}

/* It was not sent: the files are the sender's again. */
static void return_files(struct unix_domain *domain, struct socket_message *message, struct unix_message *made) {
    struct unix_files *files = made->files;
    if (files == NULL)
        return;
    message->file_count = files->count;
    memcpy(message->files, files->files, files->count * sizeof(files->files[0]));
    machine_give_back(domain->vfs->machine, files, sizeof(*files) + files->count * sizeof(files->files[0]));
    made->files = NULL;
}

static void give_up(struct unix_domain *domain, struct unix_message *made) {
    struct list messages;
    list_init(&messages);
    list_append(&messages, &made->link);
    unix_messages_give_back(domain, &messages);
}

/* ---- one message ---- */

/* Locked. What of a socket's own ends sending: an error that waits, or that it is shut. */
static int check_sender(struct unix_socket *from) {
    int error = from->error;
    from->error = 0;
    if (error != 0)
        return -error;
    return (from->shut & SHUT_SEND) != 0 ? -LINUX_EPIPE : 0;
}

/* Locked: until the sender's buffer has room. */
static int wait_for_buffer(struct unix_socket *from, uint64_t until_ns) {
    for (;;) {
        int status = check_sender(from);
        if (status != 0)
            return status;
        if (from->charged_bytes < from->socket.send_bytes_max)
            return 0;
        if (until_ns == 0)
            return -LINUX_EAGAIN;
        status = machine_sleep_until(unix_machine(from), &from->writable, &from->domain->lock, until_ns);
        if (status != 0)
            return status == -LINUX_ETIMEDOUT ? -LINUX_EAGAIN : status;
    }
}

/* A message of the next bytes, filled and charged to the sender. */
static int make(struct unix_socket *from, struct socket_message *message, uint32_t size, uint64_t until_ns,
                struct unix_message **made) {
    struct unix_domain *domain = from->domain;
    if (message->file_count > 0 &&
        __atomic_load_n(&domain->in_flight, __ATOMIC_RELAXED) + message->file_count > UNIX_IN_FLIGHT_MAX) {
        unix_collect(domain);
        if (__atomic_load_n(&domain->in_flight, __ATOMIC_RELAXED) + message->file_count > UNIX_IN_FLIGHT_MAX)
            return -LINUX_ETOOMANYREFS;
    }
    unix_lock(domain);
    int status = wait_for_buffer(from, until_ns);
    unix_unlock(domain);
    if (status != 0)
        return status;
    struct unix_message *filled = unix_message_create(domain, size);
    if (filled == NULL)
        return -LINUX_ENOMEM;
    status = unix_message_fill(filled, message->transfer);
    if (status == 0)
        status = take_files(domain, message, filled);
    if (status != 0) {
        give_up(domain, filled);
        return status;
    }
    if (message->has_credentials)
        filled->credentials = message->credentials;
    else
        domain->look(&filled->credentials);
    filled->has_credentials = message->has_credentials;
    unix_lock(domain);
    unix_message_charge(filled, from);
    unix_unlock(domain);
    *made = filled;
    return 0;
}

/* Locked: put it into the queue of the other end. */
static void deliver(struct unix_socket *from, struct unix_socket *to, struct unix_message *made) {
    made->has_credentials = made->has_credentials || to->file == NULL ||
                            socket_is(&from->socket, SOCKET_PASSES_CREDENTIALS) ||
                            socket_is(&to->socket, SOCKET_PASSES_CREDENTIALS);
    unix_message_queue(to, made);
}

/* ---- streams ---- */

static int send_piece(struct unix_socket *from, struct unix_socket *to, struct socket_message *message,
                      uint64_t until_ns) {
    uint32_t size = UNIX_STREAM_PAGES * VFS_PAGE_BYTES;
    struct unix_message *made;
    size = message->transfer->left_bytes < size ? (uint32_t)message->transfer->left_bytes : size;
    int status = make(from, message, size, until_ns, &made);
    if (status != 0)
        return status;
    unix_lock(from->domain);
    if (to->is_closed || (to->shut & SHUT_RECEIVE) != 0)
        status = -LINUX_EPIPE;
    else
        deliver(from, to, made);
    unix_unlock(from->domain);
    if (status != 0) {
        return_files(from->domain, message, made);
        give_up(from->domain, made);
        return status;
    }
    message->done_bytes += size;
    return 0;
}

/* Locked. The peer, held. */
static int find_stream_peer(struct unix_socket *from, const struct socket_message *message, struct unix_socket **to) {
    if (message->name.size_bytes > 0)
        return from->state == UNIX_CONNECTED ? -LINUX_EISCONN : -LINUX_EOPNOTSUPP;
    if (from->peer == NULL)
        return -LINUX_ENOTCONN;
    if ((from->shut & SHUT_SEND) != 0)
        return -LINUX_EPIPE;
    *to = unix_ref(from->peer);
    return 0;
}

static int send_stream(struct unix_socket *from, struct socket_message *message, uint64_t until_ns) {
    struct unix_socket *to;
    unix_lock(from->domain);
    int status = find_stream_peer(from, message, &to);
    unix_unlock(from->domain);
    if (status != 0)
        return status;
    while (status == 0 && message->transfer->left_bytes > 0)
        status = send_piece(from, to, message, until_ns);
    unix_tell_kernel(to);
    unix_unref(to);
    return message->done_bytes > 0 ? 0 : status;
}

/* ---- datagrams and sequenced packets ---- */

/* The socket that a message is for, held. */
static int find_receiver(struct unix_socket *from, const struct socket_message *message, struct unix_socket **to) {
    int status = 0;
    if (message->name.size_bytes > 0 && !unix_has_connections(from))
        return unix_find(from, message->caller, &message->name, to);
    unix_lock(from->domain);
    if (from->peer == NULL)
        status = -LINUX_ENOTCONN;
    else
        *to = unix_ref(from->peer);
    unix_unlock(from->domain);
    return status;
}

/* What a sender loses with its receiver. */
struct lost {
    struct unix_socket *peer; /* the reference that it had */
    struct list messages; /* that it did not read */
};

/* Locked. The receiver's file is closed: a datagram socket forgets it. */
static int refuse_closed(struct unix_socket *from, struct unix_socket *to, struct lost *lost) {
    if (unix_has_connections(from))
        return -LINUX_EPIPE;
    if (from->peer == to) {
        lost->peer = from->peer;
        from->peer = NULL;
        from->state = UNIX_ALONE;
        unix_leave(from, to, &lost->messages);
        unix_wake(from);
    }
    return -LINUX_ECONNREFUSED;
}

/* Locked: until the receiver takes it. */
static int wait_for_receiver(struct unix_socket *from, struct unix_socket *to, uint64_t until_ns, struct lost *lost) {
    for (;;) {
        if (!unix_has_connections(from) && !unix_may_send(from, to))
            return -LINUX_EPERM;
        if (to->is_closed)
            return refuse_closed(from, to, lost);
        if ((to->shut & SHUT_RECEIVE) != 0)
            return -LINUX_EPIPE;
        if (to == from || to->peer == from || to->message_count <= UNIX_DATAGRAMS_MAX)
            return 0;
        if (until_ns == 0)
            return -LINUX_EAGAIN;
        int status = machine_sleep_until(unix_machine(to), &to->writable, &to->domain->lock, until_ns);
        if (status != 0)
            return status == -LINUX_ETIMEDOUT ? -LINUX_EAGAIN : status;
    }
}

/* Find the receiver of a message that was made, and wait for it. */
static int pass_on(struct unix_socket *from, struct socket_message *message, struct unix_message *made,
                   uint64_t until_ns) {
    struct lost lost = {.peer = NULL};
    struct unix_socket *to;
    int status = find_receiver(from, message, &to);
    if (status != 0)
        return status;
    list_init(&lost.messages);
    unix_lock(from->domain);
    status = wait_for_receiver(from, to, until_ns, &lost);
    if (status == 0)
        deliver(from, to, made);
    unix_unlock(from->domain);
    unix_messages_give_back(from->domain, &lost.messages);
    if (lost.peer != NULL)
        unix_unref(lost.peer);
    if (status == 0)
        unix_tell_kernel(to);
    unix_unref(to);
    return status;
}

/* What of a connection ends sending before anything else is looked at. */
static int check_connection(struct unix_socket *from) {
    int status = 0;
    unix_lock(from->domain);
    if (from->error != 0) {
        status = -from->error;
        from->error = 0;
    } else if (from->state != UNIX_CONNECTED) {
        status = -LINUX_ENOTCONN;
    }
    unix_unlock(from->domain);
    return status;
}

static int send_datagram(struct unix_socket *from, struct socket_message *message, uint64_t until_ns) {
    uint32_t size = (uint32_t)message->transfer->left_bytes;
    struct unix_message *made;
    int status = unix_has_connections(from)     ? check_connection(from)
                 : message->name.size_bytes > 0 ? unix_check_name(&message->name)
                                                : 0;
    if (status == 0 && socket_is(&from->socket, SOCKET_PASSES_CREDENTIALS))
        status = unix_bind_free(from);
    if (status == 0 && message->transfer->left_bytes > from->socket.send_bytes_max - OVERHEAD_BYTES)
        status = -LINUX_EMSGSIZE;
    if (status == 0)
        status = make(from, message, size, until_ns, &made);
    if (status != 0)
        return status;
    status = pass_on(from, message, made, until_ns);
    if (status != 0) {
        return_files(from->domain, message, made);
        give_up(from->domain, made);
        return status;
    }
    message->done_bytes = size;
    return 0;
}

int unix_send(struct socket *socket, struct socket_message *message) {
    struct unix_socket *from = unix_of(socket);
    uint64_t until_ns = socket_deadline(socket, socket->send_timeout_ns, message->may_wait);
    if ((message->flags & LINUX_MSG_OOB) != 0)
        return -LINUX_EOPNOTSUPP;
    return unix_is_stream(from) ? send_stream(from, message, until_ns) : send_datagram(from, message, until_ns);
}
