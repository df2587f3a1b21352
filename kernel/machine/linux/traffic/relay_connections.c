/*
 * What the relay passes on: pairs of connections, and places where it waits for new ones.
 *
 *     connecting   the outer end is on its way to the address         -> open, or the container hears the error
 *     open         bytes go both ways, as the rate lets them; each way ends by itself, as in TCP
 *
 * A byte is taken from the bucket before it is read, whichever way it goes, so no more than the rate is ever sent, and what
 * arrives faster waits at its sender when the buffers of Linux for this connection (OUTER_BUFFER_BYTES) are full. An error on one
 * side is an abrupt end of the other; so is a byte for which nothing is left of what may pass in all. Then nothing new connects.
 */
#include "kernel/machine/linux/traffic/bucket.h"
#include "kernel/machine/linux/traffic/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES 16384u
#define OUTER_BUFFER_BYTES 65536
#define PAIRS_MAX 1024u
#define PLACES_MAX 64u
#define JOIN_WAIT_MS 1000

enum { INNER, OUTER };

struct way { /* from one end to the other */
    size_t from, to; /* what of the buffer is to be written */
    bool has_ended; /* nothing more is to be read */
    bool is_closed; /* and the other end knows */
    char buffer[BUFFER_BYTES];
};

struct pair {
    struct pair *next;
    int ends[2];
    bool is_connecting, is_gone;
    struct relay_request request; /* while connecting */
    struct way ways[2]; /* [INNER]: what the container sends */
};

struct place {
    int outer; /* -1: free */
    int domain;
    struct socket_address address; /* where the container listens */
};

static const struct relay *relay;
static struct bucket bucket;
static bool is_dry;
static struct pair *pairs;
static unsigned pair_count;
static struct place places[PLACES_MAX];
/* What each watched descriptor belongs to. */
static struct {
    struct pair *pair; /* NULL: a place */
    unsigned number; /* the end, or the place */
} watched[RELAY_WATCHED_MAX];

static uint64_t rate(void) {
    return atomic_load(&relay->account->rate);
}

void connections_open(const struct relay *of) {
    relay = of;
    for (unsigned i = 0; i < PLACES_MAX; i++)
        places[i].outer = -1;
}

/* ---- pairs ---- */

