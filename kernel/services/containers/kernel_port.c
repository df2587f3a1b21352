/* Kernel ports: see kernel_port.h. */
#include "kernel/services/containers/kernel_port.h"

#include "kernel/services/containers/inside.h"
#include "kernel/services/containers/port_inside.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define RETRY_NS UINT64_C(10000000)
#define SPOILT UINT32_MAX /* a length that no packet has: the core refuses it as malformed */

static void unref(struct kernel_port *port) {
    if (__atomic_sub_fetch(&port->references, 1, __ATOMIC_ACQ_REL) == 0)
        containers_give_back(port, sizeof(*port));
}

static void ref(struct kernel_port *port) {
    __atomic_add_fetch(&port->references, 1, __ATOMIC_RELAXED);
}

static void wake(struct wait_queue *queue) {
    containers_machine()->wake(containers_machine()->context, queue);
}

static void note(struct kernel_port *port, uint32_t bits) {
    spinlock_lock(&containers.news.lock);
    if (!list_is_linked(&port->news.link))
        ref(port);
    news_add(&containers.news, containers_machine(), &port->news, bits);
    spinlock_unlock(&containers.news.lock);
}

void kernel_port_give_back(struct vfs *vfs, struct port_packet *packet) {
    for (uint32_t i = 0; i < packet->count; i++)
        if (packet->files[i] != NULL)
            file_unref(packet->files[i]);
    machine_give_back(vfs->machine, packet, sizeof(*packet));
}

static void drop_packets(struct list *packets) {
    struct port_packet *packet;
    while ((packet = list_first_item(packets, struct port_packet, link)) != NULL) {
        list_remove(&packet->link);
        kernel_port_give_back(containers.vfs, packet);
    }
}

/* ---- in ---- */

/* All files get numbers of the core's, or none does and the packet is spoilt. */
static uint32_t take_objects(struct open_file **files, uint32_t count, machine_object *objects) {
    bool is_spoilt = count > GROVE_PORT_OBJECTS || !objects_have_room(&containers.objects, count);
    for (uint32_t i = 0; i < count; i++) {
        if (is_spoilt)
            file_unref(files[i]);
        else
            (void)objects_add(&containers.objects, files[i], &objects[i]);
    }
    return is_spoilt ? SPOILT : count;
}

/* The program runs, or it would not speak: the core hears of that first. */
static void tell_runs(machine_container container) {
    struct container_record *record = record_find(container);
    if (record == NULL || record->phase != RECORD_STARTING)
        return;
    uint32_t bits = news_take_off(&containers.news, &record->instance.news);
    if (bits != 0)
        life_deliver(record, bits);
}

static struct kernel_port *port_of_file(const struct open_file *file) {
    return port_of(file->object);
}

int port_submit(struct kernel_port *port, const struct grove_message *message, size_t size_bytes,
                struct open_file **files, uint32_t count) {
    machine_object objects[GROVE_PORT_OBJECTS];
    containers_lock();
    bool is_open = !port->is_closed;
    if (is_open && !port->is_client) {
        tell_runs(port->container);
        is_open = !port->is_closed;
    }
    if (is_open) {
        uint32_t taken = take_objects(files, count, objects);
        uint32_t length = taken == SPOILT || size_bytes >= SPOILT ? SPOILT : (uint32_t)size_bytes;
        core_request(containers.core, port->container, message, length, objects, taken == SPOILT ? 0 : taken);
    }
    containers_unlock();
    for (uint32_t i = 0; !is_open && i < count; i++)
        file_unref(files[i]);
    return is_open ? 0 : -LINUX_EPIPE;
}

int kernel_port_send(struct open_file *file, const struct grove_message *message, size_t size_bytes,
                     struct open_file **files, uint32_t count) {
    return port_submit(port_of_file(file), message, size_bytes, files, count);
}

/* ---- out ---- */

