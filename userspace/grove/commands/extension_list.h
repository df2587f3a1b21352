/*
 * What services add to the system, for `grove find --extension` and `grove hooks --extensions`.
 */
#ifndef GROVE_EXTENSION_LIST_H
#define GROVE_EXTENSION_LIST_H

#include "grove/hooks.h"
#include "userspace/grove/command.h"

/* What is wanted; zero: all. */
struct extension_filter {
    uint32_t kind;
    struct grove_version from, below;
    const char *pattern; /* over names; NULL all */
};

/* The number of a kind, "metrics". COMMAND_MISUSED after saying which there are. */
int extension_kind(const struct invocation *invocation, const char *text, uint32_t *kind);
/* Print those that are wanted. COMMAND_FAILED after saying why not. */
int extension_list(const struct invocation *invocation, struct grove_session *session,
                   const struct extension_filter *filter);

#endif
