/* Receiving from unix sockets: see unix.h. One reader at a time, who holds the socket's `reading`. */
#include "kernel/services/net/unix/inside.h"

#include <string.h>

#define NOBODY 65534u

static struct unix_message *first_of(struct unix_socket *socket) {
    return list_first_item(&socket->messages, struct unix_message, link);
}

/* Others may read meanwhile: a reader that may not wait does not wait for one that does. */
static int wait_for_more(struct unix_socket *socket, uint64_t until_ns) {
    const struct vfs_machine *machine = unix_machine(socket);
    if (until_ns == 0)
        return -LINUX_EAGAIN;
    sleep_lock_give_up(&socket->reading, machine);
    int status = machine_sleep_until(machine, &socket->readable, &socket->domain->lock, until_ns);
    unix_unlock(socket->domain);
    sleep_lock_take(&socket->reading, machine);
    unix_lock(socket->domain);
    return status == -LINUX_ETIMEDOUT ? -LINUX_EAGAIN : status;
}

/* ---- what travelled along ---- */

/* Locked. The files become the reader's, or the reader gets references of its own. */
static void hand_over_files(struct unix_domain *domain, struct unix_message *from, struct socket_message *message,
                            bool is_peek, struct unix_files **emptied) {
    struct unix_files *files = from->files;
    if (files == NULL)
        return;
    if (message->files != NULL) {
        message->file_count = files->count;
        memcpy(message->files, files->files, files->count * sizeof(files->files[0]));
    } else {
        message->told |= LINUX_MSG_CTRUNC;
    }
    if (is_peek) {
        for (uint32_t i = 0; i < message->file_count; i++)
            file_ref(files->files[i]);
        return;
    }
    unix_files_land(domain, files);
    from->files = NULL;
    *emptied = files;
}

/* The files in it are the reader's now, unless there was no room for them. */
static void give_block_back(struct unix_domain *domain, struct unix_files *files,
                            const struct socket_message *message) {
    for (uint32_t i = 0; files != NULL && message->files == NULL && i < files->count; i++)
        file_unref(files->files[i]);
    if (files != NULL)
        machine_give_back(domain->vfs->machine, files, sizeof(*files) + files->count * sizeof(files->files[0]));
}

static bool wants_credentials(const struct unix_socket *socket) {
    return socket_is(&socket->socket, SOCKET_PASSES_CREDENTIALS) || socket->kernel != NULL;
}

/* What was sent before anybody asked who sends is from nobody. */
static struct socket_credentials credentials_of(const struct unix_message *from) {
    if (from->has_credentials)
        return from->credentials;
    return (struct socket_credentials){.user = NOBODY, .group = NOBODY};
}

static void tell_credentials(const struct unix_socket *socket, const struct unix_message *from,
                             struct socket_message *message) {
    if (wants_credentials(socket))
        message->credentials = credentials_of(from);
}

static void tell_sender(const struct unix_message *from, struct socket_name *name) {
    if (from->sender->name != NULL)
        unix_tell_name(from->sender->name, name);
}

/* ---- streams ---- */

struct stream_read {
    struct socket_message *message;
    uint64_t until_ns;
    size_t least; /* it waits until so many came */
    uint32_t skipped; /* of the message in work, when only peeking */
    bool is_peek;
    struct unix_message *at; /* the message in work; NULL: the first */
    bool has_sender; /* the credentials of a first message were told */
};

/* Locked. The message to read from now, in *found; NULL: no more for this read. */
static int find_in_stream(struct unix_socket *socket, struct stream_read *read, struct unix_message **found) {
    *found = NULL;
    for (;;) {
        if (read->at == NULL) {
            *found = first_of(socket);
        } else if (read->at->link.next != &socket->messages) {
            *found = list_item(read->at->link.next, struct unix_message, link);
        }
        if (*found != NULL || read->message->done_bytes >= read->least || read->at != NULL)
            return 0;
        int error = socket->error;
        socket->error = 0;
        if (error != 0)
            return -error;
        if ((socket->shut & SHUT_RECEIVE) != 0)
            return 0;
        int status = wait_for_more(socket, read->until_ns);
        if (status != 0)
            return status;
    }
}

/* Messages of different senders are not read as one, where anybody wants to know who sent them. */
static bool is_of_other(const struct stream_read *read, const struct unix_message *found) {
    const struct socket_credentials *told = &read->message->credentials;
    struct socket_credentials sender = credentials_of(found);
    return read->has_sender &&
           (sender.process != told->process || sender.user != told->user || sender.group != told->group);
}

