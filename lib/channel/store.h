/*
 * Every store to the own segment that the protocol makes goes through one of these functions; so the crash argument
 * of end.c is about their order, and a test can stop an end after each of them (CHANNEL_STORED is then a call).
 *
 * One thread stores to a segment. Its peer reads at any moment, and what survives a crash is what was stored.
 */
#ifndef GROVE_CHANNEL_STORE_H
#define GROVE_CHANNEL_STORE_H

#include <stdint.h>

#ifndef CHANNEL_STORED
#define CHANNEL_STORED() ((void)0)
#endif

/* A value that nobody orders by: the peer sees it through a later release, a next instance through the order of stores. */
static inline void store_plain(uint64_t *place, uint64_t value) {
    __atomic_store_n(place, value, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* a crash keeps program order, so the compiler has to */
    CHANNEL_STORED();
}

/* A value that announces the stores before it; the peer's load_acquire of the same place pairs with it. */
static inline void store_release(uint64_t *place, uint64_t value) {
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    CHANNEL_STORED();
}

/* One half of the pair that loses no wake-up: nothing that follows is done before it is visible. */
static inline void store_ordered(uint64_t *place, uint64_t value) {
    __atomic_store_n(place, value, __ATOMIC_SEQ_CST);
    CHANNEL_STORED();
}

static inline void store_word(uint32_t *place, uint32_t value) {
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
    CHANNEL_STORED();
}

static inline uint64_t load_acquire(const uint64_t *place) {
    return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

/* The other half: done after the ordered store before it. */
static inline uint64_t load_ordered(const uint64_t *place) {
    return __atomic_load_n(place, __ATOMIC_SEQ_CST);
}

/* Of memory that may change meanwhile: read once, whatever the compiler would like. */
static inline uint64_t load_plain(const uint64_t *place) {
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

#endif
