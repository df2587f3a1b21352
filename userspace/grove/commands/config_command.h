/*
 * grove config: the verbs, and what they share. config.c has the table.
 */
#ifndef GROVE_CONFIG_COMMAND_H
#define GROVE_CONFIG_COMMAND_H

#include "grove/config_wire.h"
#include "userspace/grove/commands/system_client.h"

/* An entry of a message, its texts in the message. */
struct config_item {
    struct grove_config_entry head;
    const char *service, *key, *before, *after,
        *note; /* "" where absent; before and after hold items, each with its zero byte */
};

/* Call a method of the configuration service. */
int config_call(const struct invocation *invocation, uint32_t method, const void *data, size_t bytes,
                struct grove_answer *answer);
/* The entry at *offset; false if there is none or it is malformed. */
bool config_next(const void *data, size_t bytes, size_t *offset, struct config_item *item);
/* Every key of a service, or one. The handler returns 0 to go on. `problem` (may be NULL) gets what is wrong with files. */
typedef int config_item_handler(const struct config_item *item, void *context);
int config_each(const struct invocation *invocation, const struct grove_name *service, const char *key, uint32_t flags,
                config_item_handler *handler, void *context, char *problem);
/* A value as JSON: a text, or for lists an array of texts. */
json_t *config_value_json(const char *items, uint32_t bytes, bool is_list);

/* Verbs: operands without the verb. */
int config_get(struct invocation *invocation, const char **operands, unsigned count);
int config_list(struct invocation *invocation, const char **operands, unsigned count);
int config_diff(struct invocation *invocation, const char **operands, unsigned count);
int config_history(struct invocation *invocation, const char **operands, unsigned count);
int config_watch(struct invocation *invocation, const char **operands, unsigned count);
int config_set(struct invocation *invocation, const char **operands, unsigned count);
int config_unset(struct invocation *invocation, const char **operands, unsigned count);
int config_rollback(struct invocation *invocation, const char **operands, unsigned count);
int config_reload(struct invocation *invocation, const char **operands, unsigned count);
int config_check(struct invocation *invocation, const char **operands, unsigned count);

/* ---- config_files.c ---- */

/*
 * A project's own configuration: config.yaml beside its grove.yaml. Each fault against the schemas of its manifests, or
 * nothing where there is no such file; for grove check. 0, or GROVE_INVALID.
 */
int config_check_project(const struct project *project, struct manifest_errors *errors);
bool config_has_project_file(const struct project *project);
/* Give it to the configuration service; without such a file, take back what an earlier one said. */
int config_send_project(const struct invocation *invocation, const struct project *project);

#endif
