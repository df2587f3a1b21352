/* The handlers of the calls on sockets that carry no message, for calls.c. */
#ifndef GROVE_LINUX_BROKER_NETWORK_H
#define GROVE_LINUX_BROKER_NETWORK_H

#include "kernel/machine/linux/broker/broker.h"

struct outcome network_socket(const struct broker_request *request);
struct outcome network_bind(const struct broker_request *request);
struct outcome network_connect(const struct broker_request *request);
struct outcome network_listen(const struct broker_request *request);
struct outcome network_setsockopt(const struct broker_request *request);

#endif
