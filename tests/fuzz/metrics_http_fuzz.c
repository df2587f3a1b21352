/* Requests to the metrics gateway: whatever comes, and in whatever pieces, the answer is the same. */
#include "servers/metrics/http.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct http_request whole, part;
    size_t used = 0, part_used = 0;
    char *bytes = malloc(size + 1); /* exactly as large as it says, for the sanitizer */
    if (bytes == NULL)
        return 0;
    memcpy(bytes, data, size);
    enum http_result result = http_read(bytes, size, &whole, &used);
    if (result == HTTP_DONE) {
        if (used == 0 || used > size || used > HTTP_HEAD_MAX || whole.path[0] != '/')
            abort();
        /* Not before its end, and then the same. */
        if (http_read(bytes, used - 1, &part, &part_used) == HTTP_DONE)
            abort();
        if (http_read(bytes, used, &part, &part_used) != HTTP_DONE || part_used != used ||
            strcmp(part.path, whole.path) != 0)
            abort();
    } else if (result == HTTP_FAULT && (whole.status < 400 || whole.status > 599 || whole.fault == NULL)) {
        abort();
    } else if (result == HTTP_MORE && size >= HTTP_HEAD_MAX) {
        abort();
    }
    free(bytes);
    return 0;
}
