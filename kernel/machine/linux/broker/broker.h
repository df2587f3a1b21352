/*
 * What the files of broker/ share: one notified system call, and how it is answered.
 *
 *     calls.c     which calls are notified, and by whom each is answered
 *     broker.c    listeners, receiving, answering          target.c    reading the calling process
 *     network.c   sockets of the host network              message.c   sendto, sendmsg, sendmmsg
 *     address.c   socket addresses                         local.c     AF_UNIX sockets
 *     job.c       helpers for what may wait                learn.c     what an open container uses
 *     learn_path.c  the paths of file calls               explain.c   what a confined container misses
 *
 * All of it runs on groved's loop thread, except the functions given to job_start, which run in a child process.
 */
#ifndef GROVE_LINUX_BROKER_H
#define GROVE_LINUX_BROKER_H

#include "kernel/machine/linux/broker/address.h"
#include "kernel/machine/linux/linux.h"

#include <linux/seccomp.h>
#include <sys/socket.h>

struct explain_seen; /* what was told to be missing, explain.c */
struct learn_notes; /* what an open container made for itself, learn.c */
struct broker_names; /* abstract socket names bound by this container, local.c */

/* One for each container with a listener. */
struct broker {
    machine_container container;
    uint32_t serial; /* of this attachment; an index is used again */
    int listener;
    const struct grove_spec *spec;
    bool has_network; /* its AF_INET sockets are made outside */
    bool is_learning;
    bool is_explaining; /* confined, and told which files it misses */
    bool is_paused; /* too many jobs: the next calls wait in Linux */
    unsigned jobs;
    struct broker_names *names;
    struct learn_notes *notes;
    struct explain_seen *seen;
};

/* A call that the container is waiting in. */
struct broker_request {
    struct broker *broker;
    uint64_t id;
    pid_t thread; /* as seen from here */
    int number;
    uint64_t arguments[6];
};

enum outcome_kind {
    OUTCOME_ANSWER, /* value, or a negative error number */
    OUTCOME_SOCKET, /* give it `descriptor`, which is taken over, with `flags` */
    OUTCOME_CONTINUE, /* let Linux do it: only where no race on memory or descriptors can matter */
    OUTCOME_LATER, /* a job answers */
};
struct outcome {
    enum outcome_kind kind;
    int descriptor;
    uint32_t flags;
    int64_t value;
};

static inline struct outcome outcome_value(int64_t value) {
    return (struct outcome){.kind = OUTCOME_ANSWER, .value = value, .descriptor = -1};
}
static inline struct outcome outcome_error(int error) {
    return outcome_value(-(int64_t)error);
}
static inline struct outcome outcome_of(enum outcome_kind kind) {
    return (struct outcome){.kind = kind, .descriptor = -1};
}

typedef struct outcome broker_handler(const struct broker_request *request);

/* calls.c: who answers a call; NULL if nobody does. File calls are watched in some containers only. */
broker_handler *broker_handler_of(int number, bool with_files);

/* broker.c */
struct broker *broker_find(machine_container container, uint32_t serial);
/* Answer a request; one that is gone meanwhile (killed, interrupted) is none of ours any more. False then. */
bool broker_answer(const struct broker *broker, uint64_t id, const struct outcome *outcome);
/* Is the caller still waiting in this call? What was read from its memory counts only if so. */
bool broker_is_waiting(const struct broker *broker, uint64_t id);
void broker_pause(struct broker *broker, bool is_paused);
/*
 * Let a call that was allowed go on in the container with its own memory, as a naive broker would. Weak and false; only a
 * kernel built for the tests says true, to prove that the race they try can be won there.
 */
bool broker_trusts_callers(void);

/* network.c: may the container do this? Audited when not; recorded when learning. 0 or a negative error number. */
int network_check(const struct broker_request *request, uint16_t kind, uint8_t transport,
                  const struct socket_address *address);
/* The transport of a socket, as an IANA number; 0 if it is not one of the internet. */
uint8_t network_transport(int descriptor);
int network_domain(int descriptor);

#endif
