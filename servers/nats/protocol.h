/*
 * What is said to the NATS gateway, on the endpoint "system.nats": which clients there are. Same conventions as the
 * registry's protocol. Shells and system services may; a token never holds more than who makes it.
 */
#ifndef SERVERS_NATS_PROTOCOL_H
#define SERVERS_NATS_PROTOCOL_H

#include "grove/abi/port.h"

#define NATS_ENDPOINT "system.nats"
#define NATS_PROTOCOL_VERSION 1u
#define NATS_TOKENS_MAX 256u
#define NATS_TOKEN_RIGHTS_MAX 16u
#define NATS_PATTERN_MAX 255u
#define NATS_SECRET_BYTES 48u /* room for the text of a token, with its terminator */

enum nats_method {
    NATS_TOKEN_ADD = 1, /* nats_token_record -> nats_token_secret, which is told this once; GROVE_EXISTS */
    NATS_TOKEN_REMOVE = 2, /* nats_token_request (a name); its connections are closed. GROVE_NOT_FOUND */
    NATS_TOKEN_LIST = 3, /* nats_token_request, cursor -> nats_token_page, one record; GROVE_NOT_FOUND after the last */
};

struct nats_token_right {
    uint32_t kind; /* GROVE_CAP_BUS_PUB or GROVE_CAP_BUS_SUB */
    char pattern[NATS_PATTERN_MAX + 1]; /* zero-terminated */
};

struct nats_token_record {
    uint32_t version, right_count;
    struct grove_name name;
    struct nats_token_right rights[NATS_TOKEN_RIGHTS_MAX];
};

struct nats_token_secret {
    uint32_t version, reserved;
    char text[NATS_SECRET_BYTES];
};

struct nats_token_request {
    uint32_t version, cursor;
    struct grove_name name;
};

struct nats_token_page {
    uint32_t version, cursor; /* where to go on; 0 at the end */
    uint32_t connections; /* open now under this token */
    uint32_t reserved;
    struct nats_token_record record;
};

#endif
