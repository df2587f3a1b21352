/*
 * Fuzz target: what a system service kept of its own configuration. Damaged bytes change nothing; what is taken is written out
 * as it was read.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/journal/crc32c.h"
#include "servers/common/own_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static uint64_t amount;
static double real;
static bool is_set;
static const struct own_key keys[] = {{"amount", GROVE_CONFIG_SIZE, {.amount = &amount}},
                                      {"real", GROVE_CONFIG_FLOAT, {.real = &real}},
                                      {"set", GROVE_CONFIG_BOOL, {.is_set = &is_set}}};
#define KEYS 3u

static void expect(int is_true) {
    if (!is_true)
        abort();
}

static void decode(const void *bytes, size_t size_bytes) {
    uint64_t first[512], second[512];
    amount = 7;
    if (!own_config_decode(keys, KEYS, bytes, size_bytes)) {
        expect(amount == 7);
        return;
    }
    size_t length_bytes = own_config_encode(keys, KEYS, first);
    expect(own_config_decode(keys, KEYS, first, length_bytes));
    expect(own_config_encode(keys, KEYS, second) == length_bytes);
    expect(memcmp(first, second, length_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct own_config_head head;
    decode(data, size_bytes);
    if (size_bytes < sizeof head)
        return 0;
    /* Once more with the sum that belongs to it, which hardly anything that is made up has. */
    char *bytes = malloc(size_bytes);
    expect(bytes != NULL);
    memcpy(bytes, data, size_bytes);
    memcpy(&head, bytes, sizeof head);
    head.check = crc32c(0, bytes + sizeof head, size_bytes - sizeof head);
    memcpy(bytes, &head, sizeof head);
    decode(bytes, size_bytes);
    free(bytes);
    return 0;
}
