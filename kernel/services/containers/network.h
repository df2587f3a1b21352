/*
 * The network by capability: what families of sockets ask (kernel/services/net/gate.h) is answered by the core, for the container
 * whose program makes the call. Programs of no container may do all.
 *
 *     bind       NET_BIND of that address and port. Port 0 (one is chosen) is also allowed where the container's spec lets it connect
 *                anywhere at all, because clients do that to choose their own address; it gives no right to listen.
 *     listen     NET_BIND of the address that the socket is bound to; of any address if it is bound to none.
 *     connect    NET_CONNECT of the address; a datagram that is sent to an address of its own is such a connection.
 *
 * A socket bound to :: would serve IPv4 as well; where 0.0.0.0 is not granted it is bound to IPv6 only. Refusals are -LINUX_EACCES,
 * and audited by the core with the number of the system call. As kernel/machine/linux/broker does it, where a container without such
 * capabilities has an empty network of its own; here it may have sockets too, and every use of them is refused.
 *
 * Also whose an abstract Unix name is: each container has its own, the same for all its instances.
 */
#ifndef GROVE_CONTAINERS_NETWORK_H
#define GROVE_CONTAINERS_NETWORK_H

#include "kernel/services/net/gate.h"

/* Good as long as containers are set up; takes their lock, so it may wait, and must not be asked with it held. */
extern const struct net_gate containers_gate;

#endif
