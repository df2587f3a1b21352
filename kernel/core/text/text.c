/* Interned texts: see text.h. A text_id is the number of its first granule + 1. */
#include "kernel/core/text/text.h"

#include <string.h>

#define TEXT_GRANULE_BYTES 32u
/* The shortest texts take two granules, and each may have a bucket. */
#define TEXT_BYTES_PER_BUCKET 64u
#define BUCKETS_FIRST 64u

uint32_t texts_bucket_count(uint64_t size_bytes) {
    uint32_t count = BUCKETS_FIRST;
    while ((uint64_t)count * TEXT_BYTES_PER_BUCKET < size_bytes)
        count *= 2;
    return count;
}

void texts_init(struct texts *texts, void *base, uint64_t size_bytes, uint8_t *marks, uint32_t *buckets,
                const uint64_t key[2]) {
    heap_init(&texts->heap, base, size_bytes, marks, TEXT_GRANULE_BYTES);
    texts->buckets = buckets;
    texts->bucket_max = texts_bucket_count(size_bytes);
    texts->bucket_count = BUCKETS_FIRST;
    texts->count = 0;
    texts->key[0] = key[0];
    texts->key[1] = key[1];
}

static struct text *text_at(const struct texts *texts, text_id id) {
    return (struct text *)(void *)(texts->heap.base + (size_t)(id - 1) * TEXT_GRANULE_BYTES);
}

static text_id id_of(const struct texts *texts, const struct text *text) {
    return (text_id)((size_t)((const uint8_t *)text - texts->heap.base) / TEXT_GRANULE_BYTES) + 1;
}

/* The smallest power of two that is not below the count, as a mask. */
static uint32_t mask_of(uint32_t bucket_count) {
    return UINT32_MAX >> __builtin_clz(bucket_count - 1);
}

static uint32_t *bucket_of(const struct texts *texts, uint32_t hash) {
    uint32_t mask = mask_of(texts->bucket_count);
    uint32_t bucket = hash & mask;
    return &texts->buckets[bucket < texts->bucket_count ? bucket : bucket & (mask >> 1)];
}

/* One bucket more, for half of what its elder twin held. Chains are short, so this is a few steps. */
static void split(struct texts *texts) {
    uint32_t added = texts->bucket_count++;
    text_id *from = &texts->buckets[added & (mask_of(texts->bucket_count) >> 1)];
    while (*from != 0) {
        text_id id = *from;
        struct text *text = text_at(texts, id);
        if (bucket_of(texts, text->hash) != &texts->buckets[added]) {
            from = &text->next;
            continue;
        }
        *from = text->next;
        text->next = texts->buckets[added];
        texts->buckets[added] = id;
    }
}

static text_id find_hashed(const struct texts *texts, const void *bytes, uint32_t length_bytes, uint32_t hash) {
    text_id id = *bucket_of(texts, hash);
    while (id != 0) {
        const struct text *text = text_at(texts, id);
        if (text->hash == hash && text->length_bytes == length_bytes && memcmp(text->bytes, bytes, length_bytes) == 0)
            return id;
        id = text->next;
    }
    return 0;
}

text_id text_find(const struct texts *texts, const void *bytes, uint32_t length_bytes) {
    return find_hashed(texts, bytes, length_bytes, (uint32_t)text_hash(texts->key, bytes, length_bytes));
}

int text_intern(struct texts *texts, const void *bytes, uint32_t length_bytes, text_id *id) {
    uint32_t hash = (uint32_t)text_hash(texts->key, bytes, length_bytes);
    text_id found = find_hashed(texts, bytes, length_bytes, hash);
    if (found != 0) {
        *id = text_ref(texts, found);
        return GROVE_OK;
    }
    struct text *text = heap_take(&texts->heap, sizeof(*text) + length_bytes + 1);
    if (text == NULL)
        return GROVE_EXHAUSTED;
    *text = (struct text){.references = 1, .hash = hash, .next = *bucket_of(texts, hash), .length_bytes = length_bytes};
    memcpy(text->bytes, bytes, length_bytes);
    text->bytes[length_bytes] = '\0';
    *id = id_of(texts, text);
    *bucket_of(texts, hash) = *id;
    if (++texts->count > texts->bucket_count && texts->bucket_count < texts->bucket_max)
        split(texts);
    return GROVE_OK;
}

text_id text_ref(struct texts *texts, text_id id) {
    if (id != 0)
        text_at(texts, id)->references++;
    return id;
}

void text_unref(struct texts *texts, text_id id) {
    if (id == 0 || --text_at(texts, id)->references > 0)
        return;
    struct text *text = text_at(texts, id);
    uint32_t *at = bucket_of(texts, text->hash);
    while (*at != id)
        at = &text_at(texts, *at)->next;
    *at = text->next;
    texts->count--;
    heap_give_back(&texts->heap, text);
}

const char *text_bytes(const struct texts *texts, text_id id, uint32_t *length_bytes) {
    const struct text *text = id != 0 ? text_at(texts, id) : NULL;
    if (length_bytes != NULL)
        *length_bytes = text != NULL ? text->length_bytes : 0;
    return text != NULL ? text->bytes : "";
}

void text_bind(struct texts *texts, text_id id, enum text_class class, uint32_t index) {
    text_at(texts, id)->bound[class] = index;
}

void text_unbind(struct texts *texts, text_id id, enum text_class class, uint32_t index) {
    if (text_at(texts, id)->bound[class] == index)
        text_at(texts, id)->bound[class] = 0;
}

uint32_t text_index(const struct texts *texts, text_id id, enum text_class class) {
    return id != 0 ? text_at(texts, id)->bound[class] : 0;
}

/* ---- names ---- */

uint32_t name_length(const struct grove_name *name) {
    uint32_t length = 0;
    while (length < sizeof(name->text) && name->text[length] != '\0')
        length++;
    return length;
}

static bool is_token_byte(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '_' || byte == '-';
}

bool name_is_valid(const struct grove_name *name) {
    uint32_t length = name_length(name);
    bool is_token_begun = false;
    for (uint32_t i = 0; i < length; i++) {
        if (name->text[i] == '.' ? !is_token_begun : !is_token_byte(name->text[i]))
            return false;
        is_token_begun = name->text[i] != '.';
    }
    return is_token_begun && length <= GROVE_NAME_MAX;
}

int text_from_name(struct texts *texts, const struct grove_name *name, text_id *id) {
    return text_intern(texts, name->text, name_length(name), id);
}

text_id text_find_name(const struct texts *texts, const struct grove_name *name) {
    return text_find(texts, name->text, name_length(name));
}

uint32_t text_bound(const struct texts *texts, const struct grove_name *name, enum text_class class) {
    return text_index(texts, text_find_name(texts, name), class);
}

void text_to_name(const struct texts *texts, text_id id, struct grove_name *name) {
    uint32_t length = 0;
    const char *bytes = text_bytes(texts, id, &length);
    memset(name, 0, sizeof(*name));
    memcpy(name->text, bytes, length > GROVE_NAME_MAX ? GROVE_NAME_MAX : length);
}
