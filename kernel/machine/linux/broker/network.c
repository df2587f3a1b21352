/*
 * Sockets of the host network: made here, bound and connected here.
 *
 * A container with network capabilities gets its AF_INET and AF_INET6 sockets from outside, TCP and UDP only. In every
 * other container the socket is its own, in an empty network namespace, and only the refusal is explained here.
 *
 * What is asked of the capabilities:
 *     bind       NET_BIND of that address and port. Port 0 (Linux chooses one) is also allowed where the container may
 *                connect at all, because clients do that to choose their own address; it gives no right to listen.
 *     listen     NET_BIND of the address the socket is bound to; of any address if it is bound to none, since Linux
 *                then binds it to all. For UDP there is no listen: bind decides.
 *     connect    NET_CONNECT of the address. 0.0.0.0 and :: mean this computer and are checked as such.
 * A socket bound to :: would serve IPv4 as well; where 0.0.0.0 is not granted it is bound to IPv6 only.
 */
#include "kernel/machine/linux/broker/network.h"

#include "kernel/machine/linux/broker/job.h"
#include "kernel/machine/linux/broker/learn.h"
#include "kernel/machine/linux/broker/local.h"
#include "kernel/machine/linux/broker/target.h"
#include "kernel/machine/linux/traffic/traffic.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TYPE_MASK 0xf

/* ---- what a socket is ---- */

static int option_of(int descriptor, int level, int name) {
    int value;
    socklen_t size = sizeof value;
    return getsockopt(descriptor, level, name, &value, &size) < 0 ? -errno : value;
}

int network_domain(int descriptor) {
    return option_of(descriptor, SOL_SOCKET, SO_DOMAIN);
}

uint8_t network_transport(int descriptor) {
    int protocol = option_of(descriptor, SOL_SOCKET, SO_PROTOCOL);
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ? (uint8_t)protocol : 0;
}

static bool is_internet(int domain) {
    return domain == AF_INET || domain == AF_INET6;
}

/* ---- permission ---- */

static int check_capability(const struct broker_request *request, const struct grove_capability *wanted) {
    if (request->broker->is_learning) {
        core_learned(linux_machine->core, request->broker->container, wanted);
        return 0;
    }
    int status = core_check(linux_machine->core, request->broker->container, wanted, (uint16_t)request->number);
    return status < 0 ? -EACCES : 0;
}

int network_check(const struct broker_request *request, uint16_t kind, uint8_t transport,
                  const struct socket_address *address) {
    struct grove_capability wanted;
    address_capability(address, kind, transport, &wanted);
    return check_capability(request, &wanted);
}

/* Does its spec let it connect anywhere at all? A revoked permission still refuses the connection itself. */
static bool can_connect_somewhere(const struct grove_spec *spec) {
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability capability;
        uint16_t flags;
        grove_spec_capability(spec, i, &capability, &flags);
        if (capability.kind == GROVE_CAP_NET_CONNECT)
            return true;
    }
    return false;
}

static int check_bind(const struct broker_request *request, uint8_t transport, const struct socket_address *address) {
    if (address_port(address) == 0 && (request->broker->is_learning || can_connect_somewhere(request->broker->spec)))
        return 0;
    return network_check(request, GROVE_CAP_NET_BIND, transport, address);
}

/* NET_BIND of every address and port: what a listen without a bind takes. */
static int check_bind_anything(const struct broker_request *request, uint8_t transport) {
    struct grove_capability wanted = {.kind = GROVE_CAP_NET_BIND, .rights = GROVE_RIGHT_USE};
    wanted.argument.kind = GROVE_ARGUMENT_ADDRESS;
    wanted.argument.value.address = (struct grove_address){.transport = transport, .port_last = UINT16_MAX};
    return check_capability(request, &wanted);
}

/* ---- socket ---- */

