/*
 * Ports: who has which, who may have the same, and whom a packet is for. See inet.h; ip(7), socket(7) on SO_REUSEADDR and
 * SO_REUSEPORT, RFC 6056 on the choice of ports.
 */
#include "kernel/services/net/inet/inside.h"

#define PRIVILEGED_PORTS 1024u
#define CHOSEN_FIRST 32768u
#define CHOSEN_LAST 60999u
#define CHOSEN_COUNT (CHOSEN_LAST - CHOSEN_FIRST + 1)
#define TRIES_MAX 128u /* ports that somebody has already, while the lock is held */
#define CAP_NET_BIND_SERVICE 10u

/* ---- the table ---- */

static struct inet_port *find_port(struct inet_domain *domain, enum inet_transport transport, uint16_t number) {
    struct list *bucket = &domain->ports[transport][number % INET_BUCKETS];
    for (struct list *link = bucket->next; link != bucket; link = link->next) {
        struct inet_port *port = list_item(link, struct inet_port, link);
        if (port->number == number)
            return port;
    }
    return NULL;
}

static struct inet_port *make_port(struct inet_domain *domain, enum inet_transport transport, uint16_t number) {
    struct inet_port *port = machine_take(inet_machine(domain), sizeof(*port));
    if (port == NULL)
        return NULL;
    *port = (struct inet_port){.number = number};
    list_init(&port->open);
    list_init(&port->connected);
    list_append(&domain->ports[transport][number % INET_BUCKETS], &port->link);
    domain->ports_used[transport][number / 32] |= 1u << number % 32;
    return port;
}

void inet_join_port(struct inet_socket *socket, struct inet_port *port, bool is_connected) {
    socket->port = port;
    socket->local.port = port->number;
    port->users++;
    list_append(is_connected ? &port->connected : &port->open, &socket->port_link);
}

void inet_leave_port(struct inet_socket *socket) {
    struct inet_domain *domain = socket->domain;
    struct inet_port *port = socket->port;
    socket->port = NULL;
    socket->is_port_shared = false;
    if (port == NULL)
        return;
    list_remove(&socket->port_link);
    if (--port->users > 0)
        return;
    list_remove(&port->link);
    domain->ports_used[socket->transport][port->number / 32] &= ~(1u << port->number % 32);
    machine_give_back(inet_machine(domain), port, sizeof(*port));
}

void inet_move_in_port(struct inet_socket *socket, bool is_connected) {
    if (socket->port == NULL)
        return;
    list_remove(&socket->port_link);
    list_append(is_connected ? &socket->port->connected : &socket->port->open, &socket->port_link);
}

static int take_port(struct inet_socket *socket, uint16_t number, bool is_connected) {
    struct inet_port *port = find_port(socket->domain, socket->transport, number);
    if (port == NULL)
        port = make_port(socket->domain, socket->transport, number);
    if (port == NULL)
        return -LINUX_ENOMEM;
    inet_join_port(socket, port, is_connected);
    return 0;
}

/* ---- who may have the same ---- */

/* Is what comes to this address for a socket that is bound as this one is? */
static bool takes_address(const struct inet_socket *socket, const struct inet_address *address) {
    if (!inet_is_any(&socket->local.address))
        return inet_same_address(&socket->local.address, address);
    return inet_is_v4(address) ? inet_is_v4(&socket->local.address) || !socket->is_v6_only : !inet_is_v4(&socket->local.address);
}

static bool overlap(const struct inet_socket *first, const struct inet_socket *second) {
    if (!inet_is_any(&first->local.address))
        return takes_address(second, &first->local.address);
    if (!inet_is_any(&second->local.address))
        return takes_address(first, &second->local.address);
    if (inet_is_v4(&first->local.address) == inet_is_v4(&second->local.address))
        return true;
    return inet_is_v4(&first->local.address) ? !second->is_v6_only : !first->is_v6_only;
}

