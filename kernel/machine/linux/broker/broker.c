/*
 * The broker: listeners of seccomp user notification, one for each container that has one.
 *
 * Purpose. Some system calls of a container are decided, and done, by the kernel: everything by which a socket of the host
 * network, which only the broker makes, could reach an address (law "the network is a capability").
 *
 * Why no race can be won. A caller's other threads may change its memory and its descriptors at any moment. So the broker
 * copies the arguments, takes a duplicate of the descriptor, checks the copy, and does the call itself with the copy on
 * the duplicate. The original call is never let go on in a container that can hold a host-network socket, unless
 * everything that it depends on is in registers, which other threads cannot reach. The number of a waiting thread could be
 * used again, so what was read counts only if the request is still waiting afterwards (NOTIF_ID_VALID).
 *
 * One call of each container a turn; what may wait is a job (job.h). A crash of the kernel closes the listeners: every
 * waiting call then fails with ENOSYS, and nothing is ever let through.
 */
#include "kernel/machine/linux/broker/broker.h"

#include "kernel/machine/linux/broker/explain.h"
#include "kernel/machine/linux/broker/job.h"
#include "kernel/machine/linux/broker/learn.h"
#include "kernel/machine/linux/broker/local.h"
#include "kernel/machine/linux/memory/slots.h"
#include "kernel/machine/linux/traffic/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

static struct slots brokers; /* of struct broker, by container index */
static uint32_t next_serial = 1;

/* Linux may know longer structures than we do; it says how long and fills what it knows. */
static struct seccomp_notif *notification;
static struct seccomp_notif_resp *response;
static size_t notification_bytes, response_bytes;