static struct port_packet *make_packet(const struct grove_message *message, const machine_object *objects,
                                       uint32_t count) {
    struct port_packet *packet = machine_take(containers_machine(), sizeof(*packet));
    if (packet == NULL)
        return NULL;
    packet->link = (struct list){0};
    packet->message = *message;
    packet->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct open_file *file = objects_find(&containers.objects, objects[i]);
        if (file == NULL)
            continue;
        file_ref(file);
        packet->files[packet->count++] = file;
    }
    return packet;
}

/* False: it is full, and the core will be told when it is not. */
static bool has_room(struct kernel_port *port) {
    spinlock_lock(&port->lock);
    bool is_full = port->count >= PORT_PACKETS && !port->is_hung_up;
    port->wants_room |= is_full;
    spinlock_unlock(&port->lock);
    return !is_full;
}

static int refuse_for_memory(struct kernel_port *port) {
    spinlock_lock(&port->lock);
    port->wants_room = true;
    spinlock_unlock(&port->lock);
    if (containers.retry_ns == 0)
        containers.retry_ns = machine_clock_ns() + RETRY_NS;
    return GROVE_AGAIN;
}

static bool append(struct kernel_port *port, struct port_packet *packet) {
    spinlock_lock(&port->lock);
    bool is_heard = !port->is_hung_up;
    if (is_heard) {
        list_append(&port->packets, &packet->link);
        port->count++;
        port->has_spoken = true;
        wake(&port->readable);
    }
    spinlock_unlock(&port->lock);
    return is_heard;
}

int machine_port_send(machine_container container, const struct grove_message *message, const machine_object *objects,
                      uint32_t count) {
    struct kernel_port *port = containers.ports[container];
    if (port == NULL)
        return GROVE_CLOSED;
    if (!has_room(port))
        return GROVE_AGAIN;
    struct port_packet *packet = make_packet(message, objects, count);
    if (packet == NULL)
        return refuse_for_memory(port);
    if (append(port, packet))
        return GROVE_OK;
    kernel_port_give_back(containers.vfs, packet);
    return GROVE_CLOSED;
}

/* The port's lock is held. Half of a full queue must be free before the core goes on, so that it has something to do. */
static struct port_packet *take_first(struct kernel_port *port, bool *is_wanted) {
    struct port_packet *packet = list_first_item(&port->packets, struct port_packet, link);
    if (packet == NULL)
        return NULL;
    list_remove(&packet->link);
    port->count--;
    *is_wanted = port->wants_room && port->count <= PORT_PACKETS / 2;
    if (*is_wanted)
        port->wants_room = false;
    return packet;
}

/* The port's lock is held: wait until there is a packet, or the end. */
static int wait_for_packet(struct kernel_port *port, uint64_t until_ns) {
    int status = 0;
    while (list_is_empty(&port->packets) && !port->is_closed && status == 0)
        status = until_ns == 0 ? -LINUX_EAGAIN
                               : machine_sleep_until(containers_machine(), &port->readable, &port->lock, until_ns);
    return status == -LINUX_ETIMEDOUT ? -LINUX_EAGAIN : status;
}

int port_take(struct kernel_port *port, uint64_t until_ns, struct port_packet **packet) {
    bool is_wanted = false;
    spinlock_lock(&port->lock);
    int status = wait_for_packet(port, until_ns);
    *packet = take_first(port, &is_wanted);
    spinlock_unlock(&port->lock);
    if (is_wanted)
        note(port, NEWS_ROOM);
    return *packet != NULL ? 0 : status;
}

int kernel_port_take(struct open_file *file, bool is_now, struct port_packet **packet) {
    is_now |= (file_flags(file) & LINUX_O_NONBLOCK) != 0;
    return port_take(port_of_file(file), is_now ? 0 : MACHINE_FOREVER, packet);
}

