/*
 * Interned texts: names and arguments of capabilities, each kept once however many use it.
 *
 * A text is named by a number (0: none) and counts its references; two texts are the same when their numbers are. The
 * hash is keyed with boot-time randomness, because names come from outside. A name can be bound to at most one object of
 * each class, which makes the table of texts the index by name of containers, endpoints and projects, and by the bytes of
 * a key (channel.h) that of channels.
 *
 * The table grows with the texts, by one bucket for each (linear hashing, Litwin 1980): a search takes as many steps among
 * a hundred thousand as among ten, no request ever moves more than one chain, and buckets are touched as they are needed.
 */
#ifndef GROVE_CORE_TEXT_H
#define GROVE_CORE_TEXT_H

#include "grove/abi/port.h"
#include "kernel/core/pool/heap.h"

typedef uint32_t text_id;

enum text_class { TEXT_CONTAINER, TEXT_ENDPOINT, TEXT_PROJECT, TEXT_CHANNEL, TEXT_CLASSES };

struct text {
    uint32_t references;
    uint32_t hash;
    text_id next; /* in the same bucket */
    uint32_t length_bytes;
    uint32_t bound[TEXT_CLASSES];
    char bytes[];
};

struct texts {
    struct heap heap;
    text_id *buckets;
    uint32_t bucket_count, bucket_max; /* in use; there are */
    uint32_t count;
    uint64_t key[2];
};

/* Buckets that a table of this size may come to use. */
uint32_t texts_bucket_count(uint64_t size_bytes);
/* Same contract as heap_init; `buckets` is zeroed. */
void texts_init(struct texts *texts, void *base, uint64_t size_bytes, uint8_t *marks, uint32_t *buckets,
                const uint64_t key[2]);
/* A reference to this text. GROVE_EXHAUSTED. */
int text_intern(struct texts *texts, const void *bytes, uint32_t length_bytes, text_id *id);
text_id text_ref(struct texts *texts, text_id id);
void text_unref(struct texts *texts, text_id id); /* 0 is allowed */
/* Without a reference; 0 if nobody uses such a text. */
text_id text_find(const struct texts *texts, const void *bytes, uint32_t length_bytes);
/* Zero-terminated; the length without the terminator goes to length_bytes (may be NULL). */
const char *text_bytes(const struct texts *texts, text_id id, uint32_t *length_bytes);

/* Bind a name to the object of this class at an index; text_unbind leaves it alone if it names another one by now. */
void text_bind(struct texts *texts, text_id id, enum text_class class, uint32_t index);
void text_unbind(struct texts *texts, text_id id, enum text_class class, uint32_t index);
/* The index of the object of this class that a text is bound to; 0: none, or no text. */
uint32_t text_index(const struct texts *texts, text_id id, enum text_class class);

/* Names in fixed fields. text_from_name: GROVE_EXHAUSTED; the name was checked by name_is_valid. */
int text_from_name(struct texts *texts, const struct grove_name *name, text_id *id);
text_id text_find_name(const struct texts *texts, const struct grove_name *name);
/* The index of the object that a name is bound to; 0: none. */
uint32_t text_bound(const struct texts *texts, const struct grove_name *name, enum text_class class);
void text_to_name(const struct texts *texts, text_id id, struct grove_name *name);
/* Tokens of [A-Za-z0-9_-] between dots, terminated inside the field. */
bool name_is_valid(const struct grove_name *name);
uint32_t name_length(const struct grove_name *name);

/* Keyed hash (SipHash-2-4, Aumasson and Bernstein 2012). */
uint64_t text_hash(const uint64_t key[2], const void *bytes, size_t length_bytes);

#endif
