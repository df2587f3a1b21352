/*
 * The client's half of the NATS protocol: one operation out of the bytes that came so far.
 *
 * Source: the NATS client protocol, https://docs.nats.io/reference/reference-protocols/nats-protocol. Pure; every byte is
 * the client's and hostile. Nothing is copied: what is found points into the bytes.
 */
#ifndef SERVERS_NATS_PARSE_H
#define SERVERS_NATS_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NATS_CONTROL_LINE_MAX 4096u /* bytes, without the line's end */
#define NATS_PAYLOAD_MAX (1u << 20) /* headers and data of a message together */

enum nats_operation {
    NATS_CONNECT,
    NATS_PUB,
    NATS_HPUB,
    NATS_SUB,
    NATS_UNSUB,
    NATS_PING,
    NATS_PONG,
    NATS_OK, /* +OK and -ERR: a server does not expect them of a client, and leaves them alone */
    NATS_ERROR,
};

struct nats_text {
    const char *text; /* not terminated; NULL: absent */
    size_t length_bytes;
};

struct nats_command {
    enum nats_operation operation;
    struct nats_text subject, reply, queue, id; /* id: the client's own name of a subscription */
    struct nats_text options; /* CONNECT: a JSON object */
    struct nats_text headers, data; /* HPUB: the whole block of headers, with its version line and its empty line */
    uint64_t maximum; /* UNSUB: end after so many messages; 0: at once */
};

enum nats_parse_result {
    NATS_PARSE_COMPLETE, /* *used_bytes of the input are done with */
    NATS_PARSE_MORE, /* it goes on with bytes that are not there yet */
    NATS_PARSE_FAULT, /* *fault has the server's words for it; the connection is to be closed */
};

/*
 * Look at the first `length_bytes` of what the client sent. `max_payload` bounds headers and data together. A complete
 * operation is valid as long as the bytes are.
 */
enum nats_parse_result nats_parse(const char *bytes, size_t length_bytes, size_t max_payload,
                                  struct nats_command *command, size_t *used_bytes, const char **fault);

/* The bytes of the longest input that nats_parse may ever want to see at once. */
#define NATS_INPUT_MAX (NATS_CONTROL_LINE_MAX + NATS_PAYLOAD_MAX + 4u)

#endif
