/* Options of SOL_SOCKET, IP and IPV6: socket(7), ip(7), ipv6(7). See inside.h. */
#include "kernel/services/net/inet/inside.h"

#include <string.h>

#define TIME_TO_LIVE 64
#define INTERFACE_NAME "lo"

static uint32_t flag_of(uint32_t level, uint32_t option) {
    static const struct {
        uint32_t level, option, flag;
    } flags[] = {{LINUX_IPPROTO_IP, LINUX_IP_PKTINFO, INET_TELLS_INFO},
                 {LINUX_IPPROTO_IP, LINUX_IP_RECVTTL, INET_TELLS_TIME_TO_LIVE},
                 {LINUX_IPPROTO_IP, LINUX_IP_RECVTOS, INET_TELLS_SERVICE},
                 {LINUX_IPPROTO_IP, LINUX_IP_RECVERR, INET_TELLS_ERRORS},
                 {LINUX_IPPROTO_IP, LINUX_IP_FREEBIND, INET_BINDS_FREELY},
                 {LINUX_IPPROTO_IP, LINUX_IP_BIND_ADDRESS_NO_PORT, INET_NO_PORT_YET},
                 {LINUX_IPPROTO_IPV6, LINUX_IPV6_RECVPKTINFO, INET_TELLS_INFO},
                 {LINUX_IPPROTO_IPV6, LINUX_IPV6_RECVERR, INET_TELLS_ERRORS}};
    for (uint32_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (flags[i].level == level && flags[i].option == option)
            return flags[i].flag;
    return 0;
}

static int64_t number_of(const struct inet_socket *socket, uint32_t level, uint32_t option) {
    uint32_t flag = flag_of(level, option);
    if (flag != 0)
        return (socket->ip_flags & flag) != 0;
    if (level == LINUX_SOL_SOCKET)
        return option == LINUX_SO_PRIORITY ? (int64_t)socket->priority : -LINUX_ENOPROTOOPT;
    if (level == LINUX_IPPROTO_IP) {
        switch (option) {
        case LINUX_IP_TOS:
            return socket->type_of_service;
        case LINUX_IP_TTL:
            return socket->time_to_live != 0 ? socket->time_to_live : TIME_TO_LIVE;
        case LINUX_IP_MTU_DISCOVER:
            return socket->path_discovery;
        case LINUX_IP_MULTICAST_TTL:
            return socket->multicast_time_to_live;
        case LINUX_IP_MULTICAST_LOOP:
            return socket->multicast_loops;
        default:
            return -LINUX_ENOPROTOOPT;
        }
    }
    if (level != LINUX_IPPROTO_IPV6 || socket->socket.family != LINUX_AF_INET6)
        return -LINUX_EOPNOTSUPP;
    switch (option) {
    case LINUX_IPV6_V6ONLY:
        return socket->is_v6_only;
    case LINUX_IPV6_UNICAST_HOPS:
        return socket->time_to_live != 0 ? socket->time_to_live : TIME_TO_LIVE;
    case LINUX_IPV6_TCLASS:
        return socket->type_of_service;
    case LINUX_IPV6_MTU_DISCOVER:
        return socket->path_discovery;
    case LINUX_IPV6_MULTICAST_HOPS:
        return socket->multicast_time_to_live;
    case LINUX_IPV6_MULTICAST_LOOP:
        return socket->multicast_loops;
    default:
        return -LINUX_ENOPROTOOPT;
    }
}

int inet_get_option(struct socket *asked, uint32_t level, uint32_t option, void *value, uint32_t *size_bytes) {
    struct inet_socket *socket = inet_of(asked);
    if (level == LINUX_SOL_SOCKET && option == LINUX_SO_PEERCRED) {
        static const struct socket_credentials nobody = {.user = UINT32_MAX, .group = UINT32_MAX};
        *size_bytes = *size_bytes < sizeof(nobody) ? *size_bytes : (uint32_t)sizeof(nobody);
        memcpy(value, &nobody, *size_bytes);
        return 0;
    }
    int64_t number = number_of(socket, level, option);
    if (number < 0)
        return (int)number;
    return socket_give_number(value, size_bytes, (int32_t)number);
}

static int set_time_to_live(struct inet_socket *socket, int32_t number) {
    if (number != -1 && (number < 1 || number > 255))
        return -LINUX_EINVAL;
    socket->time_to_live = number == -1 ? 0 : (uint8_t)number;
    return 0;
}

static int set_only_v6(struct inet_socket *socket, int32_t number) {
    int status = socket->port != NULL ? -LINUX_EINVAL : 0;
    if (status == 0)
        socket->is_v6_only = number != 0;
    return status;
}

static int set_ip(struct inet_socket *socket, uint32_t option, int32_t number) {
    switch (option) {
    case LINUX_IP_TOS:
        socket->type_of_service = (uint8_t)number;
        return 0;
    case LINUX_IP_TTL:
        return set_time_to_live(socket, number);
    case LINUX_IP_MTU_DISCOVER:
        socket->path_discovery = (uint32_t)number;
        return number >= 0 && number <= 5 ? 0 : -LINUX_EINVAL;
    case LINUX_IP_MULTICAST_TTL:
        socket->multicast_time_to_live = (uint8_t)number;
        return number >= -1 && number <= 255 ? 0 : -LINUX_EINVAL;
    case LINUX_IP_MULTICAST_LOOP:
        socket->multicast_loops = number != 0;
        return 0;
    case LINUX_IP_ADD_MEMBERSHIP: /* there is no device with groups */
    case LINUX_IP_MULTICAST_IF:
        return -LINUX_ENODEV;
    case LINUX_IP_DROP_MEMBERSHIP:
        return -LINUX_EADDRNOTAVAIL;
    default:
        return -LINUX_ENOPROTOOPT;
    }
}

static int set_ipv6(struct inet_socket *socket, uint32_t option, int32_t number) {
    if (socket->socket.family != LINUX_AF_INET6)
        return -LINUX_ENOPROTOOPT;
    switch (option) {
    case LINUX_IPV6_V6ONLY:
        return set_only_v6(socket, number);
    case LINUX_IPV6_UNICAST_HOPS:
        return set_time_to_live(socket, number);
    case LINUX_IPV6_TCLASS:
        socket->type_of_service = (uint8_t)number;
        return 0;
    case LINUX_IPV6_MTU_DISCOVER:
        socket->path_discovery = (uint32_t)number;
        return 0;
    case LINUX_IPV6_MULTICAST_HOPS:
        socket->multicast_time_to_live = (uint8_t)number;
        return 0;
    case LINUX_IPV6_MULTICAST_LOOP:
        socket->multicast_loops = number != 0;
        return 0;
    case LINUX_IPV6_ADD_MEMBERSHIP:
        return -LINUX_ENODEV;
    default:
        return -LINUX_ENOPROTOOPT;
    }
}

static int set_number(struct inet_socket *socket, uint32_t level, uint32_t option, int32_t number) {
    uint32_t flag = flag_of(level, option);
    if (flag != 0) {
        socket->ip_flags = number != 0 ? socket->ip_flags | flag : socket->ip_flags & ~flag;
        return 0;
    }
    if (level == LINUX_IPPROTO_IP)
        return set_ip(socket, option, number);
    if (level == LINUX_IPPROTO_IPV6)
        return set_ipv6(socket, option, number);
    if (level != LINUX_SOL_SOCKET || option != LINUX_SO_PRIORITY)
        return -LINUX_ENOPROTOOPT;
    socket->priority = (uint32_t)number;
    return 0;
}

/* There is one device, and everything goes through it. */
static int bind_to_device(const void *value, uint32_t size_bytes) {
    const char *name = value;
    if (size_bytes == 0 || name[0] == 0)
        return 0;
    uint32_t length = 0;
    while (length < size_bytes && name[length] != 0)
        length++;
    return length == sizeof(INTERFACE_NAME) - 1 && memcmp(name, INTERFACE_NAME, length) == 0 ? 0 : -LINUX_ENODEV;
}

int inet_set_option(struct socket *asked, uint32_t level, uint32_t option, const void *value, uint32_t size_bytes) {
    struct inet_socket *socket = inet_of(asked);
    int32_t number = 0;
    if (level == LINUX_SOL_SOCKET && option == LINUX_SO_BINDTODEVICE)
        return bind_to_device(value, size_bytes);
    if (level == LINUX_IPPROTO_IP && size_bytes > 0 && size_bytes < sizeof(number))
        number = *(const uint8_t *)value;
    else if (size_bytes >= sizeof(number))
        memcpy(&number, value, sizeof(number));
    else
        return -LINUX_EINVAL;
    inet_lock(socket->domain);
    int status = set_number(socket, level, option, number);
    inet_unlock(socket->domain);
    return status;
}
