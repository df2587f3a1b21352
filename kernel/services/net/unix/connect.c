/* Connections of unix sockets: made, waited for, and ended. See unix.h. */
#include "kernel/services/net/unix/inside.h"

#include <string.h>

bool unix_may_send(const struct unix_socket *from, const struct unix_socket *to) {
    return to->peer == NULL || to->peer == from;
}

void unix_join(struct unix_socket *first, struct unix_socket *second) {
    first->peer = unix_ref(second);
    second->peer = unix_ref(first);
    first->state = second->state = UNIX_CONNECTED;
}

/* What of an address is looked at before anything else is. */
static int check_destination(const struct socket_name *name) {
    int status = unix_check_name(name);
    return status == 0 && name->size_bytes == sizeof(uint16_t) ? -LINUX_EINVAL : status;
}

/* ---- datagrams ---- */

void unix_leave(struct unix_socket *socket, struct unix_socket *before, struct list *lost) {
    if (!list_is_empty(&socket->messages) && !before->is_closed && before->peer == socket)
        before->error = LINUX_ECONNRESET;
    list_append_all(lost, &socket->messages);
    socket->message_count = 0;
    socket->waiting_bytes = 0;
    if (before->peer == NULL)
        before->state = UNIX_ALONE;
    unix_wake(before);
}

/* A socket that is connected to another one gets no peer that way: it only says where what it sends goes. */
static int connect_datagrams(struct unix_socket *socket, const struct caller *caller, const struct socket_name *name) {
    struct unix_socket *to = NULL, *before;
    uint16_t family = LINUX_AF_UNSPEC;
    struct list lost;
    int status = 0;
    list_init(&lost);
    memcpy(&family, name->bytes, name->size_bytes >= sizeof(family) ? sizeof(family) : 0);
    if (name->size_bytes < sizeof(family))
        return -LINUX_EINVAL;
    if (family != LINUX_AF_UNSPEC) {
        status = check_destination(name);
        if (status == 0 && socket_is(&socket->socket, SOCKET_PASSES_CREDENTIALS))
            status = unix_bind_free(socket);
        if (status == 0)
            status = unix_find(socket, caller, name, &to);
        if (status != 0)
            return status;
    }
    unix_lock(socket->domain);
    before = to;
    if (to != NULL && !unix_may_send(socket, to)) {
        status = -LINUX_EPERM;
    } else {
        before = socket->peer;
        socket->peer = to;
        socket->state = to != NULL ? UNIX_CONNECTED : UNIX_ALONE;
        if (before != NULL && before != to)
            unix_leave(socket, before, &lost);
        unix_wake(socket);
    }
    unix_unlock(socket->domain);
    unix_messages_give_back(socket->domain, &lost);
    if (before != NULL)
        unix_unref(before);
    return status;
}

/* ---- streams and sequenced packets ---- */

/* Locked. Until one that listens has room: 0; or why there is no connection. The socket is held. */
static int wait_for_listener(struct unix_socket *to, uint64_t until_ns) {
    for (;;) {
        if (to->is_closed || to->state != UNIX_LISTENS || (to->shut & SHUT_RECEIVE) != 0)
            return -LINUX_ECONNREFUSED;
        if (to->connection_count <= to->connections_max)
            return 0;
        if (until_ns == 0)
            return -LINUX_EAGAIN;
        int status = machine_sleep_until(unix_machine(to), &to->writable, &to->domain->lock, until_ns);
        if (status != 0)
            return status == -LINUX_ETIMEDOUT ? -LINUX_EAGAIN : status;
    }
}

static int connect_to(struct unix_socket *socket, struct unix_socket *to, struct unix_socket *end, bool may_wait) {
    struct unix_domain *domain = socket->domain;
    uint64_t until_ns = socket_deadline(&socket->socket, socket->socket.send_timeout_ns, may_wait);
    domain->look(&end->peer_credentials);
    unix_lock(domain);
    int status = wait_for_listener(to, until_ns);
    if (status == 0 && socket->state != UNIX_ALONE)
        status = socket->state == UNIX_LISTENS ? -LINUX_EINVAL : -LINUX_EISCONN;
    if (status == 0) {
        unix_join(socket, end);
        socket->peer_credentials = to->peer_credentials;
        end->name = to->name;
        end->name->references++;
        list_append(&to->connections, &end->link); /* its first reference is the queue's */
        to->connection_count++;
        unix_wake(to);
        unix_wake(socket);
    }
    unix_unlock(domain);
    return status;
}

