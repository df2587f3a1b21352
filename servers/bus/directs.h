/*
 * Direct rings: what publishers write and subscribers read with the bus beside, not in between. grove/bus_protocol.h has the
 * layouts and the order, docs/bus.md what may be relied on.
 *
 * The bus knows whose ring it is and what may be said in it, shows it to whoever subscribes to some of that, and says on the
 * board when it may be used: not while hooks look at the bus, and only beside the bus while anybody gets such events from it.
 * Nothing outlives an instance: publishers see that the bus has died before their next event, and open another one.
 */
#ifndef SERVERS_BUS_DIRECTS_H
#define SERVERS_BUS_DIRECTS_H

#include "servers/bus/bus.h"

int on_direct_open(struct grove_request *request, void *bus);
int on_direct_begin(struct grove_request *request, void *bus);
int on_direct_end(struct grove_request *request, void *bus);
int on_direct_close(struct grove_request *request, void *bus);
int on_direct_sleep(struct grove_request *request, void *bus);
int on_direct_wake(struct grove_request *request, void *bus);
int on_direct_look(struct grove_request *request, void *bus);
int on_direct_next(struct grove_request *request, void *bus);

/* Who gets what, or what hooks look at, has changed: say so on the board before anybody is told. */
void directs_update(struct bus *bus);
/* A member that reads direct rings: from where on, in those that there are. */
void directs_join(struct bus *bus, struct member *member);
void directs_leave(struct bus *bus, struct member *member);
/* What such a member may read no more is given up, and opened anew without it. */
void directs_hide(struct bus *bus, const struct member *member);
/* An instance of a publisher has ended. */
void directs_gone(struct bus *bus, const struct client *client);
/* Publishers that lost a right. */
void directs_look_at_rights(struct bus *bus);

struct direct;
/* Walk those that a member has to be told of; `after` NULL: the first. `is_over`: it is to be told that it is no more. */
struct direct *directs_news(const struct bus *bus, const struct member *member, const struct direct *after,
                            bool *is_over);
/* Show it, and fill in the item: the region is 0 if it could not be granted. */
void direct_show(struct direct *direct, struct member *member, struct grove_request *request,
                 struct grove_bus_direct_shown *shown);
/* It was told. The ring may be gone after this. */
void direct_told_over(struct bus *bus, struct direct *direct, const struct member *member);
struct direct *direct_find(const struct bus *bus, uint64_t id);
uint64_t direct_id(const struct direct *direct);

#endif
