/*
 * Which system calls are notified, for which specs, and who answers each.
 *
 * Containers that have sockets of the host network are asked about every call that can reach an address through one; the
 * others only where a refusal has to be explained. sendto without an address is never asked about, so that the fast path
 * of connected sockets stays a plain system call.
 */
#include "kernel/machine/linux/broker/broker.h"

#include "kernel/machine/linux/broker/learn.h"
#include "kernel/machine/linux/broker/message.h"
#include "kernel/machine/linux/broker/network.h"

#include <seccomp.h>

static bool always(const struct grove_spec *spec) {
    (void)spec;
    return true;
}

static bool watched(const struct grove_spec *spec) {
    return (spec->flags & (GROVE_SPEC_LEARN | GROVE_SPEC_EXPLAIN)) != 0;
}

/* X(name, for which specs, argument that means "do not ask" when it is 0, handler) */
#define NETWORK_CALLS(X) \
    X(socket, broker_spec_has_network, -1, network_socket) \
    X(bind, always, -1, network_bind) \
    X(connect, always, -1, network_connect) \
    X(listen, broker_spec_has_network, -1, network_listen) \
    X(sendto, always, 4, message_sendto) \
    X(sendmsg, broker_spec_has_network, -1, message_sendmsg) \
    X(sendmmsg, broker_spec_has_network, -1, message_sendmmsg) \
    X(setsockopt, broker_spec_has_network, -1, network_setsockopt)

#define NETWORK_ROW(name, wanted, skip, handler) {#name, wanted, skip},
#define LEARN_ROW(name, folder, path, use) {#name, watched, -1},
const struct broker_call broker_calls[] = {NETWORK_CALLS(NETWORK_ROW) LEARN_CALLS(LEARN_ROW)};
const unsigned broker_call_count = sizeof broker_calls / sizeof *broker_calls;

/* In the order of broker_calls; numbers are filled in at the first use. */
struct answerer {
    broker_handler *handler;
    int number;
};
#define NETWORK_ANSWERER(name, wanted, skip, handler) {handler, -1},
#define LEARN_ANSWERER(name, folder, path, use) {learn_file_call, -1},
static struct answerer answerers[] = {NETWORK_CALLS(NETWORK_ANSWERER) LEARN_CALLS(LEARN_ANSWERER)};

static void resolve_numbers(void) {
    static bool is_done;
    if (is_done)
        return;
    is_done = true;
    for (unsigned i = 0; i < broker_call_count; i++)
        answerers[i].number = seccomp_syscall_resolve_name(broker_calls[i].name);
}

broker_handler *broker_handler_of(int number, bool with_files) {
    resolve_numbers();
    for (unsigned i = 0; i < broker_call_count; i++)
        if (answerers[i].number == number && (with_files || answerers[i].handler != learn_file_call))
            return answerers[i].handler;
    return NULL;
}
