/* What programs ask of the loopback device by ioctl: netdevice(7). */
#include "kernel/services/net/inet/inside.h"

#include "kernel/machine/bare/process/user_memory.h"

#include <string.h>

#define NAME_BYTES 16u
#define INTERFACE_INDEX 1
#define INTERFACE_MTU 65536
#define INTERFACE_FLAGS 0x49 /* IFF_UP, IFF_LOOPBACK, IFF_RUNNING */
#define HARDWARE_LOOPBACK 772
#define QUEUE_LENGTH 1000

/* struct ifreq. */
struct linux_interface {
    char name[NAME_BYTES];
    union {
        uint8_t address[16]; /* struct sockaddr */
        int32_t number;
        int16_t flags;
        uint64_t room[3];
    };
};

/* struct ifconf. */
struct linux_interfaces {
    int32_t size_bytes, unused;
    uint64_t address;
};

static const char loopback_name[NAME_BYTES] = "lo";

static void put_address(struct linux_interface *interface, uint32_t address) {
    struct inet_place place = {.address = inet_v4(address)};
    struct socket_name name;
    inet_write_place(LINUX_AF_INET, &place, &name);
    memcpy(interface->address, name.bytes, sizeof(interface->address));
}

static int64_t list_interfaces(uint64_t argument) {
    struct linux_interfaces list;
    struct linux_interface interface = {.room = {0}};
    if (!process_read(&list, argument, sizeof(list)))
        return -LINUX_EFAULT;
    memcpy(interface.name, loopback_name, sizeof(interface.name));
    put_address(&interface, INET_LOOPBACK_V4);
    bool has_room = list.address != 0 && list.size_bytes >= (int32_t)sizeof(interface);
    if (has_room && !process_write(list.address, &interface, sizeof(interface)))
        return -LINUX_EFAULT;
    list.size_bytes = has_room || list.address == 0 ? (int32_t)sizeof(interface) : 0;
    return process_write(argument, &list, sizeof(list)) ? 0 : -LINUX_EFAULT;
}

/* -LINUX_ENOTTY: no such request. */
static int answer(struct linux_interface *interface, uint32_t request) {
    memset(interface->room, 0, sizeof(interface->room));
    switch (request) {
    case LINUX_SIOCGIFFLAGS:
        interface->flags = INTERFACE_FLAGS;
        return 0;
    case LINUX_SIOCGIFADDR:
        put_address(interface, INET_LOOPBACK_V4);
        return 0;
    case LINUX_SIOCGIFBRDADDR:
        put_address(interface, 0);
        return 0;
    case LINUX_SIOCGIFNETMASK:
        put_address(interface, UINT32_C(0xff000000));
        return 0;
    case LINUX_SIOCGIFMETRIC:
        return 0;
    case LINUX_SIOCGIFMTU:
        interface->number = INTERFACE_MTU;
        return 0;
    case LINUX_SIOCGIFHWADDR:
        interface->flags = HARDWARE_LOOPBACK;
        return 0;
    case LINUX_SIOCGIFINDEX:
        interface->number = INTERFACE_INDEX;
        return 0;
    case LINUX_SIOCGIFTXQLEN:
        interface->number = QUEUE_LENGTH;
        return 0;
    default:
        return -LINUX_ENOTTY;
    }
}

int64_t inet_control(struct socket *socket, uint32_t request, uint64_t argument) {
    struct linux_interface interface;
    (void)socket;
    if (request == LINUX_SIOCGIFCONF)
        return list_interfaces(argument);
    if (request < LINUX_SIOCGIFNAME || request > LINUX_SIOCGIFTXQLEN)
        return -LINUX_ENOTTY;
    if (!process_read(&interface, argument, sizeof(interface)))
        return -LINUX_EFAULT;
    if (request == LINUX_SIOCGIFNAME) {
        if (interface.number != INTERFACE_INDEX)
            return -LINUX_ENODEV;
        memcpy(interface.name, loopback_name, sizeof(interface.name));
    } else {
        interface.name[NAME_BYTES - 1] = 0;
        bool is_known = memcmp(interface.name, loopback_name, sizeof("lo")) == 0;
        int status = is_known ? answer(&interface, request) : -LINUX_ENODEV;
        if (status != 0)
            return status;
    }
    return process_write(argument, &interface, sizeof(interface)) ? 0 : -LINUX_EFAULT;
}