static struct pair *pair_make(int inner, int outer) {
    struct pair *pair = pair_count < PAIRS_MAX ? calloc(1, sizeof *pair) : NULL;
    const int bytes = OUTER_BUFFER_BYTES, one = 1;
    if (pair == NULL)
        return NULL;
    (void)setsockopt(outer, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)setsockopt(outer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* whoever writes has decided that already */
    pair->ends[INNER] = inner;
    pair->ends[OUTER] = outer;
    pair->next = pairs;
    pairs = pair;
    pair_count++;
    return pair;
}

static void close_abruptly(int end) {
    const struct linger none = {.l_onoff = 1};
    (void)setsockopt(end, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    (void)close(end);
}

static void pair_break(struct pair *pair) {
    if (pair->is_gone)
        return;
    close_abruptly(pair->ends[INNER]);
    close_abruptly(pair->ends[OUTER]);
    pair->is_gone = true;
}

static void sweep(void) {
    for (struct pair **place = &pairs; *place != NULL;) {
        struct pair *pair = *place;
        if (!pair->is_gone) {
            place = &pair->next;
            continue;
        }
        *place = pair->next;
        free(pair);
        pair_count--;
    }
}

/* ---- bytes ---- */

static void tell(uint32_t news) {
    const uint64_t one = 1;
    atomic_fetch_or(&relay->account->news, news);
    (void)!write(relay->bell, &one, sizeof one);
}

/* Take up to `wanted` of what may pass in all. */
static uint64_t total_take(uint64_t wanted) {
    uint64_t total = atomic_load(&relay->account->total), passed = atomic_load(&relay->account->passed), taken;
    do {
        uint64_t left = passed < total ? total - passed : 0;
        taken = wanted < left ? wanted : left;
    } while (!atomic_compare_exchange_weak(&relay->account->passed, &passed, passed + taken));
    return taken;
}

static void total_give(uint64_t bytes) {
    atomic_fetch_sub(&relay->account->passed, bytes);
}

static bool is_near_total(void) {
    uint64_t total = atomic_load(&relay->account->total);
    return atomic_load(&relay->account->passed) >= total - total / 10;
}

static void run_dry(void) {
    if (!is_dry)
        tell(RELAY_HAD_TO_WAIT);
    is_dry = true;
}

/* True, and said, if nothing more may pass. */
static bool is_used_up(void) {
    uint64_t one = total_take(1);
    total_give(one);
    if (one == 0)
        tell(RELAY_NEARS_TOTAL);
    return one == 0;
}

/* What may be read now: of the total, and of the rate. */
static uint64_t allowance(uint64_t wanted) {
    uint64_t whole = total_take(wanted), may = bucket_take(&bucket, rate(), relay_now_ns(), whole);
    total_give(whole - may);
    if (may < whole)
        run_dry();
    return may;
}

/* False if the connection is broken. */
static bool read_way(struct pair *pair, unsigned from) {
    struct way *way = &pair->ways[from];
    if (way->has_ended || way->to > 0)
        return true;
    if (is_used_up())
        return false;
    bool was_near = is_near_total();
    uint64_t may = allowance(sizeof way->buffer);
    if (may == 0)
        return true;
    ssize_t bytes = recv(pair->ends[from], way->buffer, may, MSG_DONTWAIT);
    uint64_t unused = may - (bytes > 0 ? (uint64_t)bytes : 0);
    bucket_give(&bucket, rate(), unused);
    total_give(unused);
    if (!was_near && is_near_total())
        tell(RELAY_NEARS_TOTAL);
    if (bytes < 0)
        return errno == EAGAIN || errno == EINTR;
    way->has_ended = bytes == 0;
    way->from = 0;
    way->to = (size_t)bytes;
    return true;
}

static bool write_way(struct pair *pair, unsigned from) {
    struct way *way = &pair->ways[from];
    int to = pair->ends[1 - from];
    while (way->from < way->to) {
        ssize_t bytes = send(to, way->buffer + way->from, way->to - way->from, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (bytes < 0)
            return errno == EAGAIN || errno == EINTR;
        way->from += (size_t)bytes;
    }
    way->from = way->to = 0;
    if (way->has_ended && !way->is_closed) {
        (void)shutdown(to, SHUT_WR);
        way->is_closed = true;
    }
    return true;
}

static void pair_serve(struct pair *pair, unsigned end, short events) {
    bool is_whole = true;
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0)
        is_whole = read_way(pair, end) && write_way(pair, end);
    if (is_whole && (events & (POLLOUT | POLLERR)) != 0)
        is_whole = write_way(pair, 1 - end);
    if (!is_whole) {
        pair_break(pair);
    } else if (pair->ways[INNER].is_closed && pair->ways[OUTER].is_closed) {
        (void)close(pair->ends[INNER]);
        (void)close(pair->ends[OUTER]);
        pair->is_gone = true;
    }
}

/* ---- connecting ---- */

/* Where the inner end of a connection to `address` is to arrive. A negative error number if it cannot. */
static int await_inner(int domain, const struct socket_address *address) {
    const int one = 1;
    int listener = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return -errno;
    /* The container may listen on the same port, at an address of its own or at all of them. */
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0 &&
        bind(listener, &address->u.generic, address->bytes) == 0 && listen(listener, 1) == 0)
        return listener;
    int error = -errno;
    (void)close(listener);
    return error;
}

/* The container's socket appears to be connected from where the outer one is, unless it was bound by itself. */
static void take_outer_name(int inner, int outer) {
    struct socket_address name = {.bytes = sizeof name.u};
    if (getsockname(outer, &name.u.generic, &name.bytes) == 0)
        (void)bind(inner, &name.u.generic, name.bytes);
}

/* The relay's end of the container's connection, or a negative error number. */
static int join(int inner, int outer, int domain, const struct socket_address *address) {
    int listener = await_inner(domain, address);
    if (listener < 0)
        return listener;
    take_outer_name(inner, outer);
    int end = connect(inner, &address->u.generic, address->bytes) < 0 && errno != EINPROGRESS ? -errno : 0;
    struct pollfd arrival = {.fd = listener, .events = POLLIN};
    if (end == 0)
        end = poll(&arrival, 1, JOIN_WAIT_MS) == 1 ? accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)
                                                   : -ETIMEDOUT;
    (void)close(listener);
    return end;
}

static int domain_of(int socket) {
    int domain = AF_INET;
    socklen_t bytes = sizeof domain;
    (void)getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &bytes);
    return domain;
}

