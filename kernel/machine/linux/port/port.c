/*
 * Kernel ports: sequenced-packet sockets between the kernel and containers.
 *
 * Each container index has at most one port. A native service's is one end of a socket pair, open for one instance; a
 * shell's is its connection to the control socket, and its end is the end of the container.
 *
 * Everything received is hostile. A packet is handed to the core as it is, with its true length and with exactly the
 * descriptors that arrived; the core checks and takes over the descriptors. If the control data was cut (more
 * descriptors than a packet may have, or none free here), what did arrive is closed and the packet's length is made
 * impossible, so that the core refuses it as malformed instead of acting on half of it.
 *
 * Fairness: PACKETS_PER_TURN packets of one port, then the others. epoll is level-triggered, so the rest waits its turn.
 *
 * Re-entrance: the core may close any port, and start an instance with a new one under the same index, while a packet of
 * it is being handled. So a handler looks its port up again by index and serial after each call into the core, and never
 * keeps a pointer over one.
 */
#include "kernel/machine/linux/port/port.h"

#include "kernel/machine/linux/memory/slots.h"
#include "kernel/machine/linux/port/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKETS_PER_TURN 16
#define RETRY_NS UINT64_C(10000000)

struct port {
    int descriptor;
    machine_container container;
    uint32_t serial;
    bool is_client; /* a shell: its end is the container's end */
    bool is_hung_up; /* the instance closed its end; kept until port_close */
    bool wants_write; /* a send was refused with GROVE_AGAIN */
    uint64_t retry; /* timer, when the socket cannot tell when to try again */
};

static struct slots ports; /* of struct port, by container index */
static uint32_t next_serial = 1;
static uint32_t client_count;
static port_gone *client_gone;
static void *client_gone_context;

static struct port *find(machine_container container) {
    return slots_get(&ports, container);
}

static bool is_same(machine_container container, uint32_t serial) {
    const struct port *port = find(container);
    return port != NULL && port->serial == serial;
}

static void *context_of(machine_container container) {
    return (void *)(uintptr_t)container;
}

static void destroy(struct port *port) {
    loop_forget(linux_machine->loop, port->descriptor);
    if (port->retry != 0)
        loop_cancel(linux_machine->loop, port->retry);
    close(port->descriptor);
    slots_set(&ports, port->container, NULL);
    if (port->is_client)
        client_count--;
    free(port);
}

static void tell_gone(void) {
    if (client_gone != NULL)
        client_gone(client_gone_context);
}

static void hang_up(struct port *port) {
    if (!port->is_client) {
        /* The instance is about to end, or it closed descriptor 3; its process descriptor tells the rest. */
        loop_forget(linux_machine->loop, port->descriptor);
        port->is_hung_up = true;
        return;
    }
    machine_container container = port->container;
    destroy(port);
    core_port_closed(linux_machine->core, container);
    tell_gone();
}

/* Receive and hand over one packet. False when there is no more now, or the port is gone. */
static bool receive_one(struct port *port) {
    struct packet packet;
    int status = packet_receive(port->descriptor, &packet);
    if (status == GROVE_AGAIN)
        return false;
    if (status < 0) {
        hang_up(port);
        return false;
    }
    machine_container container = port->container;
    if (!port->is_client)
        container_heard(container);
    core_request(linux_machine->core, container, &packet.message, packet.message_bytes, packet.objects, packet.count);
    return true;
}

static void port_readable(machine_container container) {
    struct port *port = find(container);
    uint32_t serial = port->serial;
    for (int i = 0; i < PACKETS_PER_TURN && is_same(container, serial); i++)
        if (!receive_one(find(container)))
            return;
}

static void tell_writable(struct port *port) {
    port->wants_write = false;
    (void)loop_change(linux_machine->loop, port->descriptor, EPOLLIN);
    core_port_writable(linux_machine->core, port->container);
}

static void port_event(struct loop *loop, int descriptor, uint32_t events, void *context) {
    (void)loop;
    (void)descriptor;
    machine_container container = (machine_container)(uintptr_t)context;
    struct port *port = find(container);
    uint32_t serial = port->serial;
    if (port->wants_write && (events & EPOLLOUT) != 0)
        tell_writable(port);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && is_same(container, serial))
        port_readable(container);
}

