/* Options of all sockets: see socket.h and socket(7). */
#include "kernel/services/net/socket.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
#define MICROSECOND_NS UINT64_C(1000)
#define MICROSECONDS 1000000

struct linux_timeval {
    int64_t seconds, microseconds;
};

int socket_give_number(void *value, uint32_t *size_bytes, int32_t number) {
    *size_bytes = *size_bytes < sizeof(number) ? *size_bytes : (uint32_t)sizeof(number);
    memcpy(value, &number, *size_bytes);
    return 0;
}

static int give_bytes(void *value, uint32_t *size_bytes, const void *bytes, uint32_t size) {
    *size_bytes = *size_bytes < size ? *size_bytes : size;
    memcpy(value, bytes, *size_bytes);
    return 0;
}

/* Options that are one flag. 0: the option is none. */
static uint32_t flag_of(uint32_t option) {
    static const struct {
        uint32_t option;
        enum socket_flag flag;
    } flags[] = {{LINUX_SO_PASSCRED, SOCKET_PASSES_CREDENTIALS},
                 {LINUX_SO_REUSEADDR, SOCKET_REUSES_ADDRESS},
                 {LINUX_SO_KEEPALIVE, SOCKET_KEEPS_ALIVE},
                 {LINUX_SO_BROADCAST, SOCKET_BROADCASTS},
                 {LINUX_SO_REUSEPORT, SOCKET_SHARES_PORT},
                 {LINUX_SO_OOBINLINE, SOCKET_OUT_OF_BAND_INLINE},
                 {LINUX_SO_DEBUG, SOCKET_DEBUGS},
                 {LINUX_SO_DONTROUTE, SOCKET_ROUTES_NOT}};
    for (uint32_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (flags[i].option == option)
            return (uint32_t)flags[i].flag;
    return 0;
}

static struct linux_timeval time_of(uint64_t timeout_ns) {
    return (struct linux_timeval){.seconds = (int64_t)(timeout_ns / SECOND_NS),
                                  .microseconds = (int64_t)(timeout_ns % SECOND_NS / MICROSECOND_NS)};
}

static int get_general(struct socket *socket, uint32_t option, void *value, uint32_t *size_bytes) {
    const struct socket_operations *operations = socket->operations;
    struct linux_timeval time;
    if (flag_of(option) != 0)
        return socket_give_number(value, size_bytes, socket_is(socket, flag_of(option)));
    switch (option) {
    case LINUX_SO_TYPE:
        return socket_give_number(value, size_bytes, socket->type);
    case LINUX_SO_DOMAIN:
        return socket_give_number(value, size_bytes, socket->family);
    case LINUX_SO_PROTOCOL:
        return socket_give_number(value, size_bytes, (int32_t)socket->protocol);
    case LINUX_SO_ERROR:
        return socket_give_number(value, size_bytes, operations->take_error(socket));
    case LINUX_SO_ACCEPTCONN:
        return socket_give_number(value, size_bytes, operations->is_listening(socket));
    case LINUX_SO_SNDBUF:
        return socket_give_number(value, size_bytes, (int32_t)socket->send_bytes_max);
    case LINUX_SO_RCVBUF:
        return socket_give_number(value, size_bytes, (int32_t)socket->receive_bytes_max);
    case LINUX_SO_RCVLOWAT:
        return socket_give_number(value, size_bytes, (int32_t)socket->receive_least);
    case LINUX_SO_SNDLOWAT:
        return socket_give_number(value, size_bytes, 1);
    case LINUX_SO_LINGER:
        return give_bytes(value, size_bytes, socket->linger, sizeof(socket->linger));
    case LINUX_SO_RCVTIMEO:
    case LINUX_SO_SNDTIMEO:
        time = time_of(option == LINUX_SO_RCVTIMEO ? socket->receive_timeout_ns : socket->send_timeout_ns);
        return give_bytes(value, size_bytes, &time, sizeof(time));
    default:
        return operations->get_option(socket, LINUX_SOL_SOCKET, option, value, size_bytes);
    }
}

int socket_get_option(struct socket *socket, uint32_t level, uint32_t option, void *value, uint32_t *size_bytes) {
    if (level == LINUX_SOL_SOCKET)
        return get_general(socket, option, value, size_bytes);
    return socket->operations->get_option(socket, level, option, value, size_bytes);
}

/* Linux doubles what it is told, for what it needs itself. */
static uint32_t buffer_size(int32_t number, uint32_t least) {
    uint32_t wanted = number < 0 || (uint32_t)number > SOCKET_BUFFER_BYTES ? SOCKET_BUFFER_BYTES : (uint32_t)number;
    return wanted * 2 > least ? wanted * 2 : least;
}

static int set_timeout(uint64_t *timeout_ns, const void *value, uint32_t size_bytes) {
    struct linux_timeval time;
    if (size_bytes < sizeof(time))
        return -LINUX_EINVAL;
    memcpy(&time, value, sizeof(time));
    if (time.microseconds < 0 || time.microseconds >= MICROSECONDS)
        return -LINUX_EDOM;
    if (time.seconds < 0) /* no more than a moment */
        *timeout_ns = 1;
    else if ((uint64_t)time.seconds > UINT64_MAX / SECOND_NS / 4)
        *timeout_ns = 0;
    else
        *timeout_ns = (uint64_t)time.seconds * SECOND_NS + (uint64_t)time.microseconds * MICROSECOND_NS;
    return 0;
}

static int set_number(struct socket *socket, uint32_t option, int32_t number) {
    uint32_t flag = flag_of(option);
    if (flag != 0 && number != 0)
        __atomic_or_fetch(&socket->flags, flag, __ATOMIC_RELAXED);
    else if (flag != 0)
        __atomic_and_fetch(&socket->flags, ~flag, __ATOMIC_RELAXED);
    else if (option == LINUX_SO_SNDBUF)
        socket->send_bytes_max = buffer_size(number, SOCKET_BUFFER_MIN);
    else if (option == LINUX_SO_RCVBUF)
        socket->receive_bytes_max = buffer_size(number, SOCKET_BUFFER_MIN / 2);
    else if (option == LINUX_SO_RCVLOWAT)
        socket->receive_least = number < 0 ? INT32_MAX : number == 0 ? 1 : (uint32_t)number;
    else
        return -LINUX_ENOPROTOOPT;
    return 0;
}

static int set_general(struct socket *socket, uint32_t option, const void *value, uint32_t size_bytes) {
    int32_t number;
    switch (option) {
    case LINUX_SO_RCVTIMEO:
        return set_timeout(&socket->receive_timeout_ns, value, size_bytes);
    case LINUX_SO_SNDTIMEO:
        return set_timeout(&socket->send_timeout_ns, value, size_bytes);
    case LINUX_SO_LINGER:
        if (size_bytes < sizeof(socket->linger))
            return -LINUX_EINVAL;
        memcpy(socket->linger, value, sizeof(socket->linger));
        socket->linger[0] = socket->linger[0] != 0;
        return 0;
    default:
        if (size_bytes < sizeof(number))
            return -LINUX_EINVAL;
        memcpy(&number, value, sizeof(number));
        return set_number(socket, option, number);
    }
}

int socket_set_option(struct socket *socket, uint32_t level, uint32_t option, const void *value, uint32_t size_bytes) {
    if (level != LINUX_SOL_SOCKET)
        return socket->operations->set_option(socket, level, option, value, size_bytes);
    int status = set_general(socket, option, value, size_bytes);
    if (status == -LINUX_ENOPROTOOPT)
        return socket->operations->set_option(socket, level, option, value, size_bytes);
    if (status == 0 && option == LINUX_SO_KEEPALIVE) /* a family with timers has to know */
        (void)socket->operations->set_option(socket, level, option, value, size_bytes);
    return status;
}
