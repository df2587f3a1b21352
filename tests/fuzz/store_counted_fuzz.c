/*
 * Fuzz target: what a service that keeps namespaces answers when the store counts its keys. Nothing is read outside of the answer; what
 * is counted is what lies in it; keys ascend, over pages too; and an answer that is not taken says no more of keys than its beginning.
 */
#include <stdlib.h>
#include <string.h>

#include "servers/store/counted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void expect(bool is_true) {
    if (!is_true)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    static struct namespace space;
    struct operation operations[2] = {
        {.kind = GROVE_STORE_SET, .namespace = &space, .key = (const uint8_t *)"b", .key_bytes = 1},
        {.kind = GROVE_STORE_SET, .namespace = NULL, .key = (const uint8_t *)"b", .key_bytes = 1}};
    struct transaction transaction = {.count = 2, .operations = operations};
    struct counted counted = {.space = &space, .transaction = &transaction};
    bool has_more = false;
    size_t half = size_bytes / 2 / 8 * 8;
    int status = counted_page(&counted, data, size_bytes, &has_more);
    expect(status == 0 || status == GROVE_CORRUPT);
    expect(counted.keys * (sizeof(struct grove_store_record) + 1) <= size_bytes);
    expect(counted.bytes >= counted.keys && (counted.keys == 0) == (counted.last_bytes == 0));
    expect(operations[1].old_charge == 0 && operations[0].old_charge <= counted.bytes);
    /* The same again does not ascend. */
    uint64_t keys = counted.keys;
    if (status == 0 && keys > 0)
        expect(counted_page(&counted, data, size_bytes, &has_more) == GROVE_CORRUPT && counted.keys == keys);
    counted = (struct counted){.space = &space, .transaction = &transaction};
    (void)counted_page(&counted, data, half, &has_more);
    (void)counted_page(&counted, data + half, size_bytes - half, &has_more);
    return 0;
}