/* The outer end has arrived, or failed. ends[INNER] is the container's own socket until here. */
static void connected(struct pair *pair) {
    int error = 0, theirs = pair->ends[INNER];
    socklen_t bytes = sizeof error;
    (void)getsockopt(pair->ends[OUTER], SOL_SOCKET, SO_ERROR, &error, &bytes);
    int end = error != 0 ? -error : join(theirs, pair->ends[OUTER], domain_of(theirs), &pair->request.address);
    (void)close(theirs);
    relay_answer(&pair->request, end < 0 ? end : 0, -1);
    pair->is_connecting = false;
    pair->ends[INNER] = end;
    if (end < 0) {
        (void)close(pair->ends[OUTER]);
        pair->is_gone = true;
    }
}

static bool is_same(const struct socket_address *a, const struct socket_address *b) {
    struct grove_capability one, other;
    address_capability(a, GROVE_CAP_NET_BIND, 0, &one);
    address_capability(b, GROVE_CAP_NET_BIND, 0, &other);
    return memcmp(&one.argument.value.address, &other.argument.value.address, sizeof(struct grove_address)) == 0;
}

/* Does a container that listens at `place` hear who connects to `address`? Of all addresses, the loopback's is certain. */
static bool is_there(const struct socket_address *place, const struct socket_address *address) {
    bool is_loopback = address->u.family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&address->u.in6.sin6_addr)
                                                     : ntohl(address->u.in.sin_addr.s_addr) >> 24 == 127;
    return is_same(place, address) ||
           (is_loopback && address_is_any(place) && address_port(place) == address_port(address));
}

/* Where it listens itself is in its own network: that is no traffic, and there is no place for the relay. */
static bool connect_to_itself(const struct relay_request *request, int inner) {
    bool is_own = false;
    for (unsigned i = 0; i < PLACES_MAX; i++)
        is_own |= places[i].outer >= 0 && is_there(&places[i].address, &request->address);
    if (!is_own)
        return false;
    bool is_connected =
        connect(inner, &request->address.u.generic, request->address.bytes) == 0 || errno == EINPROGRESS;
    if (!is_connected && errno == ECONNREFUSED)
        return false; /* it has closed that meanwhile */
    relay_answer(request, is_connected ? 0 : -errno, -1);
    return true;
}

void connections_connect(const struct relay_request *request, int inner, int outer) {
    if (connect_to_itself(request, inner)) {
        (void)close(inner);
        (void)close(outer);
        return;
    }
    bool has_no_more = is_used_up();
    struct pair *pair = has_no_more ? NULL : pair_make(inner, outer);
    int error = pair != NULL ? 0 : has_no_more ? -EDQUOT : -EAGAIN;
    if (error == 0) {
        pair->request = *request;
        pair->is_connecting = true;
        if (connect(outer, &request->address.u.generic, request->address.bytes) == 0) {
            connected(pair);
            return;
        }
        error = errno == EINPROGRESS ? 0 : -errno;
    }
    if (error == 0)
        return;
    relay_answer(request, error, -1);
    (void)close(inner);
    (void)close(outer);
    if (pair != NULL)
        pair->is_gone = true;
}

/* ---- listening ---- */

static void place_close(struct place *place) {
    (void)close(place->outer);
    place->outer = -1;
}

/* A place where the container listened before, and may have closed since, is given up for the new one. */
static struct place *place_find(const struct socket_address *address) {
    struct place *free_place = NULL;
    for (unsigned i = 0; i < PLACES_MAX; i++) {
        if (places[i].outer >= 0 && is_same(&places[i].address, address))
            place_close(&places[i]);
        if (places[i].outer < 0)
            free_place = &places[i];
    }
    return free_place;
}

/* Where the container has not chosen a port, both get the one that Linux chooses on the host. */
static int bind_both(int inner, int outer, struct socket_address *address) {
    if (bind(outer, &address->u.generic, address->bytes) < 0)
        return -errno;
    if (address_port(address) != 0)
        return 0;
    address->bytes = sizeof address->u;
    if (getsockname(outer, &address->u.generic, &address->bytes) < 0 ||
        bind(inner, &address->u.generic, address->bytes) < 0)
        return -errno;
    return 0;
}