static int open_port(machine_container container, int descriptor, bool is_client) {
    if (slots_reach(&ports, container) < 0)
        return GROVE_NO_MEMORY;
    if (find(container) != NULL)
        return GROVE_EXISTS;
    struct port *port = calloc(1, sizeof *port);
    if (port == NULL)
        return GROVE_NO_MEMORY;
    int status = packet_prepare(descriptor);
    if (status == 0)
        status = loop_watch(linux_machine->loop, descriptor, EPOLLIN, port_event, context_of(container));
    if (status < 0) {
        free(port);
        return status;
    }
    *port = (struct port){
        .descriptor = descriptor, .container = container, .serial = next_serial++, .is_client = is_client};
    slots_set(&ports, container, port);
    if (is_client)
        client_count++;
    return 0;
}

int port_open(machine_container container, int kernel_end) {
    int status = open_port(container, kernel_end, false);
    if (status < 0)
        close(kernel_end);
    return status;
}

void port_close(machine_container container) {
    struct port *port = find(container);
    if (port == NULL)
        return;
    bool is_client = port->is_client;
    destroy(port);
    if (is_client) /* the core ended the shell: it read nothing for too long, or was told to go */
        tell_gone();
}

static uint32_t shell_capabilities(struct grove_capability *capabilities) {
    uint32_t count = 0;
#define SHELL_CAPABILITY(name, number, argument, text) \
    capabilities[count++] = \
        (struct grove_capability){.kind = (number), .rights = GROVE_RIGHTS_ALL | GROVE_RIGHT_EXTERNAL};
    GROVE_CAPABILITY_TABLE(SHELL_CAPABILITY)
#undef SHELL_CAPABILITY
    return count;
}

/*
 * The core sends INIT from inside core_client_create, before it can be known here which index it chose. So the
 * connection waits in `arriving` and machine_port_send opens its port with the first packet to an index without one.
 */
static int arriving = -1;

int port_open_client(struct linux_machine *machine, int descriptor, const char *name, uid_t user, pid_t process) {
    struct grove_capability *capabilities = calloc(GROVE_CAP_KIND_COUNT, sizeof *capabilities);
    machine_container container;
    int status = GROVE_NO_MEMORY;
    arriving = descriptor;
    if (capabilities != NULL)
        status = core_client_create(machine->core, name, user, (uint32_t)process, capabilities,
                                    shell_capabilities(capabilities), &container);
    free(capabilities);
    bool is_open = arriving < 0;
    arriving = -1;
    if (status == 0 && !is_open) {
        status = open_port(container, descriptor, true);
        is_open = status == 0;
        if (!is_open)
            core_port_closed(machine->core, container);
    }
    if (!is_open)
        close(descriptor);
    return status;
}

static struct port *find_or_arrive(machine_container container) {
    struct port *port = find(container);
    if (port != NULL || arriving < 0 || open_port(container, arriving, true) < 0)
        return port;
    arriving = -1;
    return find(container);
}

static void retry_send(struct loop *loop, void *context) {
    (void)loop;
    struct port *port = find((machine_container)(uintptr_t)context);
    if (port == NULL)
        return;
    port->retry = 0;
    core_port_writable(linux_machine->core, port->container);
}

/* Arrange for core_port_writable to follow a GROVE_AGAIN. */
static void expect_room(struct port *port, bool can_be_polled) {
    if (can_be_polled && loop_change(linux_machine->loop, port->descriptor, EPOLLIN | EPOLLOUT) == 0) {
        port->wants_write = true;
    } else if (port->retry == 0) {
        (void)loop_at(linux_machine->loop, machine_clock_ns() + RETRY_NS, retry_send, context_of(port->container),
                      &port->retry);
    }
}

int machine_port_send(machine_container container, const struct grove_message *message, const machine_object *objects,
                      uint32_t count) {
    struct port *port = find_or_arrive(container);
    if (port == NULL || port->is_hung_up)
        return GROVE_CLOSED;
    bool can_be_polled = true;
    int status = packet_send(port->descriptor, message, objects, count, &can_be_polled);
    if (status == GROVE_AGAIN)
        expect_room(port, can_be_polled);
    return status;
}

void port_on_client_gone(port_gone *handler, void *context) {
    client_gone = handler;
    client_gone_context = context;
}

uint32_t port_client_count(void) {
    return client_count;
}

void port_shut_down(void) {
    for (uint32_t i = 0; i < ports.count; i++)
        if (find(i) != NULL)
            destroy(find(i));
    slots_deinit(&ports);
}
