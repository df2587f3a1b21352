/* The loopback device, and who delivers what is in it: see inet.h. */
#include "kernel/services/net/inet/inside.h"

#define PACKETS_MAX 4096u /* in the queue; more are lost, as on any device */
#define DELIVERED_MAX 512u /* by one call */

void inet_transmit(struct inet_domain *domain, struct inet_packet *packet) {
    bool is_lost = domain->loopback_count >= PACKETS_MAX || (domain->loses != NULL && domain->loses(domain));
    if (is_lost) {
        domain->counts.dropped++;
        inet_packet_free(domain, packet);
        return;
    }
    domain->counts.packets++;
    domain->counts.bytes += packet->size_bytes;
    domain->loopback_count++;
    list_append(&domain->loopback, &packet->link);
}

/* Locked. What was given up meanwhile is freed with the lock given up. */
static void breathe(struct inet_domain *domain) {
    struct list given_up, ended;
    list_init(&given_up);
    list_init(&ended);
    list_append_all(&given_up, &domain->given_up);
    list_append_all(&ended, &domain->ended);
    spinlock_unlock(&domain->lock);
    inet_bytes_free_all(domain, &given_up);
    inet_free_ended(domain, &ended);
    spinlock_lock(&domain->lock);
}

static bool has_something_to_free(const struct inet_domain *domain) {
    return !list_is_empty(&domain->given_up) || !list_is_empty(&domain->ended);
}

bool inet_deliver(struct inet_domain *domain) {
    uint32_t delivered = 0;
    struct inet_packet *packet;
    while ((packet = list_first_item(&domain->loopback, struct inet_packet, link)) != NULL &&
           delivered < DELIVERED_MAX) {
        list_remove(&packet->link);
        domain->loopback_count--;
        delivered++;
        if (packet->transport == INET_TCP)
            tcp_input(domain, packet);
        else
            udp_input(domain, packet);
        breathe(domain);
    }
    if (packet != NULL) { /* the rest is for the thread */
        const struct vfs_machine *machine = inet_machine(domain);
        domain->wakes_ns = 0;
        machine->wake(machine->context, &domain->work);
    }
    return delivered > 0;
}

void inet_unlock(struct inet_domain *domain) {
    (void)inet_deliver(domain);
    while (has_something_to_free(domain))
        breathe(domain);
    spinlock_unlock(&domain->lock);
}

int inet_wait(struct inet_socket *socket, struct wait_queue *queue, uint64_t until_ns) {
    struct inet_domain *domain = socket->domain;
    if (until_ns == 0)
        return -LINUX_EAGAIN;
    int status = machine_sleep_until(inet_machine(domain), queue, &domain->lock, until_ns);
    return status == -LINUX_ETIMEDOUT ? -LINUX_EAGAIN : status;
}

uint64_t inet_step(struct inet_domain *domain) {
    inet_lock(domain);
    uint64_t next_ns = tcp_run_timers(domain);
    inet_unlock(domain);
    inet_lock(domain);
    bool is_left = !list_is_empty(&domain->loopback);
    inet_unlock(domain);
    return is_left ? 0 : next_ns;
}

void inet_run(struct inet_domain *domain) {
    const struct vfs_machine *machine = inet_machine(domain);
    inet_lock(domain);
    while (!domain->is_stopping) {
        domain->wakes_ns = tcp_run_timers(domain);
        if (inet_deliver(domain) || has_something_to_free(domain))
            breathe(domain);
        else
            (void)machine_sleep_until(machine, &domain->work, &domain->lock, domain->wakes_ns);
    }
    inet_unlock(domain);
}

void inet_stop(struct inet_domain *domain) {
    const struct vfs_machine *machine = inet_machine(domain);
    inet_lock(domain);
    domain->is_stopping = true;
    machine->wake(machine->context, &domain->work);
    inet_unlock(domain);
}
