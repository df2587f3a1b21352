/*
 * The verbs of grove store, in files of their own: keys (store_keys.c), namespaces (store_spaces.c), copies (store_copies.c).
 *
 * Each gets what follows its own name among the operands, and returns the command's exit status.
 */
#ifndef GROVE_STORE_VERBS_H
#define GROVE_STORE_VERBS_H

#include "grove/store.h"
#include "grove/store_wire.h"
#include "userspace/grove/commands/system_client.h"

struct store_verb {
    const char *name;
    const char *operands; /* as help shows them */
    unsigned minimum, maximum; /* operands behind the verb */
    int (*run)(struct invocation *invocation, const char **operands, unsigned count);
};

int store_get(struct invocation *invocation, const char **operands, unsigned count);
int store_set(struct invocation *invocation, const char **operands, unsigned count);
int store_delete(struct invocation *invocation, const char **operands, unsigned count);
int store_list(struct invocation *invocation, const char **operands, unsigned count);
int store_watch(struct invocation *invocation, const char **operands, unsigned count);
int store_namespaces(struct invocation *invocation, const char **operands, unsigned count);
int store_quota(struct invocation *invocation, const char **operands, unsigned count);
int store_drop(struct invocation *invocation, const char **operands, unsigned count);
int store_rotate_key(struct invocation *invocation, const char **operands, unsigned count);
int store_share(struct invocation *invocation, const char **operands, unsigned count);
int store_shares(struct invocation *invocation, const char **operands, unsigned count);
int store_backup(struct invocation *invocation, const char **operands, unsigned count);
int store_restore(struct invocation *invocation, const char **operands, unsigned count);

/* Open a namespace over the command's session; prints what went wrong. */
int store_open(const struct invocation *invocation, const char *name, struct grove_store **store);
/* A name into its field. COMMAND_MISUSED. */
int store_name(const struct invocation *invocation, const char *text, struct grove_name *name);
/* Call with a structure and bytes behind it; prints what went wrong. Release the answer. */
int store_call_raw(const struct invocation *invocation, uint32_t method, const void *head, size_t head_bytes,
                   const void *data, size_t data_bytes, uint64_t timeout_ns, struct grove_answer *answer);
/* The answer's bytes, which are its slice if there is one; prints what is wrong if they are less than `minimum`. */
int store_answer_bytes(const struct invocation *invocation, const struct grove_answer *answer, size_t minimum,
                       const uint8_t **data, size_t *bytes);
/* Bytes as JSON: {"text"} if they are UTF-8 without control characters, else {"hex"}. */
void store_bytes_json(json_t *object, const char *text_member, const char *hex_member, const void *data, size_t bytes);

#endif
