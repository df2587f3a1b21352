/*
 * Sockets that only messages hold. A descriptor of a socket may travel in a message that waits at that very socket, or at one
 * that waits there: a circle nobody can read from any more, since nobody has a descriptor.
 *
 * A socket whose file has as many references as it is in messages is held by messages only, a candidate. What is in the
 * queues of candidates counts for nothing; so those that are in some other queue as well can be read, and with them all that
 * waits in their queues, and so on. The messages that wait at the rest are thrown away, which closes their files.
 *
 * Each of the sockets in flight and their messages is looked at a few times, UNIX_IN_FLIGHT_MAX descriptors at most.
 */
#include "kernel/services/net/unix/inside.h"

enum seen { NOT_A_CANDIDATE, CANDIDATE, REACHABLE };

/* Which a file is, if it is one that flies. */
static struct unix_socket *socket_in(const struct unix_domain *domain, const struct open_file *file) {
    struct socket *socket = socket_first_of(file);
    if (socket == NULL || socket->operations != &unix_operations || unix_of(socket)->domain != domain)
        return NULL;
    return unix_of(socket);
}

void unix_files_fly(struct unix_domain *domain, const struct unix_files *files) {
    __atomic_add_fetch(&domain->in_flight, files->count, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < files->count; i++) {
        struct unix_socket *socket = socket_in(domain, files->files[i]);
        if (socket != NULL && socket->flights++ == 0)
            list_append(&domain->flying, &socket->flying);
    }
}

void unix_files_land(struct unix_domain *domain, const struct unix_files *files) {
    __atomic_sub_fetch(&domain->in_flight, files->count, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < files->count; i++) {
        struct unix_socket *socket = socket_in(domain, files->files[i]);
        if (socket != NULL && --socket->flights == 0)
            list_remove(&socket->flying);
    }
}

typedef void visit_function(struct unix_socket *socket);

static void visit_messages(struct unix_socket *at, visit_function *visit) {
    for (struct list *link = at->messages.next; link != &at->messages; link = link->next) {
        const struct unix_files *files = list_item(link, struct unix_message, link)->files;
        for (uint32_t i = 0; files != NULL && i < files->count; i++) {
            struct unix_socket *socket = socket_in(at->domain, files->files[i]);
            if (socket != NULL)
                visit(socket);
        }
    }
}

/* What can be read once `at` can: its messages, and those of the connections that wait at it. */
static void visit_all(struct unix_socket *at, visit_function *visit) {
    visit_messages(at, visit);
    for (struct list *link = at->connections.next; link != &at->connections; link = link->next)
        visit_messages(list_item(link, struct unix_socket, link), visit);
}

static struct unix_socket *flying_at(struct list *link) {
    return list_item(link, struct unix_socket, flying);
}

static void find_candidates(struct unix_domain *domain) {
    for (struct list *link = domain->flying.next; link != &domain->flying; link = link->next) {
        struct unix_socket *socket = flying_at(link);
        uint32_t references = __atomic_load_n(&socket->file->references, __ATOMIC_RELAXED);
        socket->seen = references == socket->flights ? CANDIDATE : NOT_A_CANDIDATE;
        socket->outside = socket->flights;
    }
}

static void count_inside(struct unix_socket *socket) {
    if (socket->seen == CANDIDATE)
        socket->outside--;
}

/* Onto the pile of those whose queues are to be gone through. */
static void reach(struct unix_socket *socket) {
    if (socket->seen != CANDIDATE)
        return;
    socket->seen = REACHABLE;
    socket->next_reached = socket->domain->reached;
    socket->domain->reached = socket;
}

static void find_reachable(struct unix_domain *domain) {
    for (struct list *link = domain->flying.next; link != &domain->flying; link = link->next)
        if (flying_at(link)->seen == CANDIDATE)
            visit_all(flying_at(link), count_inside);
    for (struct list *link = domain->flying.next; link != &domain->flying; link = link->next)
        if (flying_at(link)->outside > 0)
            reach(flying_at(link));
    while (domain->reached != NULL) {
        struct unix_socket *socket = domain->reached;
        domain->reached = socket->next_reached;
        visit_all(socket, reach);
    }
}

static void take_messages(struct unix_socket *at, struct list *taken) {
    list_append_all(taken, &at->messages);
    at->message_count = 0;
    at->waiting_bytes = 0;
}

void unix_collect(struct unix_domain *domain) {
    struct list taken;
    list_init(&taken);
    unix_lock(domain);
    find_candidates(domain);
    find_reachable(domain);
    for (struct list *link = domain->flying.next; link != &domain->flying; link = link->next) {
        struct unix_socket *socket = flying_at(link);
        if (socket->seen != CANDIDATE)
            continue;
        take_messages(socket, &taken);
        for (struct list *end = socket->connections.next; end != &socket->connections; end = end->next)
            take_messages(list_item(end, struct unix_socket, link), &taken);
    }
    unix_unlock(domain);
    unix_messages_give_back(domain, &taken);
}
