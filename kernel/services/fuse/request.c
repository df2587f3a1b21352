/*
 * Requests from when they are made until they are answered: see fuse.h.
 *
 * A request is held by its caller, by the queue it is in, and by who copies it to or from a server without the lock. A caller
 * that is killed lets go of it; the queue's hold stays until the server answers or the connection dies.
 */
#include "kernel/services/fuse/fuse.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

static const struct vfs_machine *machine_of(const struct fuse_connection *connection) {
    return connection->system.vfs->machine;
}

static void wake(const struct fuse_connection *connection, struct wait_queue *queue) {
    const struct vfs_machine *machine = machine_of(connection);
    machine->wake(machine->context, queue);
}

struct fuse_request *fuse_request_make(struct fuse_connection *connection, enum fuse_operation operation, uint64_t node,
                                       size_t in_bytes, size_t out_bytes_min, size_t out_bytes_max) {
    size_t room = (in_bytes + 7) & ~(size_t)7;
    size_t block = sizeof(struct fuse_request) + sizeof(struct fuse_in_header) + room + out_bytes_max;
    struct fuse_request *request = machine_take(machine_of(connection), block);
    if (request == NULL)
        return NULL;
    memset(request, 0, sizeof(*request) + sizeof(struct fuse_in_header) + room);
    request->connection = connection;
    request->holders = 1;
    request->block_bytes = block;
    request->in_bytes = sizeof(struct fuse_in_header) + in_bytes;
    request->out_bytes_min = out_bytes_min;
    request->out_bytes_max = out_bytes_max;
    request->header = (struct fuse_in_header *)(request + 1);
    request->out = (uint8_t *)(request->header + 1) + room;
    struct fuse_caller caller = {.process = 0};
    connection->host->who(&caller);
    *request->header = (struct fuse_in_header){.bytes = (uint32_t)request->in_bytes,
                                               .operation = operation,
                                               .node = node,
                                               .user = caller.user,
                                               .group = caller.group,
                                               .process = (uint32_t)caller.process};
    return request;
}

void fuse_request_give_back(struct fuse_request *request) {
    if (request != NULL)
        fuse_request_let_go(request);
}

/* Without the lock. */
void fuse_request_let_go(struct fuse_request *request) {
    struct fuse_connection *connection = request->connection;
    spinlock_lock(&connection->lock);
    bool is_last = --request->holders == 0;
    spinlock_unlock(&connection->lock);
    if (is_last)
        machine_give_back(machine_of(connection), request, request->block_bytes);
}

/* ---- what comes too late ---- */

static void release_late(struct fuse_connection *connection, uint64_t node, const struct fuse_open_out *open,
                         bool is_folder) {
    struct fuse_handle *handle = fuse_handle_make(connection, node, is_folder, 0);
    if (handle == NULL)
        return; /* the server keeps it until it ends */
    handle->handle = open->handle;
    fuse_handle_drop(handle);
}

/* Nobody waits for this good reply any more: give back what it gave. */
static void undo(struct fuse_request *request) {
    struct fuse_connection *connection = request->connection;
    const struct fuse_create_out *create = (const void *)request->out;
    if (request->out_bytes < request->out_bytes_min)
        return;
    switch (request->late) {
    case FUSE_LATE_OPEN:
        release_late(connection, request->header->node, (const void *)request->out,
                     request->header->operation == FUSE_OP_OPENDIR);
        break;
    case FUSE_LATE_CREATE:
        release_late(connection, create->entry.node, &create->open, false);
        fuse_forget_late(connection, create->entry.node, 1);
        break;
    case FUSE_LATE_ENTRY:
        fuse_forget_late(connection, create->entry.node, 1);
        break;
    default:
        break;
    }
}

/* ---- answers ---- */

void fuse_request_answer(struct fuse_request *request, int status) {
    struct fuse_connection *connection = request->connection;
    if (status == -LINUX_ENOSYS && request->header->operation < FUSE_OP_MAX)
        __atomic_or_fetch(&connection->missing, UINT64_C(1) << request->header->operation, __ATOMIC_RELAXED);
    spinlock_lock(&connection->lock);
    request->status = status;
    request->is_done = true;
    list_remove(&request->interrupt_link);
    bool is_waited_for = request->is_waited_for;
    if (is_waited_for)
        wake(connection, &request->answered);
    spinlock_unlock(&connection->lock);
    if (!is_waited_for) {
        if (request->finish != NULL)
            request->finish(request);
        else if (status == 0)
            undo(request);
    }
    fuse_request_let_go(request);
}

/* The lock is held. Its place in the queue; the queue holds it. */
static void queue(struct fuse_connection *connection, struct fuse_request *request) {
    connection->uniques += 2;
    request->header->unique = connection->uniques;
    request->holders++;
    list_append(&connection->pending, &request->link);
    wake(connection, &connection->readers);
}

void fuse_send(struct fuse_request *request) {
    struct fuse_connection *connection = request->connection;
    spinlock_lock(&connection->lock);
    bool is_dead = connection->state == FUSE_DEAD;
    if (!is_dead)
        queue(connection, request);
    spinlock_unlock(&connection->lock);
    if (is_dead && request->finish != NULL)
        request->finish(request);
    fuse_request_let_go(request);
}

struct fuse_request *fuse_request_take_pending(struct fuse_connection *connection) {
    struct fuse_request *request = list_first_item(&connection->pending, struct fuse_request, link);
    list_remove(&request->link);
    list_append(&connection->sent, &request->link);
    request->is_sent = true;
    request->holders++; /* who copies it */
    if (request->is_interrupted)
        list_append(&connection->interrupts, &request->interrupt_link);
    return request;
}

/* ---- calls ---- */