static int begin_listening(int inner, int outer, int domain, int backlog, struct socket_address *address) {
    int one = 1, only = 0;
    socklen_t bytes = sizeof only;
    (void)setsockopt(outer, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (domain == AF_INET6 && getsockopt(inner, IPPROTO_IPV6, IPV6_V6ONLY, &only, &bytes) == 0)
        (void)setsockopt(outer, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    int error = bind_both(inner, outer, address);
    if (error == 0 && (listen(outer, backlog) < 0 || listen(inner, backlog) < 0))
        error = -errno;
    return error;
}

void connections_listen(const struct relay_request *request, int inner, int outer) {
    struct socket_address address = request->address;
    struct place *place = place_find(&address);
    int domain = domain_of(inner);
    int error = place == NULL ? -ENOBUFS : begin_listening(inner, outer, domain, request->backlog, &address);
    if (error == 0)
        *place = (struct place){.outer = outer, .domain = domain, .address = address};
    else
        (void)close(outer);
    (void)close(inner);
    relay_answer(request, error, -1);
}

/* Somebody has connected: the same to the container, from the same address. */
static void arrive(struct place *place) {
    struct socket_address peer = {.bytes = sizeof peer.u}, to = place->address;
    int outer = accept4(place->outer, &peer.u.generic, &peer.bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (outer < 0)
        return;
    if (is_used_up()) {
        close_abruptly(outer);
        return;
    }
    int inner = socket(place->domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (address_is_any(&to)) {
        to.bytes = sizeof to.u;
        (void)getsockname(outer, &to.u.generic, &to.bytes);
    }
    bool is_made = inner >= 0 && (bind(inner, &peer.u.generic, peer.bytes) == 0 || errno == EADDRINUSE) &&
                   (connect(inner, &to.u.generic, to.bytes) == 0 || errno == EINPROGRESS);
    bool is_deaf = inner >= 0 && !is_made && errno == ECONNREFUSED;
    if (is_made && pair_make(inner, outer) != NULL)
        return;
    if (inner >= 0)
        (void)close(inner);
    close_abruptly(outer);
    if (is_deaf) /* the container listens no more */
        place_close(place);
}

void connections_end(void) {
    for (unsigned i = 0; i < PLACES_MAX; i++)
        if (places[i].outer >= 0)
            place_close(&places[i]);
    for (struct pair *pair = pairs; pair != NULL; pair = pair->next)
        if (pair->is_connecting)
            pair_break(pair);
}

bool connections_are_left(void) {
    sweep();
    return pairs != NULL;
}

/* ---- watching ---- */

static short events_of(const struct pair *pair, unsigned end) {
    const struct way *in = &pair->ways[end], *out = &pair->ways[1 - end];
    if (pair->is_connecting)
        return end == OUTER ? POLLOUT : 0;
    return (short)((!in->has_ended && in->to == 0 && !is_dry ? POLLIN : 0) | (out->to > 0 ? POLLOUT : 0));
}

static unsigned watch(struct pollfd *list, unsigned count_now, int descriptor, short events, struct pair *pair,
                      unsigned number) {
    list[count_now] = (struct pollfd){.fd = descriptor, .events = events};
    watched[count_now].pair = pair;
    watched[count_now].number = number;
    return count_now + 1;
}

unsigned connections_watch(struct pollfd *list, unsigned room, int *timeout_ms) {
    unsigned added = 0;
    sweep();
    uint64_t wait_ns = is_dry ? bucket_wait_ns(&bucket, rate(), relay_now_ns()) : 0;
    is_dry = wait_ns > 0;
    int wait_ms = (int)((wait_ns + 999999) / 1000000);
    if (is_dry && pairs != NULL && (*timeout_ms < 0 || wait_ms < *timeout_ms))
        *timeout_ms = wait_ms;
    for (struct pair *pair = pairs; pair != NULL && added + 2 <= room; pair = pair->next)
        for (unsigned end = INNER; end <= OUTER; end++)
            if (events_of(pair, end) != 0)
                added = watch(list, added, pair->ends[end], events_of(pair, end), pair, end);
    for (unsigned i = 0; i < PLACES_MAX && added < room; i++)
        if (places[i].outer >= 0 && pair_count < PAIRS_MAX)
            added = watch(list, added, places[i].outer, POLLIN, NULL, i);
    return added;
}

void connections_serve(const struct pollfd *list, unsigned all) {
    for (unsigned i = 0; i < all; i++) {
        struct pair *pair = watched[i].pair;
        if (list[i].revents == 0)
            continue;
        if (pair == NULL && places[watched[i].number].outer == list[i].fd)
            arrive(&places[watched[i].number]);
        else if (pair != NULL && !pair->is_gone && pair->is_connecting)
            connected(pair);
        else if (pair != NULL && !pair->is_gone)
            pair_serve(pair, watched[i].number, list[i].revents);
    }
}
