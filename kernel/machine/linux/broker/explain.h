/*
 * Explaining (law 9): in a container with GROVE_SPEC_EXPLAIN, a file that is there outside and missing in its view is told
 * to the core as a refusal, which audits it; `grove run` and `grove why` print it with what would grant it.
 */
#ifndef GROVE_LINUX_BROKER_EXPLAIN_H
#define GROVE_LINUX_BROKER_EXPLAIN_H

#include "kernel/machine/linux/broker/learn_path.h"

struct explain_seen; /* what this container was told already */

/* One path that a call is about to use. */
void explain_path(const struct broker_request *request, const struct learn_use *use);
void explain_forget(struct broker *broker);

#endif