/* Copy from one message. False: the read is over. */
static bool read_message(struct unix_socket *socket, struct stream_read *read, struct unix_message *found,
                         int *status) {
    struct socket_message *message = read->message;
    struct transfer *transfer = message->transfer;
    uint32_t left = found->size_bytes - found->read_bytes;
    uint32_t size = transfer->left_bytes < left ? (uint32_t)transfer->left_bytes : left;
    size_t done = 0;
    struct unix_files *emptied = NULL;
    struct list read_up;
    if (!read->has_sender && wants_credentials(socket)) {
        tell_credentials(socket, found, message);
        read->has_sender = true;
    }
    *status = unix_message_copy(found, found->read_bytes, size, transfer, &done);
    message->done_bytes += done;
    list_init(&read_up);
    unix_lock(socket->domain);
    bool has_files = found->files != NULL && done > 0;
    if (has_files)
        hand_over_files(socket->domain, found, message, read->is_peek, &emptied);
    if (!read->is_peek) {
        found->read_bytes += (uint32_t)done;
        socket->waiting_bytes -= done;
        if (found->read_bytes == found->size_bytes) {
            unix_message_take(socket, found);
            list_append(&read_up, &found->link);
        }
    }
    read->at = read->is_peek ? found : NULL;
    unix_unlock(socket->domain);
    give_block_back(socket->domain, emptied, message);
    unix_messages_give_back(socket->domain, &read_up);
    return *status == 0 && !has_files && transfer->left_bytes > 0;
}

static int receive_stream(struct unix_socket *socket, struct socket_message *message, uint64_t until_ns) {
    struct stream_read read = {.message = message,
                               .until_ns = until_ns,
                               .least = socket->socket.receive_least,
                               .is_peek = (message->flags & LINUX_MSG_PEEK) != 0};
    size_t size = message->transfer->left_bytes;
    int status = 0;
    bool goes_on = size > 0;
    read.least = (message->flags & LINUX_MSG_WAITALL) != 0 || read.least > size ? size : read.least;
    while (goes_on) {
        struct unix_message *found;
        unix_lock(socket->domain);
        status = find_in_stream(socket, &read, &found);
        if (found != NULL && message->done_bytes == 0)
            tell_sender(found, &message->name);
        unix_unlock(socket->domain);
        goes_on =
            status == 0 && found != NULL && !is_of_other(&read, found) && read_message(socket, &read, found, &status);
    }
    return message->done_bytes > 0 || message->file_count > 0 ? 0 : status;
}

/* ---- datagrams and sequenced packets ---- */

/* Locked. The first message, or why there is none; NULL: none will come. */
static int find_whole(struct unix_socket *socket, uint64_t until_ns, struct unix_message **found) {
    for (;;) {
        int error = socket->error;
        socket->error = 0;
        if (error != 0)
            return -error;
        *found = first_of(socket);
        if (*found != NULL)
            return 0;
        if ((socket->shut & SHUT_RECEIVE) != 0 && (until_ns != 0 || unix_has_connections(socket)))
            return 0;
        int status = wait_for_more(socket, until_ns);
        if (status != 0)
            return status;
    }
}

static int read_whole(struct unix_socket *socket, struct socket_message *message, struct unix_message *found) {
    struct transfer *transfer = message->transfer;
    uint32_t size = transfer->left_bytes < found->size_bytes ? (uint32_t)transfer->left_bytes : found->size_bytes;
    bool is_peek = (message->flags & LINUX_MSG_PEEK) != 0;
    struct unix_files *emptied = NULL;
    struct list read_up;
    size_t done = 0;
    int status = unix_message_copy(found, 0, size, transfer, &done);
    tell_credentials(socket, found, message);
    message->told |= size < found->size_bytes ? LINUX_MSG_TRUNC : 0;
    message->done_bytes = (message->flags & LINUX_MSG_TRUNC) != 0 ? found->size_bytes : size;
    list_init(&read_up);
    unix_lock(socket->domain);
    tell_sender(found, &message->name);
    hand_over_files(socket->domain, found, message, is_peek, &emptied);
    if (!is_peek) {
        unix_message_take(socket, found);
        list_append(&read_up, &found->link);
    }
    unix_unlock(socket->domain);
    give_block_back(socket->domain, emptied, message);
    unix_messages_give_back(socket->domain, &read_up);
    return status;
}

static int receive_whole(struct unix_socket *socket, struct socket_message *message, uint64_t until_ns) {
    struct unix_message *found = NULL;
    unix_lock(socket->domain);
    int status = find_whole(socket, until_ns, &found);
    unix_unlock(socket->domain);
    if (status != 0 || found == NULL)
        return status;
    return read_whole(socket, message, found);
}

/* ---- both ---- */

static int check_state(struct unix_socket *socket) {
    int status = 0;
    unix_lock(socket->domain);
    if (unix_has_connections(socket) && socket->state != UNIX_CONNECTED)
        status = unix_is_stream(socket) ? -LINUX_EINVAL : -LINUX_ENOTCONN;
    unix_unlock(socket->domain);
    return status;
}

int unix_receive(struct socket *socket, struct socket_message *message) {
    struct unix_socket *to = unix_of(socket);
    uint64_t until_ns = socket_deadline(socket, socket->receive_timeout_ns, message->may_wait);
    int status = check_state(to);
    if (status != 0)
        return status;
    if ((message->flags & LINUX_MSG_OOB) != 0)
        return -LINUX_EOPNOTSUPP;
    message->name.size_bytes = 0;
    message->has_credentials = wants_credentials(to);
    message->credentials = (struct socket_credentials){0};
    sleep_lock_take(&to->reading, unix_machine(to));
    status = unix_is_stream(to) ? receive_stream(to, message, until_ns) : receive_whole(to, message, until_ns);
    sleep_lock_give_up(&to->reading, unix_machine(to));
    return status;
}
