/*
 * Which gateways the system has, and where they listen: `grove up --gateway NAME=HOST:PORT`.
 *
 * A gateway is a system service that is there when somebody wants it. Its manifest lies in the folder `gateways` beside
 * those of the others and uses ${listen}. What was asked for is kept in STATE/gateways (docs/formats.md) and holds for every
 * later start of the system, until `NAME=off`.
 */
#ifndef GROVE_GATEWAYS_H
#define GROVE_GATEWAYS_H

#include "userspace/grove/command.h"

#define GATEWAYS_MAX 16u
#define GATEWAY_NAME_MAX 31u
#define GATEWAY_LISTEN_MAX 79u

struct gateway_choice {
    char name[GATEWAY_NAME_MAX + 1];
    char listen[GATEWAY_LISTEN_MAX + 1]; /* "127.0.0.1:4222" */
};

struct gateways {
    struct gateway_choice items[GATEWAYS_MAX];
    unsigned count;
};

/*
 * What is kept, changed by the --gateway options of the invocation; what they change is kept too. `folder` has the
 * manifests of gateways. Returns 0, or COMMAND_FAILED or COMMAND_MISUSED after saying what is wrong.
 */
int gateways_settle(const struct invocation *invocation, const char *folder, struct gateways *gateways);

/* Reading the file's text, for its test. 0, or the number of the first line that is malformed. */
unsigned gateways_parse(const char *text, struct gateways *gateways);

#endif
