/*
 * Endpoints: names under which containers accept channels. Found through the table of texts, so neither the number of
 * endpoints nor of their channels slows down a lookup or a connect.
 *
 * An endpoint ends with its owner's handle or with the container that serves it; its name is free at once, its channels
 * are closed in bounded steps.
 */
#ifndef GROVE_CORE_ENDPOINT_H
#define GROVE_CORE_ENDPOINT_H

#include "kernel/core/pool/pool.h"
#include "kernel/core/port/attention.h"
#include "kernel/core/text/text.h"
#include "kernel/core/work/work.h"

struct container;

struct endpoint {
    struct pool_item item;
    text_id name;
    text_id wanted_by; /* the last client that connected while nothing ran */
    struct grove_version version;
    uint32_t container; /* that serves it; 0: gone */
    bool is_dying;
    grove_object_id owner;
    grove_handle owner_handle;
    struct list container_link;
    struct list channels;
    uint32_t channel_count;
    struct attention wanted;
    struct work work;
};

/* May the caller make this name, and is it free? Sets request->capability. */
int endpoint_check_name(struct request *request, const struct grove_name *name);
/* Make the endpoint of request->container, and the reply, under a name just checked. GROVE_EXHAUSTED: nothing changed. */
int endpoint_make(struct request *request, const struct grove_name *name, struct grove_version version);
struct endpoint *endpoint_find(const struct core *core, const struct grove_name *name);
void endpoint_destroy(struct core *core, struct endpoint *endpoint);
bool endpoint_work(struct core *core, struct work *work);
/* Tell the owner that `client` connected while nothing runs. */
void endpoint_want(struct core *core, struct endpoint *endpoint, const struct container *client);
bool endpoint_next_notice(const struct core *core, const struct endpoint *endpoint, const struct container *to,
                          struct packet *packet);

#endif