int port_copy_first(struct kernel_port *port, uint64_t until_ns, struct port_packet **copy) {
    struct port_packet *made = machine_take(containers_machine(), sizeof(*made));
    if (made == NULL)
        return -LINUX_ENOMEM;
    spinlock_lock(&port->lock);
    int status = wait_for_packet(port, until_ns);
    const struct port_packet *first = list_first_item(&port->packets, struct port_packet, link);
    if (first != NULL) {
        *made = *first;
        made->link = (struct list){0};
        for (uint32_t i = 0; i < made->count; i++)
            file_ref(made->files[i]);
    }
    spinlock_unlock(&port->lock);
    *copy = first != NULL ? made : NULL;
    if (first == NULL)
        machine_give_back(containers_machine(), made, sizeof(*made));
    return first != NULL ? 0 : status;
}

/* ---- life ---- */

/* May be called with the lock of containers held, so the core hears of it later. */
void port_hang_up(struct kernel_port *port) {
    struct list packets;
    list_init(&packets);
    spinlock_lock(&port->lock);
    port->is_hung_up = true;
    list_append_all(&packets, &port->packets);
    port->count = 0;
    bool must_tell = port->is_client || port->wants_room;
    spinlock_unlock(&port->lock);
    drop_packets(&packets);
    if (must_tell)
        note(port, NEWS_HUNG_UP);
    unref(port);
}

int kernel_port_open(machine_container container, bool is_client, struct open_file **file) {
    if (containers.ports[container] != NULL)
        return GROVE_EXISTS;
    struct kernel_port *port = containers_take(sizeof(*port));
    if (port == NULL)
        return GROVE_NO_MEMORY;
    socket_init(&port->socket, &port_socket_operations, containers.vfs, LINUX_AF_UNIX, LINUX_SOCK_SEQPACKET);
    port->news.kind = NEWS_OF_PORT;
    port->references = 2;
    port->container = container;
    port->is_client = is_client;
    list_init(&port->packets);
    *file = socket_open(&port->socket, 0);
    if (*file == NULL) {
        containers_give_back(port, sizeof(*port));
        return GROVE_NO_MEMORY;
    }
    containers.ports[container] = port;
    return GROVE_OK;
}

bool kernel_port_is_silent(machine_container container) {
    struct kernel_port *port = containers.ports[container];
    if (port == NULL)
        return false;
    spinlock_lock(&port->lock);
    bool is_silent = !port->has_spoken && !port->is_hung_up;
    spinlock_unlock(&port->lock);
    return is_silent;
}

void kernel_port_close(machine_container container) {
    struct kernel_port *port = containers.ports[container];
    if (port == NULL)
        return;
    containers.ports[container] = NULL;
    spinlock_lock(&port->lock);
    port->is_closed = true;
    wake(&port->readable);
    wake(&port->writable);
    spinlock_unlock(&port->lock);
    unref(port);
}

/* The core may close the port, and end its container, in each call. */
void kernel_port_deliver(struct kernel_port *port, uint32_t bits) {
    machine_container container = port->container;
    if ((bits & NEWS_HUNG_UP) != 0 && port->is_client && !port->is_closed) {
        kernel_port_close(container);
        core_port_closed(containers.core, container);
    } else if (!port->is_closed) {
        core_port_writable(containers.core, container);
    }
    unref(port);
}

void kernel_port_drop_news(struct kernel_port *port) {
    unref(port);
}

void kernel_port_retry(void) {
    for (machine_container i = 0; i < containers.record_max; i++) {
        struct kernel_port *port = containers.ports[i];
        if (port == NULL)
            continue;
        spinlock_lock(&port->lock);
        bool is_wanted = port->wants_room && port->count <= PORT_PACKETS / 2;
        if (is_wanted)
            port->wants_room = false;
        spinlock_unlock(&port->lock);
        if (is_wanted)
            core_port_writable(containers.core, i);
    }
}

struct kernel_port *kernel_port_of(struct news *news) {
    return list_item(news, struct kernel_port, news);
}
