/*
 * Fuzz target: what a client of the NATS gateway sends. Whatever it is, an operation lies inside the bytes, uses some of
 * them, is found again in its own bytes alone, and is not found in fewer.
 */
#include <stdlib.h>

#include "servers/nats/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

#define PAYLOAD_MAX 4096u

static void expect(int is_true) {
    if (!is_true)
        abort();
}

static void expect_inside(struct nats_text text, const char *bytes, size_t used_bytes) {
    if (text.text == NULL)
        return;
    expect(text.text >= bytes && text.text <= bytes + used_bytes);
    expect(text.length_bytes <= (size_t)(bytes + used_bytes - text.text));
}

static void look_at(const struct nats_command *command, const char *bytes, size_t used_bytes) {
    struct nats_command again;
    size_t again_bytes = 0;
    const char *fault = NULL;
    expect_inside(command->subject, bytes, used_bytes);
    expect_inside(command->reply, bytes, used_bytes);
    expect_inside(command->queue, bytes, used_bytes);
    expect_inside(command->id, bytes, used_bytes);
    expect_inside(command->options, bytes, used_bytes);
    expect_inside(command->headers, bytes, used_bytes);
    expect_inside(command->data, bytes, used_bytes);
    expect(command->headers.length_bytes + command->data.length_bytes <= PAYLOAD_MAX);
    expect(nats_parse(bytes, used_bytes, PAYLOAD_MAX, &again, &again_bytes, &fault) == NATS_PARSE_COMPLETE);
    expect(again_bytes == used_bytes && again.operation == command->operation);
    expect(nats_parse(bytes, used_bytes - 1, PAYLOAD_MAX, &again, &again_bytes, &fault) == NATS_PARSE_MORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    const char *bytes = (const char *)data;
    while (size_bytes > 0) {
        struct nats_command command;
        size_t used_bytes = 0;
        const char *fault = NULL;
        enum nats_parse_result result = nats_parse(bytes, size_bytes, PAYLOAD_MAX, &command, &used_bytes, &fault);
        if (result != NATS_PARSE_COMPLETE) {
            expect(result == NATS_PARSE_MORE || fault != NULL);
            return 0;
        }
        expect(used_bytes > 0 && used_bytes <= size_bytes);
        look_at(&command, bytes, used_bytes);
        bytes += used_bytes;
        size_bytes -= used_bytes;
    }
    return 0;
}
