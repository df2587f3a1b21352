/*
 * What a peer answers to an HTTP check, and the addresses of checks and webhooks. The status must not depend on the pieces in
 * which the answer comes, and an address that is taken must make a request without further lines in it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "servers/health/http.h"

static void answer(const char *bytes, size_t count) {
    int whole = http_status(bytes, count);
    for (size_t part = 0; part < count && part < HTTP_STATUS_LINE_BYTES; part++) {
        int early = http_status(bytes, part);
        if (early != 0 && early != whole)
            abort();
        if (early != 0)
            return;
    }
}

static void address(const char *bytes, size_t count) {
    struct http_address parsed;
    char text[600], request[1024];
    if (count >= sizeof text)
        return;
    memcpy(text, bytes, count);
    text[count] = '\0';
    if (http_address(text, &parsed) != NULL)
        return;
    size_t length = http_request(&parsed, NULL, request, sizeof request);
    if (length == 0)
        return;
    unsigned lines = 0;
    for (size_t at = 0; at < length; at++)
        lines += request[at] == '\n';
    if (lines != 6)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size + 1); /* of exactly this size, so that a read beyond it is seen */
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    answer(copy, size);
    address(copy, size);
    free(copy);
    return 0;
}
