/*
 * Limits on what a container sends and receives: groved's side.
 *
 * An instance whose budget has `network_rate` or `network_total` gets a relay (relay.h). The broker decides about each call as ever, and asks the relay
 * for what it would else do itself: make a socket, connect, listen. The answer comes later and is given to broker_relayed.
 *
 * The relay ends when its instance or groved does, and what is under way has been passed on, or ten seconds later. If it ends before (killed from outside), the instance is ended too: all of
 * its connections are gone anyway. All of this runs on groved's loop thread and waits for nothing.
 */
#ifndef GROVE_LINUX_TRAFFIC_H
#define GROVE_LINUX_TRAFFIC_H

#include "kernel/machine/linux/linux.h"
#include "kernel/machine/linux/traffic/relay.h"

struct traffic;

/* Does it work here? Runs in a child process, with a network of its own. */
bool traffic_works(void);
/* What all instances of a container may send and receive, and have. NULL: no memory. Relays that are finishing keep it by themselves. */
struct relay_account *traffic_account_create(void);
void traffic_account_destroy(struct relay_account *account); /* NULL is allowed */
/* 0: no such limit. */
void traffic_set(struct relay_account *account, uint64_t rate, uint64_t total);
/* Sent and received by all instances so far; of NULL nothing. */
uint64_t traffic_bytes(const struct relay_account *account);

/* `name` is for the log; it and the account live as long as the instance. GROVE_NO_MEMORY, GROVE_NO_DESCRIPTORS, GROVE_IO. */
int traffic_create(machine_container container, const char *name, struct relay_account *account,
                   struct traffic **traffic);
/* Two descriptors, or none where the first is -1; the caller keeps them. 0 or a negative error number. */
int traffic_ask(struct traffic *traffic, const struct relay_request *request, int inner, int outer);
/* Add what the relay uses. */
void traffic_usage(const struct traffic *traffic, struct grove_usage *usage);
/* The instance has ended: it is the relay's to finish. NULL is allowed. */
void traffic_end(struct traffic *traffic);

#endif
