/* The life of internet sockets, and what is asked of those of both protocols: see inet.h. */
#include "kernel/services/net/inet/inside.h"

#include <string.h>

#define CAP_NET_RAW 13u
#define PROTOCOL_TCP 6u
#define PROTOCOL_UDP 17u

void inet_domain_init(struct inet_domain *domain, struct vfs *vfs, uint64_t bytes_max) {
    memset(domain, 0, sizeof(*domain));
    domain->vfs = vfs;
    domain->bytes_max = bytes_max;
    domain->wakes_ns = MACHINE_FOREVER;
    for (uint32_t i = 0; i < INET_BUCKETS; i++) {
        list_init(&domain->ports[INET_TCP][i]);
        list_init(&domain->ports[INET_UDP][i]);
        list_init(&domain->connections[i]);
    }
    list_init(&domain->loopback);
    list_init(&domain->given_up);
    list_init(&domain->ended);
    list_init(&domain->time_wait);
    vfs->machine->fill_random(vfs->machine->context, domain->secret, sizeof(domain->secret));
}

/* Each round spreads every bit over the whole word (the finalizer of MurmurHash3); the secret keeps others from aiming. */
static uint64_t mix(uint64_t hash, uint64_t word) {
    hash ^= word;
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

uint32_t inet_hash(const struct inet_domain *domain, const struct inet_place *first, const struct inet_place *second) {
    uint64_t hash = mix(domain->secret[0], first->address.low ^ (uint64_t)first->port << 48);
    hash = mix(hash, second->address.low ^ (uint64_t)second->port << 48);
    if ((first->address.high | second->address.high) != 0)
        hash = mix(hash, first->address.high + 3 * second->address.high);
    return (uint32_t)((hash ^ domain->secret[1]) >> 16);
}

/* ---- beginning ---- */

static int count_in(struct inet_domain *domain) {
    inet_lock(domain);
    bool is_full = domain->sockets >= INET_SOCKETS_MAX;
    domain->sockets += !is_full;
    inet_unlock(domain);
    return is_full ? -LINUX_ENFILE : 0;
}

static void count_out(struct inet_domain *domain) {
    inet_lock(domain);
    domain->sockets--;
    inet_unlock(domain);
}

void inet_init_socket(struct inet_socket *socket, struct inet_domain *domain,
                      const struct socket_operations *operations, uint32_t family, uint32_t type) {
    socket_init(&socket->socket, operations, domain->vfs, (uint16_t)family, (uint16_t)type);
    socket->domain = domain;
    socket->transport = type == LINUX_SOCK_STREAM ? INET_TCP : INET_UDP;
    socket->socket.protocol = type == LINUX_SOCK_STREAM ? PROTOCOL_TCP : PROTOCOL_UDP;
    if (family == LINUX_AF_INET)
        socket->bound = socket->local.address = socket->remote.address = inet_v4(0);
    socket->multicast_time_to_live = socket->multicast_loops = 1;
    socket->path_discovery = 1;
    list_init(&socket->packets);
}

static int check_type(const struct caller *caller, uint32_t type, uint32_t protocol) {
    if (protocol > 255 && protocol != 262)
        return -LINUX_EINVAL;
    if (type == LINUX_SOCK_RAW)
        return identity_has(&caller->identity, CAP_NET_RAW) || protocol == 0 ? -LINUX_EPROTONOSUPPORT : -LINUX_EPERM;
    if (type != LINUX_SOCK_STREAM && type != LINUX_SOCK_DGRAM)
        return -LINUX_ESOCKTNOSUPPORT;
    uint32_t wanted = type == LINUX_SOCK_STREAM ? PROTOCOL_TCP : PROTOCOL_UDP;
    return protocol == 0 || protocol == wanted ? 0 : -LINUX_EPROTONOSUPPORT;
}

int inet_create(struct inet_domain *domain, const struct caller *caller, uint32_t family, uint32_t type,
                uint32_t protocol, struct socket **created) {
    struct inet_socket *socket;
    int status = check_type(caller, type, protocol);
    if (status == 0)
        status = count_in(domain);
    if (status != 0)
        return status;
    socket = type == LINUX_SOCK_STREAM ? tcp_make(domain, family) : udp_make(domain, family);
    if (socket == NULL) {
        count_out(domain);
        return -LINUX_ENOMEM;
    }
    socket->user = caller->identity.user;
    socket->has_file = true;
    *created = &socket->socket;
    return 0;
}

/* ---- the end ---- */

void inet_end(struct inet_socket *socket) {
    inet_packets_free(socket->domain, &socket->packets);
    if (!list_is_linked(&socket->end_link))
        list_append(&socket->domain->ended, &socket->end_link);
}

void inet_free_ended(struct inet_domain *domain, struct list *ended) {
    struct inet_socket *socket;
    while ((socket = list_first_item(ended, struct inet_socket, end_link)) != NULL) {
        list_remove(&socket->end_link);
        size_t size = socket->transport == INET_TCP ? tcp_size_bytes() : udp_size_bytes();
        machine_give_back(inet_machine(domain), socket, size);
        spinlock_lock(&domain->lock);
        domain->sockets--;
        spinlock_unlock(&domain->lock);
    }
}

/* ---- waking, and what is asked ---- */

void inet_wake_readers(struct inet_socket *socket) {
    const struct vfs_machine *machine = inet_machine(socket->domain);
    machine->wake(machine->context, &socket->readable);
}

void inet_wake_writers(struct inet_socket *socket) {
    const struct vfs_machine *machine = inet_machine(socket->domain);
    machine->wake(machine->context, &socket->writable);
}

struct inet_address inet_here(const struct inet_socket *socket, const struct inet_address *to) {
    if (!inet_is_any(to))
        return *to;
    if (inet_reach_of(&socket->bound) == INET_HERE)
        return socket->bound;
    return inet_is_v4(to) ? inet_v4(INET_LOOPBACK_V4) : inet_v6_loopback();
}

int inet_take_error(struct socket *asked) {
    struct inet_socket *socket = inet_of(asked);
    inet_lock(socket->domain);
    int error = socket->error;
    socket->error = 0;
    inet_unlock(socket->domain);
    return error;
}
