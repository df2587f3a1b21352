/*
 * One table of all laws; each file of laws has its own functions.
 */
#ifndef GROVE_CONFORMANCE_LAWS_H
#define GROVE_CONFORMANCE_LAWS_H

#include "tests/conformance/stage.h"

/* X(function, what a service may rely on) */
#define LAW_TABLE(X) \
    X(law_calls_are_answered, "calls are answered in every lane") \
    X(law_failures_explain, "a failure carries the handler's sentence and its origin") \
    X(law_clients_are_known, "a handler knows who called, from the kernel") \
    X(law_highest_first, "the highest lane is served first") \
    X(law_deadlines_hold, "a call ends at its deadline, a late one does not run") \
    X(law_back_pressure, "a full lane refuses, and accepts again, and loses nothing") \
    X(law_loans, "a loan is read in place both ways, again and again") \
    X(law_slices, "a slice is handed back in part without copying") \
    X(law_large_messages, "every size up to half a lane arrives whole") \
    X(law_one_way_survives_kills, "an accepted message survives kill -9 of the server: lost 0") \
    X(law_calls_survive_kills, "a call survives kill -9 of the server, and is applied once") \
    X(law_reply_applied_once, "a client killed at any moment resumes; each answer is applied once") \
    X(law_activation, "connecting to what does not run wakes its owner; the message waits") \
    X(law_destroyed_server_closes, "the channel of a destroyed server is closed") \
    X(law_state_survives, "the state region outlives the instance") \
    X(law_regions_have_one_writer, "a granted region is for reading only") \
    X(law_no_channel_without_capability, "a refused request names the missing capability") \
    X(law_unknown_endpoint, "an endpoint that does not exist is explained") \
    X(law_grants_are_seen_and_revoked, "a grant is seen by its receiver, and gone when revoked") \
    X(law_derive_only_narrows, "deriving can only narrow") \
    X(law_clients_rights_are_told, "a service asks what its client may do, and no answer outlives a revocation") \
    X(law_life_cycle, "quiesce, resume, ping and stop are answered") \
    X(law_many_clients, "many channels of one client are served") \
    X(law_limits_are_announced, "who comes near a limit of memory is warned once, and its owner knows")

#define LAW_DECLARE(function, name) void function(struct stage *stage);
LAW_TABLE(LAW_DECLARE)
#undef LAW_DECLARE

struct law {
    const char *name;
    void (*try_it)(struct stage *stage);
};
extern const struct law laws[];
extern const unsigned law_count;

/* A started server with a channel to it, the usual beginning. */
struct scene {
    struct actor *server;
    struct grove_channel *channel;
};
int scene_open(struct stage *stage, struct scene *scene);
void scene_close(struct stage *stage, struct scene *scene);

#endif
