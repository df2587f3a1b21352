/* A message of sendto, sendmsg or sendmmsg, copied from a container: bounded, and its own. */
#ifndef GROVE_LINUX_BROKER_MESSAGE_H
#define GROVE_LINUX_BROKER_MESSAGE_H

#include "kernel/machine/linux/broker/broker.h"

#include <sys/uio.h>

/* A longer datagram is EMSGSIZE, as on Linux with its default limits; of a stream this much is taken at a time. */
#define MESSAGE_BYTES_MAX (256u << 10)
#define MESSAGE_CONTROL_MAX 4096u
#define MESSAGE_DESCRIPTORS_MAX 253 /* SCM_MAX_FD of Linux */

struct message {
    int flags;
    bool has_address;
    struct socket_address address;
    size_t bytes; /* of data */
    size_t control_bytes;
    unsigned descriptor_count; /* duplicates that `control` carries; closed by message_close */
    int descriptors[MESSAGE_DESCRIPTORS_MAX];
    uint64_t count_address; /* sendmmsg: where the caller wants the number of bytes; 0 none */
    char *data; /* MESSAGE_BYTES_MAX */
    _Alignas(8) char control[MESSAGE_CONTROL_MAX];
};

/* What is left to do when a message has gone, or has not. */
struct message_finish {
    uint64_t count_address;
    bool wants_signal; /* SIGPIPE when nobody can read it */
};
struct message_finish message_finish_of(const struct message *message);

/* Send it as it is on a socket; only system calls. Bytes sent, or a negative error number. */
int64_t message_send(int socket, struct message *message, int extra_flags);
/* The job_finish of every message job: context is a struct message_finish. For sendmmsg the answer becomes 1. */
int64_t message_done(const struct broker_request *request, int64_t value, const void *context);

/* The handlers of calls.c. */
struct outcome message_sendto(const struct broker_request *request);
struct outcome message_sendmsg(const struct broker_request *request);
struct outcome message_sendmmsg(const struct broker_request *request);

#endif