static bool both_are(const struct inet_socket *first, const struct inet_socket *second, enum socket_flag flag) {
    return socket_is(&first->socket, flag) && socket_is(&second->socket, flag);
}

static bool may_share(const struct inet_socket *socket, struct inet_socket *other) {
    if (both_are(socket, other, SOCKET_REUSES_ADDRESS) && !tcp_listens(other))
        return true;
    return both_are(socket, other, SOCKET_SHARES_PORT) &&
           (socket->user == other->user || tcp_waits_for_time(other));
}

static bool conflicts_in(const struct inet_socket *socket, const struct list *list) {
    for (struct list *link = list->next; link != list; link = link->next) {
        struct inet_socket *other = list_item(link, struct inet_socket, port_link);
        if (other != socket && overlap(socket, other) && !may_share(socket, other))
            return true;
    }
    return false;
}

static bool conflicts(const struct inet_socket *socket, const struct inet_port *port) {
    return port != NULL && (conflicts_in(socket, &port->open) || conflicts_in(socket, &port->connected));
}

int inet_may_listen(struct inet_socket *socket) {
    return conflicts(socket, socket->port) ? -LINUX_EADDRINUSE : 0;
}

/* ---- choosing one ---- */

static uint32_t random_number(const struct inet_domain *domain, uint32_t limit) {
    const struct vfs_machine *machine = inet_machine(domain);
    uint32_t number;
    machine->fill_random(machine->context, &number, sizeof(number));
    return number % limit;
}

/* The first port from a random one on that nobody has; 0: there is none. */
static uint16_t find_unused(const struct inet_domain *domain, enum inet_transport transport, uint32_t start) {
    for (uint32_t i = 0; i < CHOSEN_COUNT;) {
        uint32_t number = CHOSEN_FIRST + (start + i) % CHOSEN_COUNT;
        uint32_t word = domain->ports_used[transport][number / 32];
        if ((word >> number % 32 & 1) == 0)
            return (uint16_t)number;
        i += word == UINT32_MAX && number % 32 == 0 && number + 32 <= CHOSEN_LAST ? 32 : 1;
    }
    return 0;
}

static bool all_are_shared(const struct inet_port *port) {
    if (!list_is_empty(&port->open))
        return false;
    const struct inet_socket *first = list_first_item(&port->connected, struct inet_socket, port_link);
    return first == NULL || first->is_port_shared;
}

static bool may_have(struct inet_socket *socket, uint16_t number, bool is_for_connection) {
    const struct inet_port *port = find_port(socket->domain, socket->transport, number);
    if (!is_for_connection)
        return !conflicts(socket, port);
    return port == NULL || (all_are_shared(port) && tcp_may_connect_from(socket, number));
}

int inet_choose_port(struct inet_socket *socket, bool is_for_connection) {
    struct inet_domain *domain = socket->domain;
    uint32_t start = random_number(domain, CHOSEN_COUNT);
    uint16_t number = find_unused(domain, socket->transport, start);
    for (uint32_t i = 0; number == 0 && i < TRIES_MAX; i++) {
        uint16_t tried = (uint16_t)(CHOSEN_FIRST + (start + i) % CHOSEN_COUNT);
        if (may_have(socket, tried, is_for_connection))
            number = tried;
    }
    if (number == 0)
        return is_for_connection ? -LINUX_EADDRNOTAVAIL : -LINUX_EAGAIN;
    socket->is_port_shared = is_for_connection;
    return take_port(socket, number, is_for_connection);
}

/* ---- binding ---- */

static int check_address(const struct inet_socket *socket, const struct inet_address *address) {
    bool is_v6 = socket->socket.family == LINUX_AF_INET6;
    enum inet_reach reach = inet_reach_of(address);
    if (is_v6 && socket->is_v6_only && inet_is_v4(address))
        return -LINUX_EINVAL;
    if (inet_is_any(address))
        return 0;
    if (is_v6 && reach == INET_MULTICAST && socket->transport == INET_TCP)
        return -LINUX_EINVAL;
    if (reach != INET_NOWHERE || (socket->ip_flags & INET_BINDS_FREELY) != 0)
        return 0;
    return -LINUX_EADDRNOTAVAIL;
}

