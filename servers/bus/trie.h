/*
 * Patterns by their tokens: which of them match a subject, in time that does not grow with those that do not.
 *
 * A node is a prefix of patterns; its children are found by hash of (node, token), so a level costs two look-ups: the
 * token itself and "*". Only nodes that match a prefix of the subject are visited. The number of nodes is bounded.
 */
#ifndef SERVERS_BUS_TRIE_H
#define SERVERS_BUS_TRIE_H

#include <stddef.h>
#include <stdint.h>

struct trie_node;

struct trie {
    struct trie_node **buckets;
    size_t bucket_count; /* power of two */
    struct trie_node *root;
    unsigned nodes, nodes_max;
};

int trie_init(struct trie *trie, unsigned nodes_max);
void trie_deinit(struct trie *trie);
/* A valid pattern; the same value may be added once for a pattern. GROVE_EXHAUSTED, GROVE_NO_MEMORY. */
int trie_add(struct trie *trie, const char *pattern, void *value);
void trie_remove(struct trie *trie, const char *pattern, const void *value);
/* Calls `visit` for every value whose pattern matches, in no particular order. It must not change the trie. */
typedef void trie_visitor(void *value, void *context);
void trie_match(const struct trie *trie, const char *subject, trie_visitor *visit, void *context);

#endif
