/*
 * What the commands that speak with the system services share: connections, names, records.
 *
 * Every function prints its own errors, each with what to do next, and then returns COMMAND_FAILED (or what it says).
 */
#ifndef GROVE_SYSTEM_CLIENT_H
#define GROVE_SYSTEM_CLIENT_H

#include "servers/init/protocol.h"
#include "servers/log/protocol.h"
#include "servers/registry/protocol.h"
#include "userspace/grove/command.h"

#define SYSTEM_TIMEOUT_NS (10 * GROVE_SECOND)

/* A channel to an endpoint over the session of command_connect; kept for the process. */
int system_connect(const struct invocation *invocation, const char *endpoint, struct grove_channel **channel);
/* Call and print what went wrong, if anything. Release the answer. */
int system_call(const struct invocation *invocation, struct grove_channel *channel, uint32_t method, const void *data,
                size_t bytes, uint64_t timeout_ns, struct grove_answer *answer);

/*
 * The full name of what a person called NAME: a full name is taken as it is; a bare one is looked for in all projects and
 * must be in one only.
 */
int system_name(const struct invocation *invocation, const char *text, struct grove_name *name);
/* The same for a service that is registered or a system service. */
int system_known_name(const struct invocation *invocation, const char *text, struct grove_name *name);
int system_is_registered(const struct invocation *invocation, const struct grove_name *name, bool *answer);
/* Say that there is no such service, and which one may have been meant; returns COMMAND_FAILED. */
int system_unknown(const struct invocation *invocation, const char *text);
bool system_is_own(const struct grove_name *name); /* "system.X", which init sees to */

/* Every record of a query, page by page. The handler returns 0 to go on. */
typedef int system_record_handler(const struct registry_record *record, void *context);
int system_query(const struct invocation *invocation, const struct registry_query *query,
                 system_record_handler *handler, void *context);
int system_status(const struct invocation *invocation, const struct grove_name *name, struct registry_record *record);
/* init's page: head and records in `records` (INIT_SERVICES_MAX + 1 of them). */
int system_init(const struct invocation *invocation, uint32_t method, const char *service, struct init_page *page,
                struct init_record *records);
/* The spec of a registered service; malloc'ed and checked. */
int system_spec(const struct invocation *invocation, const struct grove_name *name, struct grove_spec **spec);
/* One of REGISTRY_START, STOP, RESTART, UNREGISTER. *sequence (may be NULL) is where a watch begins. */
int system_change(const struct invocation *invocation, uint32_t method, const struct grove_name *service,
                  const struct grove_name *project, uint32_t *count, uint64_t *sequence);

int system_change_target(const struct invocation *invocation, uint32_t method, const struct registry_target *target,
                         uint32_t *count, uint64_t *sequence);

const char *system_state_text(uint32_t state);
/* What a system service is, in the registry's terms. */
void system_record_of(const struct init_record *record, struct registry_record *out);
/* The facts of one service as a JSON object; `container` may be NULL. */
json_t *system_record_json(const struct registry_record *record, const struct grove_container_record *container);
/* What the kernel says of a container by name. False if it has none of that name. */
bool system_container(struct grove_session *session, const struct grove_name *name,
                      struct grove_container_record *container);

/* The same for a service and all that requires it. */
int system_wait_for_tree(const struct invocation *invocation, const struct grove_name *root, uint64_t begin_ns,
                         uint64_t timeout_ns);
/* Follow a target's records from `sequence` on until every one is ready or failed; prints progress. */
int system_wait_until_ready(const struct invocation *invocation, const struct grove_name *service,
                            const struct grove_name *project, uint64_t sequence, uint64_t begin_ns,
                            uint64_t timeout_ns);

#endif
