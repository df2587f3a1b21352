/* What the parts of grove health share: asking system.health for pages. */
#ifndef GROVE_COMMANDS_HEALTH_H
#define GROVE_COMMANDS_HEALTH_H

#include "grove/health.h"
#include "userspace/grove/commands/system_client.h"

/* What follows a page's head, each in turn. Returns 0 to go on. */
typedef int health_item_handler(const void *item, void *context);

/*
 * Ask a method for pages until the last; `request` begins with a version, and is a grove_health_query where `pages`.
 * *page has the last head. Prints what went wrong, and returns COMMAND_FAILED then.
 */
int health_ask(const struct invocation *invocation, const char *endpoint, uint32_t method, const void *request,
               size_t request_bytes, size_t item_bytes, bool pages, health_item_handler *handler, void *context,
               struct grove_health_page *page);
/* A method that answers with nothing. */
int health_tell(const struct invocation *invocation, uint32_t method, const void *request, size_t request_bytes);

/* The sub-commands: they find their operands behind the first. */
int health_alerts(struct invocation *invocation);
int health_silence(struct invocation *invocation);
int health_silences(struct invocation *invocation);
int health_sinks(struct invocation *invocation);
int health_sink(struct invocation *invocation);
int health_recovery(struct invocation *invocation);

#endif
