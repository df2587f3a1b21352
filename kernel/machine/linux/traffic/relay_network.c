/*
 * The relay's network: a loopback, and a route by which every address of both families is local to it. What is bound or connected
 * to there never leaves it.
 */
#include "kernel/machine/linux/traffic/relay.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPBACK 1 /* the number of the loopback in a new network */

static bool raise_loopback(void) {
    struct ifreq request = {.ifr_name = "lo"};
    int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    bool is_up = any >= 0 && ioctl(any, SIOCSIFFLAGS, &request) == 0;
    if (any >= 0)
        (void)close(any);
    return is_up;
}

struct route {
    struct nlmsghdr header;
    struct rtmsg body;
    struct rtattr attribute;
    int interface;
};

static bool add_route(int netlink, unsigned char family) {
    struct route route = {
        .header = {.nlmsg_len = sizeof route,
                   .nlmsg_type = RTM_NEWROUTE,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK},
        .body = {.rtm_family = family,
                 .rtm_table = RT_TABLE_LOCAL,
                 .rtm_protocol = RTPROT_STATIC,
                 .rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
                 .rtm_type = RTN_LOCAL},
        .attribute = {.rta_len = RTA_LENGTH(sizeof route.interface), .rta_type = RTA_OIF},
        .interface = LOOPBACK,
    };
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char more[512];
    } answer = {0};
    return send(netlink, &route, sizeof route, 0) == (ssize_t)sizeof route &&
           recv(netlink, &answer, sizeof answer, 0) >= (ssize_t)(sizeof answer.header + sizeof(int)) &&
           answer.header.nlmsg_type == NLMSG_ERROR && answer.error.error == 0;
}

/* Of the sixth version, binding looks at addresses and not at routes. */
static void allow_any_binding(void) {
    int setting = open("/proc/sys/net/ipv6/ip_nonlocal_bind", O_WRONLY | O_CLOEXEC);
    if (setting < 0)
        return;
    (void)!write(setting, "1", 1);
    (void)close(setting);
}

bool relay_network_enter(void) {
    if (unshare(CLONE_NEWNET) < 0 || !raise_loopback())
        return false;
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    bool is_made = netlink >= 0 && add_route(netlink, AF_INET);
    if (is_made)
        (void)add_route(netlink, AF_INET6); /* a kernel without it has no such sockets either */
    if (netlink >= 0)
        (void)close(netlink);
    allow_any_binding();
    return is_made;
}
