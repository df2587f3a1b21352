/*
 * Fuzz target: the state file of the configuration service. Its checksum is mended first, as a damaged file would never come
 * further; what is then taken for a state is written and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/journal/crc32c.h"
#include "servers/config/config.h"
#include "servers/config/state_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    static struct state state, again;
    struct state_header header;
    void *bytes = NULL;
    size_t length = 0;
    if (size_bytes < sizeof header || size_bytes > 65536)
        return 0;
    uint8_t *copy = malloc(size_bytes);
    memcpy(copy, data, size_bytes);
    memcpy(&header, copy, sizeof header);
    header.body_bytes = size_bytes - sizeof header;
    header.checksum = crc32c(0, copy + sizeof header, header.body_bytes);
    memcpy(copy, &header, sizeof header);
    if (state_decode(&state, copy, size_bytes) == 0) {
        if (state_encode(&state, &bytes, &length) < 0 || state_decode(&again, bytes, length) < 0 ||
            again.number != state.number || again.history_count != state.history_count)
            abort();
        state_deinit(&again);
        state_deinit(&state);
        free(bytes);
    }
    free(copy);
    return 0;
}