/* The kernel's own listener gives what stands in the socket's place from now on. */
static int connect_to_kernel(struct unix_socket *socket, const struct unix_socket *to) {
    struct unix_domain *domain = socket->domain;
    struct socket_credentials who;
    struct open_file *file = NULL;
    int status = 0;
    domain->look(&who);
    unix_lock(domain);
    if (socket->state != UNIX_ALONE)
        status = socket->state == UNIX_LISTENS ? -LINUX_EINVAL : -LINUX_EISCONN;
    else
        socket->state = UNIX_REPLACED;
    unix_unlock(domain);
    if (status != 0)
        return status;
    status = to->listener->connect(to->listener, &who, &file);
    if (status == 0)
        socket_succeed(&socket->socket, file);
    unix_lock(domain);
    if (status != 0)
        socket->state = UNIX_ALONE;
    unix_wake(socket);
    unix_unlock(domain);
    return status;
}

int unix_connect(struct socket *socket, const struct caller *caller, const struct socket_name *name, bool may_wait) {
    struct unix_socket *from = unix_of(socket), *to, *end;
    if (!unix_has_connections(from))
        return connect_datagrams(from, caller, name);
    int status = check_destination(name);
    if (status == 0 && socket_is(socket, SOCKET_PASSES_CREDENTIALS))
        status = unix_bind_free(from);
    if (status == 0)
        status = unix_make(from->domain, socket->type, &end);
    if (status != 0)
        return status;
    status = unix_find(from, caller, name, &to);
    if (status == 0) {
        bool is_kernel = to->listener != NULL;
        status = is_kernel ? connect_to_kernel(from, to) : connect_to(from, to, end, may_wait);
        unix_unref(to);
        if (is_kernel) {
            unix_close(&end->socket);
            return status;
        }
    }
    if (status != 0)
        unix_close(&end->socket);
    return status;
}

int unix_listen(struct socket *socket, uint32_t backlog) {
    struct unix_socket *listener = unix_of(socket);
    struct socket_credentials credentials;
    int status = 0;
    if (!unix_has_connections(listener))
        return -LINUX_EOPNOTSUPP;
    listener->domain->look(&credentials);
    unix_lock(listener->domain);
    if (listener->name == NULL || listener->state >= UNIX_CONNECTED) {
        status = -LINUX_EINVAL;
    } else {
        listener->state = UNIX_LISTENS;
        listener->connections_max = backlog < LINUX_SOMAXCONN ? backlog : LINUX_SOMAXCONN;
        listener->peer_credentials = credentials;
        unix_wake(listener);
    }
    unix_unlock(listener->domain);
    return status;
}

int unix_accept(struct socket *socket, bool may_wait, struct socket **accepted) {
    struct unix_socket *listener = unix_of(socket), *end = NULL;
    uint64_t until_ns = socket_deadline(socket, socket->receive_timeout_ns, may_wait);
    int status = 0;
    if (!unix_has_connections(listener))
        return -LINUX_EOPNOTSUPP;
    unix_lock(listener->domain);
    while (status == 0 && end == NULL) {
        end = list_first_item(&listener->connections, struct unix_socket, link);
        if (end != NULL) {
            list_remove(&end->link);
            listener->connection_count--;
            end->socket.flags |= socket->flags & SOCKET_PASSES_CREDENTIALS;
            unix_wake(listener);
        } else if (listener->state != UNIX_LISTENS) {
            status = -LINUX_EINVAL;
        } else if (until_ns == 0) {
            status = -LINUX_EAGAIN;
        } else if ((listener->shut & SHUT_RECEIVE) != 0) {
            status = -LINUX_EINVAL;
        } else {
            status =
                machine_sleep_until(unix_machine(listener), &listener->readable, &listener->domain->lock, until_ns);
            status = status == -LINUX_ETIMEDOUT ? -LINUX_EAGAIN : status;
        }
    }
    unix_unlock(listener->domain);
    if (status == 0)
        *accepted = &end->socket;
    return status;
}

int unix_shut_down(struct socket *socket, uint32_t how) {
    struct unix_socket *end = unix_of(socket), *peer = NULL;
    if (how > LINUX_SHUT_RDWR)
        return -LINUX_EINVAL;
    uint32_t shut = how + 1; /* SHUT_ bits */
    uint32_t of_peer = ((shut & SHUT_RECEIVE) != 0 ? SHUT_SEND : 0) | ((shut & SHUT_SEND) != 0 ? SHUT_RECEIVE : 0);
    unix_lock(end->domain);
    end->shut |= shut;
    unix_wake(end);
    if (end->peer != NULL && unix_has_connections(end)) {
        peer = unix_ref(end->peer);
        peer->shut |= of_peer;
        unix_wake(peer);
    }
    unix_unlock(end->domain);
    if (peer != NULL) {
        unix_tell_kernel(peer);
        unix_unref(peer);
    }
    return 0;
}