static int bind_locked(struct inet_socket *socket, const struct inet_place *place) {
    struct inet_address before = socket->bound;
    if (socket->port != NULL || tcp_is_busy(socket))
        return -LINUX_EINVAL;
    socket->bound = socket->local.address = place->address;
    int status = 0;
    if (place->port == 0 && (socket->ip_flags & INET_NO_PORT_YET) == 0)
        status = inet_choose_port(socket, false) == 0 ? 0 : -LINUX_EADDRINUSE;
    else if (place->port != 0 && conflicts(socket, find_port(socket->domain, socket->transport, place->port)))
        status = -LINUX_EADDRINUSE;
    else if (place->port != 0)
        status = take_port(socket, place->port, false);
    if (status != 0) {
        socket->bound = socket->local.address = before;
        return status;
    }
    socket->has_address = !inet_is_any(&place->address);
    socket->has_port = place->port != 0;
    return 0;
}

int inet_bind(struct socket *bound, const struct caller *caller, const struct socket_name *name) {
    struct inet_socket *socket = inet_of(bound);
    struct inet_place place;
    bool is_unspecified;
    int status = inet_read_place(bound->family, name, &place, &is_unspecified);
    if (status != 0)
        return status;
    if (is_unspecified && bound->family == LINUX_AF_INET && name->size_bytes < 16)
        return -LINUX_EINVAL;
    if (is_unspecified && (bound->family != LINUX_AF_INET || !inet_is_any(&place.address)))
        return -LINUX_EAFNOSUPPORT;
    status = check_address(socket, &place.address);
    if (status != 0)
        return status;
    if (place.port != 0 && place.port < PRIVILEGED_PORTS && !identity_has(&caller->identity, CAP_NET_BIND_SERVICE))
        return -LINUX_EACCES;
    status = inet_ask(socket, GATE_BIND, &place);
    if (status != 0)
        return status;
    inet_lock(socket->domain);
    status = bind_locked(socket, &place);
    inet_unlock(socket->domain);
    return status;
}

/* ---- finding ---- */

/* How exactly a socket says that it is for such packets; 0: it is not. */
static uint32_t score(const struct inet_socket *socket, const struct inet_place *to, const struct inet_place *from) {
    uint32_t points = 1;
    if (socket->remote.port != 0) {
        if (!inet_same_place(&socket->remote, from) || !inet_same_address(&socket->local.address, &to->address))
            return 0;
        points += 8;
    }
    if (!takes_address(socket, &to->address))
        return 0;
    points += !inet_is_any(&socket->local.address) ? 4 : 0;
    points += inet_is_v4(&socket->local.address) == inet_is_v4(&to->address) ? 2 : 0;
    return points;
}

struct inet_socket *inet_find_bound(struct inet_domain *domain, enum inet_transport transport,
                                    const struct inet_place *to, const struct inet_place *from) {
    const struct inet_port *port = find_port(domain, transport, to->port);
    struct inet_socket *best = NULL;
    uint32_t best_points = 0, equals = 0;
    for (struct list *link = port != NULL ? port->open.next : NULL; link != NULL && link != &port->open;
         link = link->next) {
        struct inet_socket *socket = list_item(link, struct inet_socket, port_link);
        uint32_t points = transport == INET_UDP || tcp_listens(socket) ? score(socket, to, from) : 0;
        equals = points > best_points ? 1 : equals + (points == best_points);
        /* Of several that share the port each gets its part, by where packets come from. Others: the last one that came. */
        bool is_better = points > best_points ||
                         (points > 0 && points == best_points &&
                          (!both_are(socket, best, SOCKET_SHARES_PORT) ||
                           inet_hash(domain, from, to) % equals == 0));
        if (is_better) {
            best = socket;
            best_points = points;
        }
    }
    return best;
}
