/*
 * Fuzz target: what a service that keeps encrypted values answers to a get (first byte even) or a scan (odd). The rest of the
 * input is taken twice: as an answer, and, its values encrypted as the store would have given them to the service, as an honest
 * one. Nothing is read or written outside of an answer, what comes out is never longer than it, an honest answer comes out
 * as it was, and one of which any byte of a value was changed is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "servers/store/sealed.h"

#define KEY "a-key"
#define KEY_BYTES 5u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static struct store store;
static struct namespace space = {.name = "a.b",
                                 .flags = GROVE_STORE_NAMESPACE_SEALED,
                                 .is_loaded = true,
                                 .key_count = 1,
                                 .keys = {{.generation = 1}}};

static void expect(bool is_true) {
    if (!is_true)
        abort();
}

struct text {
    uint8_t *bytes;
    size_t length;
};

/* Of exactly this size, so that what goes beyond it is seen. */
static struct text text_of(const void *bytes, size_t length) {
    struct text text = {.bytes = malloc(length > 0 ? length : 1), .length = length};
    if (text.bytes == NULL)
        abort();
    if (length > 0)
        memcpy(text.bytes, bytes, length);
    return text;
}

static void text_add(struct text *text, const void *bytes, size_t length) {
    text->bytes = realloc(text->bytes, text->length + length + 1);
    if (text->bytes == NULL)
        abort();
    if (length > 0)
        memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

static void text_pad(struct text *text) {
    static const uint8_t zeros[8];
    text_add(text, zeros, -text->length & 7);
}

static int open_answer(bool is_page, const struct text *answer, struct text *opened) {
    return sealed_open(&store, &space, is_page ? NULL : (const uint8_t *)KEY, is_page ? 0 : KEY_BYTES, answer->bytes,
                       answer->length, &opened->bytes, &opened->length);
}

static void try_any(bool is_page, const uint8_t *data, size_t bytes) {
    struct text answer = text_of(data, bytes), opened = {0};
    int status = open_answer(is_page, &answer, &opened);
    expect(status == 0 || status == GROVE_CORRUPT);
    /* The last record of a page may lack its padding in the answer. */
    expect(status < 0 || opened.length <= bytes + 7);
    free(opened.bytes);
    free(answer.bytes);
}

/* A record with what follows of the input as its key and value; *sealed gets the same encrypted. False: the input is over. */
static bool add_record(bool is_page, const uint8_t **data, size_t *bytes, struct text *plain, struct text *sealed,
                       size_t *value_at) {
    struct grove_store_record record = {.version = GROVE_STORE_PROTOCOL_VERSION, .revision = 7, .has_value = 1};
    if (*bytes < 2)
        return false;
    size_t key_bytes = is_page ? (*data)[0] % 16 : 0, value_bytes = (*data)[1];
    *data += 2;
    *bytes -= 2;
    if (key_bytes + value_bytes > *bytes)
        return false;
    const struct operation operation = {.key = is_page ? *data : (const uint8_t *)KEY,
                                        .key_bytes = is_page ? (uint8_t)key_bytes : KEY_BYTES,
                                        .value = *data + key_bytes,
                                        .value_bytes = (uint32_t)value_bytes};
    uint8_t closed[UINT8_MAX + SEAL_OVERHEAD];
    expect(sealed_close(&store, &space, &operation, closed) == 0);
    record.key_bytes = (uint8_t)key_bytes;
    record.value_bytes = (uint32_t)value_bytes;
    text_add(plain, &record, sizeof record);
    text_add(plain, *data, key_bytes + value_bytes);
    record.value_bytes += SEAL_OVERHEAD;
    text_add(sealed, &record, sizeof record);
    text_add(sealed, *data, key_bytes);
    *value_at = sealed->length;
    text_add(sealed, closed, record.value_bytes);
    *data += key_bytes + value_bytes;
    *bytes -= key_bytes + value_bytes;
    if (is_page) {
        text_pad(plain);
        text_pad(sealed);
    }
    return true;
}

static void try_honest(bool is_page, const uint8_t *data, size_t bytes) {
    struct text plain = {0}, sealed = {0}, opened = {0};
    struct grove_store_page page = {.version = GROVE_STORE_PROTOCOL_VERSION};
    size_t value_at = 0;
    uint8_t flip = bytes > 0 ? data[0] : 0;
    text_add(&plain, &page, is_page ? sizeof page : 0);
    text_add(&sealed, &page, is_page ? sizeof page : 0);
    while ((is_page || page.count == 0) && add_record(is_page, &data, &bytes, &plain, &sealed, &value_at))
        page.count++;
    if (is_page) {
        memcpy(plain.bytes, &page, sizeof page);
        memcpy(sealed.bytes, &page, sizeof page);
    }
    if (page.count > 0) {
        struct text answer = text_of(sealed.bytes, sealed.length);
        expect(open_answer(is_page, &answer, &opened) == 0);
        expect(opened.length == plain.length && memcmp(opened.bytes, plain.bytes, plain.length) == 0);
        free(opened.bytes);
        answer.bytes[value_at + SEAL_OVERHEAD / 2 + flip % (SEAL_OVERHEAD / 2)] ^= 1;
        expect(open_answer(is_page, &answer, &opened) == GROVE_CORRUPT);
        free(answer.bytes);
    }
    free(plain.bytes);
    free(sealed.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    static bool is_ready;
    if (!is_ready)
        expect(seal_init() == 0);
    is_ready = true;
    if (size_bytes == 0)
        return 0;
    bool is_page = (data[0] & 1) != 0;
    try_any(is_page, data + 1, size_bytes - 1);
    try_honest(is_page, data + 1, size_bytes - 1);
    return 0;
}
