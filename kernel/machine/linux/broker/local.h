/*
 * AF_UNIX sockets in containers whose socket calls are all taken to the kernel: done by a job that has the caller's file
 * view, working directory, user, groups and umask, so that the outcome, and the peer's idea of who called, are what they
 * would have been.
 */
#ifndef GROVE_LINUX_BROKER_LOCAL_H
#define GROVE_LINUX_BROKER_LOCAL_H

#include "kernel/machine/linux/broker/broker.h"
#include "kernel/machine/linux/broker/message.h"

struct outcome local_bind(const struct broker_request *request, int socket, const struct socket_address *address);
struct outcome local_connect(const struct broker_request *request, int socket, const struct socket_address *address);
struct outcome local_listen(const struct broker_request *request, int socket);
/* Send a message that was copied; its descriptors are the caller's to close. finish may be NULL. */
struct outcome local_send(const struct broker_request *request, int socket, struct message *message);
/* True if the other end of a connected socket is the kernel itself (a kernel port, a doorbell, the readiness socket). */
bool local_is_kernel(int socket);
void local_forget(struct broker *broker);

#endif