__attribute__((weak)) bool broker_trusts_callers(void) {
    return false;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static int make_buffers(void) {
    struct seccomp_notif_sizes sizes;
    if (notification != NULL)
        return 0;
    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
        return GROVE_UNSUPPORTED;
    notification_bytes = larger(sizes.seccomp_notif, sizeof *notification);
    response_bytes = larger(sizes.seccomp_notif_resp, sizeof *response);
    notification = calloc(1, notification_bytes);
    response = calloc(1, response_bytes);
    return notification == NULL || response == NULL ? GROVE_NO_MEMORY : 0;
}

static struct broker *at(machine_container container) {
    return slots_get(&brokers, container);
}

struct broker *broker_find(machine_container container, uint32_t serial) {
    struct broker *broker = at(container);
    return broker != NULL && broker->serial == serial ? broker : NULL;
}

/* ---- answering ---- */

bool broker_is_waiting(const struct broker *broker, uint64_t id) {
    return ioctl(broker->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static bool send_response(const struct broker *broker, uint64_t id, int64_t value, uint32_t flags) {
    memset(response, 0, response_bytes);
    response->id = id;
    response->flags = flags;
    if (value < 0)
        response->error = (int32_t)value;
    else
        response->val = value;
    return ioctl(broker->listener, SECCOMP_IOCTL_NOTIF_SEND, response) == 0;
}

/* Put the descriptor into the container and answer with its number, in one step. */
static bool send_socket(const struct broker *broker, uint64_t id, const struct outcome *outcome) {
    struct seccomp_notif_addfd add = {.id = id,
                                      .flags = SECCOMP_ADDFD_FLAG_SEND,
                                      .srcfd = (uint32_t)outcome->descriptor,
                                      .newfd_flags = outcome->flags};
    bool is_sent = ioctl(broker->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0;
    int error = errno;
    close(outcome->descriptor);
    return is_sent || send_response(broker, id, -(int64_t)error, 0);
}

bool broker_answer(const struct broker *broker, uint64_t id, const struct outcome *outcome) {
    switch (outcome->kind) {
    case OUTCOME_ANSWER:
        return send_response(broker, id, outcome->value, 0);
    case OUTCOME_SOCKET:
        return send_socket(broker, id, outcome);
    case OUTCOME_CONTINUE:
        return send_response(broker, id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
    case OUTCOME_LATER:
        break;
    }
    return true;
}

void broker_relayed(machine_container container, const struct relay_answer *answer, int descriptor) {
    struct broker *broker = at(container);
    struct outcome outcome = outcome_value(answer->value);
    if (answer->kind == RELAY_SOCKET && descriptor >= 0)
        outcome = (struct outcome){.kind = OUTCOME_SOCKET, .descriptor = descriptor, .flags = answer->flags};
    else if (descriptor >= 0)
        close(descriptor);
    if (broker != NULL)
        (void)broker_answer(broker, answer->call, &outcome);
    else if (outcome.kind == OUTCOME_SOCKET)
        close(descriptor);
}

/* ---- receiving ---- */

static bool receive(struct broker *broker, struct broker_request *request) {
    memset(notification, 0, notification_bytes);
    if (ioctl(broker->listener, SECCOMP_IOCTL_NOTIF_RECV, notification) < 0)
        return false; /* the caller was killed or interrupted meanwhile */
    *request = (struct broker_request){
        .broker = broker, .id = notification->id, .thread = (pid_t)notification->pid, .number = notification->data.nr};
    for (int i = 0; i < 6; i++)
        request->arguments[i] = notification->data.args[i];
    return true;
}

static struct outcome decide(const struct broker_request *request) {
    /* Numbers of another architecture mean other calls; thread 0 is a process this kernel cannot see. */
    if (notification->data.arch != NATIVE_ARCHITECTURE || request->thread == 0)
        return outcome_error(ENOSYS);
    broker_handler *handler =
        broker_handler_of(request->number, request->broker->is_learning || request->broker->is_explaining);
    return handler == NULL ? outcome_error(ENOSYS) : handler(request);
}

static void listener_event(struct loop *loop, int descriptor, uint32_t events, void *context) {
    (void)loop;
    (void)descriptor;
    machine_container container = (machine_container)(uintptr_t)context;
    struct broker *broker = at(container);
    struct broker_request request;
    if ((events & EPOLLIN) != 0) {
        if (!receive(broker, &request))
            return;
        struct outcome outcome = decide(&request);
        (void)broker_answer(broker, request.id, &outcome);
    } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
        broker_detach(container); /* no process with this filter is left */
    }
}

void broker_pause(struct broker *broker, bool is_paused) {
    broker->is_paused = is_paused;
    (void)loop_change(linux_machine->loop, broker->listener, is_paused ? 0 : EPOLLIN);
}

/* ---- containers come and go ---- */

static bool has_network(const struct grove_spec *spec) {
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability capability;
        uint16_t flags;
        grove_spec_capability(spec, i, &capability, &flags);
        if (capability.kind == GROVE_CAP_NET_BIND || capability.kind == GROVE_CAP_NET_CONNECT)
            return true;
    }
    return false;
}

bool broker_spec_has_network(const struct grove_spec *spec) {
    return has_network(spec) || (spec->flags & GROVE_SPEC_LEARN) != 0;
}

static int attach(machine_container container, int listener) {
    const struct grove_spec *spec = container_spec(container);
    if (spec == NULL)
        return GROVE_WRONG_STATE;
    int status = make_buffers();
    if (status == 0)
        status = slots_reach(&brokers, container);
    if (status < 0)
        return status;
    struct broker *broker = calloc(1, sizeof *broker);
    if (broker == NULL)
        return GROVE_NO_MEMORY;
    *broker = (struct broker){.container = container,
                              .serial = next_serial++,
                              .listener = listener,
                              .spec = spec,
                              .is_learning = (spec->flags & GROVE_SPEC_LEARN) != 0,
                              .is_explaining = (spec->flags & GROVE_SPEC_EXPLAIN) != 0,
                              .has_network = broker_spec_has_network(spec)};
    status = loop_watch(linux_machine->loop, listener, EPOLLIN, listener_event, (void *)(uintptr_t)container);
    if (status < 0) {
        free(broker);
        return status;
    }
    slots_set(&brokers, container, broker);
    return 0;
}

int broker_attach(machine_container container, int listener) {
    broker_detach(container);
    int status = fcntl(listener, F_SETFD, FD_CLOEXEC) < 0 ? GROVE_IO : attach(container, listener);
    if (status < 0)
        close(listener);
    return status;
}

void broker_detach(machine_container container) {
    struct broker *broker = at(container);
    if (broker == NULL)
        return;
    job_cancel_all(broker);
    loop_forget(linux_machine->loop, broker->listener);
    close(broker->listener);
    local_forget(broker);
    learn_forget(broker);
    explain_forget(broker);
    slots_set(&brokers, container, NULL);
    free(broker);
}