static int check_type(int type, int protocol) {
    if (type == SOCK_RAW)
        return -EPERM;
    if (type == SOCK_STREAM)
        return protocol == 0 || protocol == IPPROTO_TCP ? 0 : -EPROTONOSUPPORT;
    if (type != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
        return -EACCES;
    return protocol == 0 || protocol == IPPROTO_UDP ? 0 : -EPROTONOSUPPORT;
}

/* The socket belongs to the container's user, for SO_REUSEPORT and for whoever looks at it from the host. */
static void give_to_caller(const struct broker_request *request, int made) {
    struct target_identity identity;
    if (!linux_machine->rootless && target_identity(request->thread, &identity) == 0)
        (void)!fchown(made, identity.user, identity.group);
}

/* ---- through the relay of a container with a limit on the network ---- */

/* A socket of the host's network, of the same kind as the container's own, is the relay's other end. */
static struct outcome relay_call(const struct broker_request *request, struct traffic *traffic, uint32_t kind,
                                 int inner, const struct socket_address *address) {
    struct relay_request asked = {.kind = kind,
                                  .call = request->id,
                                  .backlog = (int32_t)request->arguments[1], /* of listen */
                                  .address = *address};
    int outer = socket(network_domain(inner), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (outer < 0)
        return outcome_error(errno == EMFILE || errno == ENFILE ? ENOBUFS : errno);
    int error = traffic_ask(traffic, &asked, inner, outer);
    close(outer);
    return error < 0 ? outcome_value(error) : outcome_of(OUTCOME_LATER);
}

/* Datagrams would have nowhere to wait for their turn. */
static struct outcome relay_socket(const struct broker_request *request, struct traffic *traffic, int domain,
                                   int type) {
    struct relay_request asked = {.kind = RELAY_SOCKET,
                                  .flags = (type & SOCK_CLOEXEC) != 0 ? O_CLOEXEC : 0,
                                  .call = request->id,
                                  .domain = domain,
                                  .type = type & ~SOCK_CLOEXEC};
    if ((type & TYPE_MASK) != SOCK_STREAM)
        return outcome_error(EPROTONOSUPPORT);
    int error = traffic_ask(traffic, &asked, -1, -1);
    return error < 0 ? outcome_value(error) : outcome_of(OUTCOME_LATER);
}

/* ---- socket, again ---- */

/* All arguments are in registers: whatever is not of the internet may go on by itself. */
struct outcome network_socket(const struct broker_request *request) {
    int domain = (int)request->arguments[0], type = (int)request->arguments[1], protocol = (int)request->arguments[2];
    if (domain == AF_UNIX)
        return outcome_of(OUTCOME_CONTINUE);
    if (!is_internet(domain))
        return outcome_error(EAFNOSUPPORT);
    if (!request->broker->has_network)
        return outcome_of(OUTCOME_CONTINUE);
    if ((type & ~(TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0)
        return outcome_error(EINVAL);
    int error = check_type(type & TYPE_MASK, protocol);
    if (error < 0)
        return outcome_value(error);
    struct traffic *traffic = container_traffic(request->broker->container);
    if (traffic != NULL)
        return relay_socket(request, traffic, domain, type);
    int made = socket(domain, type | SOCK_CLOEXEC, protocol);
    if (made < 0)
        return outcome_error(errno == EMFILE || errno == ENFILE ? ENOBUFS : errno);
    give_to_caller(request, made);
    struct outcome outcome = outcome_of(OUTCOME_SOCKET);
    outcome.descriptor = made;
    outcome.flags = (type & SOCK_CLOEXEC) != 0 ? O_CLOEXEC : 0;
    return outcome;
}

/* ---- bind ---- */

static uint16_t bound_port(int socket) {
    struct socket_address bound = {.bytes = sizeof bound.u};
    return getsockname(socket, &bound.u.generic, &bound.bytes) < 0 ? 0 : address_port(&bound);
}

static bool is_bound_to(int socket, const struct socket_address *address) {
    struct socket_address bound = {.bytes = sizeof bound.u};
    if (getsockname(socket, &bound.u.generic, &bound.bytes) < 0 || bound.u.family != address->u.family)
        return false;
    struct grove_capability is, wanted;
    address_capability(&bound, GROVE_CAP_NET_BIND, 0, &is);
    address_capability(address, GROVE_CAP_NET_BIND, 0, &wanted);
    return memcmp(&is.argument.value.address, &wanted.argument.value.address, sizeof(struct grove_address)) == 0;
}

/* Would binding to :: take an IPv4 address too, which is not granted? Then do without it. */
static int keep_to_version6(const struct broker_request *request, int socket, uint8_t transport,
                            const struct socket_address *address, bool *is_kept) {
    *is_kept = false;
    if (address->u.family != AF_INET6 || !IN6_IS_ADDR_UNSPECIFIED(&address->u.in6.sin6_addr) ||
        option_of(socket, IPPROTO_IPV6, IPV6_V6ONLY) == 1 || request->broker->is_learning)
        return 0;
    struct socket_address version4 = {.bytes = sizeof version4.u.in};
    version4.u.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = address->u.in6.sin6_port};
    if (check_bind(request, transport, &version4) == 0)
        return 0;
    const int one = 1;
    *is_kept = true;
    return setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0 ? -errno : 0;
}

static int64_t bind_now(const struct broker_request *request, int socket, struct socket_address *address) {
    uint8_t transport = network_transport(socket);
    if (transport == 0)
        return -EACCES;
    bool is_kept;
    int error = check_bind(request, transport, address);
    if (error == 0)
        error = keep_to_version6(request, socket, transport, address, &is_kept);
    if (error < 0)
        return error;
    if (bind(socket, &address->u.generic, address->bytes) < 0) {
        /* A call that a signal interrupted after it was done is made again: it has what it wants. */
        error = errno;
        return error == EINVAL && address_port(address) != 0 && is_bound_to(socket, address) ? 0 : -error;
    }
    if (request->broker->is_learning && address_port(address) == 0)
        learn_chosen_port(request->broker, bound_port(socket));
    if (!is_kept || option_of(socket, IPPROTO_IPV6, IPV6_V6ONLY) == 1)
        return 0;
    /* Another thread took the option back in between. Nothing does that by mistake. */
    machine_container_kill(request->broker->container);
    return -EACCES;
}

struct taken { /* what most calls need: a duplicate of the socket, and the address */
    int socket;
    int domain;
    struct socket_address address;
};

static int64_t take(const struct broker_request *request, struct taken *taken, bool has_address) {
    taken->socket = target_descriptor(request->thread, (int)request->arguments[0]);
    if (taken->socket < 0)
        return taken->socket;
    taken->domain = network_domain(taken->socket);
    int64_t error = taken->domain < 0 ? taken->domain : 0;
    if (error == 0 && has_address)
        error = target_read_address(request->thread, request->arguments[1], request->arguments[2], &taken->address);
    if (error == 0 && !broker_is_waiting(request->broker, request->id))
        error = -EINTR;
    if (error < 0)
        close(taken->socket);
    return error;
}

/*
 * In a container whose sockets are all its own, in a network with nothing in it, the call may go on once it is known to
 * be allowed or not to be about the internet: a race leads nowhere.
 */
static struct outcome judge_own(const struct broker_request *request, struct taken *taken, uint16_t kind) {
    if (!is_internet(taken->domain) || address_settle(&taken->address, taken->domain, true) < 0 ||
        taken->address.u.family == AF_UNSPEC)
        return outcome_of(OUTCOME_CONTINUE);
    if (kind == GROVE_CAP_NET_CONNECT)
        address_settle_destination(&taken->address);
    int error = network_check(request, kind, network_transport(taken->socket), &taken->address);
    return error < 0 ? outcome_value(error) : outcome_of(OUTCOME_CONTINUE);
}

static struct outcome bind_taken(const struct broker_request *request, struct taken *taken) {
    if (!request->broker->has_network)
        return judge_own(request, taken, GROVE_CAP_NET_BIND);
    if (taken->domain == AF_UNIX)
        return local_bind(request, taken->socket, &taken->address);
    if (!is_internet(taken->domain))
        return outcome_error(EACCES);
    int error = address_settle(&taken->address, taken->domain, false);
    return outcome_value(error < 0 ? error : bind_now(request, taken->socket, &taken->address));
}

struct outcome network_bind(const struct broker_request *request) {
    struct taken taken;
    int64_t error = take(request, &taken, true);
    if (error < 0)
        return outcome_value(error);
    struct outcome outcome = bind_taken(request, &taken);
    close(taken.socket);
    return outcome;
}

/* ---- connect ---- */

static int64_t connect_work(void *context) {
    struct taken *taken = context;
    int done;
    do
        done = connect(taken->socket, &taken->address.u.generic, taken->address.bytes);
    while (done < 0 && errno == EINTR);
    return done < 0 ? -errno : 0;
}

static struct outcome connect_internet(const struct broker_request *request, struct taken *taken) {
    uint8_t transport = network_transport(taken->socket);
    int error = transport == 0 ? -EACCES : address_settle(&taken->address, taken->domain, true);
    if (error == 0 && taken->address.u.family != AF_UNSPEC) {
        address_settle_destination(&taken->address);
        error = network_check(request, GROVE_CAP_NET_CONNECT, transport, &taken->address);
    }
    if (error < 0)
        return outcome_value(error);
    if (broker_trusts_callers())
        return outcome_of(OUTCOME_CONTINUE);
    if (transport == IPPROTO_UDP || taken->address.u.family == AF_UNSPEC)
        return outcome_value(connect_work(taken)); /* never waits */
    struct traffic *traffic = container_traffic(request->broker->container);
    if (traffic != NULL)
        return relay_call(request, traffic, RELAY_CONNECT, taken->socket, &taken->address);
    /* TCP: even on a socket that is non-blocking now, since another thread could change that before the call. */
    struct job_start start = {
        .work = connect_work, .context = taken, .descriptors = &taken->socket, .descriptor_count = 1};
    return job_start(request, &start);
}

static struct outcome connect_taken(const struct broker_request *request, struct taken *taken) {
    if (!request->broker->has_network)
        return judge_own(request, taken, GROVE_CAP_NET_CONNECT);
    if (taken->domain == AF_UNIX)
        return local_connect(request, taken->socket, &taken->address);
    return is_internet(taken->domain) ? connect_internet(request, taken) : outcome_error(EACCES);
}

struct outcome network_connect(const struct broker_request *request) {
    struct taken taken;
    int64_t error = take(request, &taken, true);
    if (error < 0)
        return outcome_value(error);
    struct outcome outcome = connect_taken(request, &taken);
    close(taken.socket);
    return outcome;
}

/* ---- listen ---- */

static struct outcome listen_now(const struct broker_request *request, int socket) {
    struct socket_address bound = {.bytes = sizeof bound.u};
    uint8_t transport = network_transport(socket);
    if (transport == 0)
        return outcome_error(EACCES);
    if (getsockname(socket, &bound.u.generic, &bound.bytes) < 0)
        return outcome_error(errno);
    /* A port that Linux chose for a learning program is another one next time. */
    bool is_chance = address_port(&bound) == 0 || learn_is_chosen_port(request->broker, address_port(&bound));
    int error = is_chance ? check_bind_anything(request, transport)
                          : network_check(request, GROVE_CAP_NET_BIND, transport, &bound);
    struct traffic *traffic = container_traffic(request->broker->container);
    if (error == 0 && traffic != NULL)
        return relay_call(request, traffic, RELAY_LISTEN, socket, &bound);
    if (error == 0 && listen(socket, (int)request->arguments[1]) < 0)
        error = -errno;
    return outcome_value(error);
}

struct outcome network_listen(const struct broker_request *request) {
    struct taken taken;
    int64_t error = take(request, &taken, false);
    if (error < 0)
        return outcome_value(error);
    struct outcome outcome = outcome_error(EACCES);
    if (taken.domain == AF_UNIX)
        outcome = local_listen(request, taken.socket);
    else if (is_internet(taken.domain))
        outcome = listen_now(request, taken.socket);
    close(taken.socket);
    return outcome;
}

/* ---- setsockopt ---- */

/*
 * Source routes would send what is meant for one address by way of another, which nobody checked. Level and name are in
 * registers, so everything else may go on by itself.
 */
struct outcome network_setsockopt(const struct broker_request *request) {
    int level = (int)request->arguments[1], name = (int)request->arguments[2];
    bool is_route = level == IPPROTO_IP && name == IP_OPTIONS;
    is_route |= level == IPPROTO_IPV6 && (name == IPV6_RTHDR || name == IPV6_2292RTHDR || name == IPV6_2292PKTOPTIONS);
    return is_route ? outcome_error(EPERM) : outcome_of(OUTCOME_CONTINUE);
}