/* The lock is held. */
static int wait_until_begun(struct fuse_connection *connection) {
    int status = 0;
    while (status == 0 && connection->state == FUSE_BEGINS)
        status = connection->host->sleep(&connection->begun, &connection->lock);
    return status == 0 && connection->state == FUSE_DEAD ? -LINUX_ENOTCONN : status;
}

/* The lock is held. A signal came that may not be the end: the server is told once. */
static void interrupt(struct fuse_connection *connection, struct fuse_request *request) {
    if (request->is_interrupted || fuse_is_missing(connection, FUSE_OP_INTERRUPT))
        return;
    request->is_interrupted = true;
    if (request->is_sent && !request->is_done) {
        list_append(&connection->interrupts, &request->interrupt_link);
        wake(connection, &connection->readers);
    }
}

/* The lock is held. Until the answer, or a kill: -LINUX_EINTR. */
static int wait(struct fuse_connection *connection, struct fuse_request *request) {
    const struct vfs_machine *machine = machine_of(connection);
    int status = 0;
    while (status == 0 && !request->is_done)
        status = machine->sleep(machine->context, &request->answered, &connection->lock);
    if (status == 0 || request->is_done)
        return 0;
    interrupt(connection, request);
    status = 0;
    while (status == 0 && !request->is_done)
        status = connection->host->sleep(&request->answered, &connection->lock);
    return request->is_done ? 0 : status;
}

/* The lock is held. The caller is killed: what was not read yet is never read. */
static void leave(struct fuse_request *request) {
    request->is_waited_for = false;
    if (!request->is_sent && list_is_linked(&request->link)) {
        list_remove(&request->link);
        request->holders--;
    }
}

int fuse_call(struct fuse_request **call) {
    struct fuse_request *request = *call;
    struct fuse_connection *connection = request->connection;
    if (fuse_is_missing(connection, (enum fuse_operation)request->header->operation))
        return -LINUX_ENOSYS;
    spinlock_lock(&connection->lock);
    int status = wait_until_begun(connection);
    if (status == 0) {
        request->is_waited_for = true;
        queue(connection, request);
        status = wait(connection, request);
        if (status != 0) {
            leave(request);
            spinlock_unlock(&connection->lock);
            fuse_request_let_go(request);
            *call = NULL;
            return status;
        }
        status = request->status;
    }
    spinlock_unlock(&connection->lock);
    return status;
}

int fuse_ask(struct fuse_connection *connection, enum fuse_operation operation, uint64_t node, const void *in,
             size_t in_bytes, void *out, size_t out_bytes) {
    struct fuse_request *request = fuse_request_make(connection, operation, node, in_bytes, out_bytes, out_bytes);
    if (request == NULL)
        return -LINUX_ENOMEM;
    if (in_bytes > 0)
        memcpy(fuse_body(request), in, in_bytes);
    int status = fuse_call(&request);
    if (status == 0 && out_bytes > 0)
        memcpy(out, request->out, out_bytes);
    fuse_request_give_back(request);
    return status;
}

/* ---- forgetting ---- */

void fuse_forget_queue(struct fuse_connection *connection, struct fuse_forget *forget) {
    spinlock_lock(&connection->lock);
    bool is_wanted = connection->state != FUSE_DEAD && forget->count > 0 && forget->node != FUSE_ROOT;
    if (is_wanted) {
        forget->link = (struct list){.next = NULL};
        list_append(&connection->forgets, &forget->link);
        wake(connection, &connection->readers);
    }
    spinlock_unlock(&connection->lock);
    if (!is_wanted)
        machine_give_back(machine_of(connection), forget, forget->block_bytes);
}

void fuse_forget_late(struct fuse_connection *connection, uint64_t node, uint64_t count) {
    struct fuse_forget *forget = node != 0 ? machine_take(machine_of(connection), sizeof(*forget)) : NULL;
    if (forget == NULL)
        return; /* the server remembers it until it ends */
    *forget = (struct fuse_forget){.node = node, .count = count, .block_bytes = sizeof(*forget)};
    fuse_forget_queue(connection, forget);
}

/* ---- the end ---- */

static void answer_all(struct list *requests) {
    struct fuse_request *request;
    while ((request = list_first_item(requests, struct fuse_request, link)) != NULL) {
        list_remove(&request->link);
        fuse_request_answer(request, -LINUX_ECONNABORTED);
    }
}

void fuse_abort(struct fuse_connection *connection) {
    struct list requests, forgets;
    struct fuse_forget *forget;
    list_init(&requests);
    list_init(&forgets);
    spinlock_lock(&connection->lock);
    connection->state = FUSE_DEAD;
    list_append_all(&requests, &connection->pending);
    list_append_all(&requests, &connection->sent);
    list_append_all(&forgets, &connection->forgets);
    for (struct list *link = requests.next; link != &requests; link = link->next)
        list_item(link, struct fuse_request, link)->is_sent = true; /* nobody takes it out of the queue now */
    wake(connection, &connection->readers);
    wake(connection, &connection->begun);
    spinlock_unlock(&connection->lock);
    answer_all(&requests);
    while ((forget = list_first_item(&forgets, struct fuse_forget, link)) != NULL) {
        list_remove(&forget->link);
        machine_give_back(machine_of(connection), forget, forget->block_bytes);
    }
}

void fuse_hold(struct fuse_connection *connection) {
    __atomic_add_fetch(&connection->holders, 1, __ATOMIC_RELAXED);
}

void fuse_let_go(struct fuse_connection *connection) {
    if (__atomic_sub_fetch(&connection->holders, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    fuse_abort(connection); /* what the last open file sent at its end */
    machine_give_back(machine_of(connection), connection, sizeof(*connection));
}
