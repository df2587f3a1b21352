/*
 * Channels: the kernel's part, which is their memory and who may see it.
 *
 * A channel has two sides. A side has one segment: memory that this side's instance maps for writing. The kernel shows it
 * to the other side only when it is sealed, which it does on CHANNEL_ATTACHED; from then on no writable mapping can be
 * made by anybody (law 3). When the instance dies, the segment is marked closed and stays, so that the peer can go on
 * reading; the next instance gets a copy with the same contents, because a sealed one cannot be mapped for writing again.
 * A segment that was never sealed was never shown, so there is nobody whose view it could change under: it is handed on
 * as it is.
 *
 * What each side has to be told follows from the channel's state alone (channel_next_notice), so notices are never lost,
 * doubled or reordered by a port that is full:
 *
 *     NEW      server side, prepared, not told in this instance
 *     PEER     told; the peer's segment is sealed, and of another epoch than the one last shown
 *     CLOSED   told; the peer is done for good, and this was not said yet
 *
 * A side is done when its holder closed it or will never come back. The channel is freed when both are, or when the
 * client is and never published anything that a server could read. Until then what a client sent can be read by the next
 * instance of the server, even if the client's container is gone (law 4).
 */
#ifndef GROVE_CORE_CHANNEL_H
#define GROVE_CORE_CHANNEL_H

#include "kernel/core/machine.h"
#include "kernel/core/pool/pool.h"
#include "kernel/core/port/attention.h"
#include "kernel/core/text/text.h"

struct core;
struct container;
struct endpoint;
struct packet;

struct channel_side {
    struct attention attention;
    struct list link; /* in its container's client_sides, ended_sides, server_sides or unprepared */
    uint32_t container; /* pool index; 0: gone */
    uint8_t role;
    bool is_given; /* the running instance has the segment */
    bool is_sealed;
    bool is_done;
    bool is_closed_told; /* CLOSED was said to the running instance */
    machine_object segment, bell;
    uint32_t epoch; /* instances that were given a segment */
    uint32_t shown_epoch; /* of the peer's segment that this instance was shown; 0: none */
    grove_handle handle; /* in its container's table; 0: none */
};

/* Its bytes are bound to the channel in the table of texts for as long as the client may come back for it. */
struct channel_key {
    grove_object_id client;
    uint64_t tag;
    text_id endpoint_name;
    uint32_t reserved; /* 0 */
};

struct channel {
    struct pool_item item;
    text_id key; /* 0: its client will not come back */
    text_id endpoint_name;
    uint32_t endpoint; /* pool index; 0: gone */
    struct list endpoint_link;
    uint64_t tag;
    struct channel_side sides[2];
    struct grove_channel_layout layout;
    text_id client_name;
    grove_object_id client_id; /* also whom it is charged to */
    uint32_t client_ring, client_user;
    uint32_t project;
    int32_t close_status; /* why it was closed: 0 or a negative status */
};

struct channel *channel_of_side(struct channel_side *side);
struct channel_side *channel_other(struct channel *channel, const struct channel_side *side);

/* Give a side's next instance a segment: the first one, the unsealed one again, or a copy. */
int channel_prepare_side(struct core *core, struct channel *channel, struct channel_side *side);
/* The instance that held this side ended. The side stays for the next one. */
void channel_instance_ended(struct channel_side *side);
/* This side will never be used again. `status` is for the other one. May free the channel. */
void channel_close_side(struct core *core, struct channel *channel, struct channel_side *side, int status);
/* See what the two sides have to be told now. */
void channel_update(struct core *core, struct channel *channel);
/* The next notice for a side; false: none. channel_notice_sent says that it went out. */
bool channel_next_notice(const struct core *core, struct channel *channel, struct channel_side *side,
                         struct packet *packet);
void channel_notice_sent(struct channel *channel, struct channel_side *side, uint16_t notice);
void channel_fill_reply(const struct channel *channel, const struct channel_side *side,
                        struct grove_channel_reply *reply);
void channel_describe_segment(const struct channel *channel, const struct channel_side *side, struct packet *packet,
                              bool with_bell);
/* Sizes checked and rounded. GROVE_INVALID, GROVE_TOO_LARGE. */
int channel_layout(const uint64_t lane_bytes[GROVE_LANES], uint64_t arena_bytes, struct grove_channel_layout *layout);

#endif
