/*
 * The functions of <string.h> that the kernel and its compiler use. The compiler must not make a call of memcpy out of
 * memcpy's own loop: the build passes -fno-tree-loop-distribute-patterns (-fno-builtin for clang) for this file.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TURN_BYTES (4 * sizeof(uint64_t))

/* Loads and stores of one word, wherever it lies. */
static inline uint64_t load(const uint8_t *from) {
    uint64_t word;
    __builtin_memcpy(&word, from, sizeof(word));
    return word;
}

static inline void store(uint8_t *to, uint64_t word) {
    __builtin_memcpy(to, &word, sizeof(word));
}

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    uint8_t *target = to;
    const uint8_t *source = from;
    for (; count >= TURN_BYTES; count -= TURN_BYTES, target += TURN_BYTES, source += TURN_BYTES) {
        uint64_t first = load(source), second = load(source + 8), third = load(source + 16), last = load(source + 24);
        store(target, first);
        store(target + 8, second);
        store(target + 16, third);
        store(target + 24, last);
    }
    for (; count >= sizeof(uint64_t); count -= sizeof(uint64_t), target += sizeof(uint64_t), source += sizeof(uint64_t))
        store(target, load(source));
    while (count-- > 0)
        *target++ = *source++;
    return to;
}

void *memmove(void *to, const void *from, size_t count) {
    uint8_t *target = to;
    const uint8_t *source = from;
    if ((uintptr_t)target - (uintptr_t)source >= count)
        return memcpy(to, from, count); /* the copy goes upwards, which is safe here */
    while (count-- > 0)
        target[count] = source[count];
    return to;
}

void *memset(void *to, int value, size_t count) {
    uint8_t *target = to;
    uint64_t word = (uint8_t)value * UINT64_C(0x0101010101010101);
    for (; count >= TURN_BYTES; count -= TURN_BYTES, target += TURN_BYTES) {
        store(target, word);
        store(target + 8, word);
        store(target + 16, word);
        store(target + 24, word);
    }
    for (; count >= sizeof(word); count -= sizeof(word), target += sizeof(word))
        store(target, word);
    while (count-- > 0)
        *target++ = (uint8_t)value;
    return to;
}

int memcmp(const void *first, const void *second, size_t count) {
    const uint8_t *a = first, *b = second;
    for (; count > 0; count--, a++, b++)
        if (*a != *b)
            return *a < *b ? -1 : 1;
    return 0;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length] != 0)
        length++;
    return length;
}

int strcmp(const char *first, const char *second) {
    while (*first != 0 && *first == *second) {
        first++;
        second++;
    }
    return (int)(uint8_t)*first - (int)(uint8_t)*second;
}

int strncmp(const char *first, const char *second, size_t count) {
    for (; count > 0; count--, first++, second++)
        if (*first != *second || *first == 0)
            return (int)(uint8_t)*first - (int)(uint8_t)*second;
    return 0;
}

void *memchr(const void *bytes, int wanted, size_t count) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < count; i++)
        if (at[i] == (uint8_t)wanted)
            return (void *)(uintptr_t)(at + i);
    return NULL;
}

char *strrchr(const char *text, int wanted) {
    const char *found = NULL;
    do {
        if (*text == (char)wanted)
            found = text;
    } while (*text++ != 0);
    return (char *)(uintptr_t)found;
}
