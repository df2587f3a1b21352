/* Patterns by their tokens: see trie.h. Nothing here outlives the process: patterns are added again from the saved ones. */
#include "servers/bus/trie.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "grove/abi/status.h"

struct trie_value {
    struct trie_value *next;
    void *value;
};

struct trie_node {
    struct trie_node *next; /* in its bucket */
    struct trie_node *parent;
    unsigned children;
    uint32_t hash;
    struct trie_value *values; /* of patterns that end here */
    size_t token_bytes;
    char token[];
};

struct token {
    const char *text;
    size_t bytes;
};

/* The token at *at, which moves behind it and its dot; false at the end of the text. */
static bool next_token(const char **at, struct token *token) {
    if (*at == NULL)
        return false;
    const char *dot = strchr(*at, '.');
    token->text = *at;
    token->bytes = dot != NULL ? (size_t)(dot - *at) : strlen(*at);
    *at = dot != NULL ? dot + 1 : NULL;
    return true;
}

static uint32_t hash_of(const struct trie_node *parent, const struct token *token) {
    uint64_t hash = (uint64_t)(uintptr_t)parent * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < token->bytes; i++)
        hash = (hash ^ (uint8_t)token->text[i]) * UINT64_C(0x100000001b3);
    return (uint32_t)(hash ^ hash >> 32);
}

static struct trie_node *find_child(const struct trie *trie, const struct trie_node *parent,
                                    const struct token *token) {
    if (parent->children == 0)
        return NULL;
    uint32_t hash = hash_of(parent, token);
    struct trie_node *node = trie->buckets[hash & (trie->bucket_count - 1)];
    while (node != NULL && (node->hash != hash || node->parent != parent || node->token_bytes != token->bytes ||
                            memcmp(node->token, token->text, token->bytes) != 0))
        node = node->next;
    return node;
}

int trie_init(struct trie *trie, unsigned nodes_max) {
    *trie = (struct trie){.nodes_max = nodes_max, .bucket_count = 64};
    while (trie->bucket_count < nodes_max / 4)
        trie->bucket_count *= 2;
    trie->buckets = calloc(trie->bucket_count, sizeof *trie->buckets);
    trie->root = calloc(1, sizeof *trie->root);
    if (trie->buckets != NULL && trie->root != NULL)
        return 0;
    trie_deinit(trie);
    return GROVE_NO_MEMORY;
}

static void free_node(struct trie_node *node) {
    while (node != NULL && node->values != NULL) {
        struct trie_value *value = node->values;
        node->values = value->next;
        free(value);
    }
    free(node);
}

void trie_deinit(struct trie *trie) {
    for (size_t i = 0; trie->buckets != NULL && i < trie->bucket_count; i++)
        while (trie->buckets[i] != NULL) {
            struct trie_node *node = trie->buckets[i];
            trie->buckets[i] = node->next;
            free_node(node);
        }
    free_node(trie->root);
    free(trie->buckets);
    *trie = (struct trie){0};
}

static int add_child(struct trie *trie, struct trie_node *parent, const struct token *token, struct trie_node **child) {
    if (trie->nodes >= trie->nodes_max)
        return GROVE_EXHAUSTED;
    struct trie_node *node = calloc(1, sizeof *node + token->bytes);
    if (node == NULL)
        return GROVE_NO_MEMORY;
    node->parent = parent;
    node->hash = hash_of(parent, token);
    node->token_bytes = token->bytes;
    memcpy(node->token, token->text, token->bytes);
    struct trie_node **bucket = &trie->buckets[node->hash & (trie->bucket_count - 1)];
    node->next = *bucket;
    *bucket = node;
    parent->children++;
    trie->nodes++;
    *child = node;
    return 0;
}

/* Free a node that nothing needs, and then those above it. */
static void prune(struct trie *trie, struct trie_node *node) {
    while (node != trie->root && node->children == 0 && node->values == NULL) {
        struct trie_node *parent = node->parent;
        struct trie_node **place = &trie->buckets[node->hash & (trie->bucket_count - 1)];
        while (*place != node)
            place = &(*place)->next;
        *place = node->next;
        free(node);
        trie->nodes--;
        parent->children--;
        node = parent;
    }
}

int trie_add(struct trie *trie, const char *pattern, void *value) {
    struct trie_node *node = trie->root;
    struct token token;
    int status = 0;
    while (status == 0 && next_token(&pattern, &token)) {
        struct trie_node *child = find_child(trie, node, &token);
        if (child == NULL)
            status = add_child(trie, node, &token, &child);
        if (status == 0)
            node = child;
    }
    struct trie_value *added = status == 0 ? malloc(sizeof *added) : NULL;
    if (added == NULL) {
        prune(trie, node);
        return status < 0 ? status : GROVE_NO_MEMORY;
    }
    *added = (struct trie_value){.next = node->values, .value = value};
    node->values = added;
    return 0;
}

void trie_remove(struct trie *trie, const char *pattern, const void *value) {
    struct trie_node *node = trie->root;
    struct token token;
    while (node != NULL && next_token(&pattern, &token))
        node = find_child(trie, node, &token);
    if (node == NULL)
        return;
    struct trie_value **place = &node->values;
    while (*place != NULL && (*place)->value != value)
        place = &(*place)->next;
    if (*place == NULL)
        return;
    struct trie_value *removed = *place;
    *place = removed->next;
    free(removed);
    prune(trie, node);
}

struct matching {
    const struct trie *trie;
    trie_visitor *visit;
    void *context;
};

static void visit_values(const struct matching *matching, const struct trie_node *node) {
    for (const struct trie_value *at = node != NULL ? node->values : NULL; at != NULL; at = at->next)
        matching->visit(at->value, matching->context);
}

/* As deep as a subject has tokens, which are bounded. */
static void match_from(const struct matching *matching, const struct trie_node *node, const char *rest) {
    static const struct token any = {.text = "*", .bytes = 1}, all = {.text = ">", .bytes = 1};
    struct token token;
    if (!next_token(&rest, &token)) {
        visit_values(matching, node);
        return;
    }
    visit_values(matching, find_child(matching->trie, node, &all));
    const struct trie_node *child = find_child(matching->trie, node, &token);
    if (child != NULL)
        match_from(matching, child, rest);
    child = find_child(matching->trie, node, &any);
    if (child != NULL)
        match_from(matching, child, rest);
}

void trie_match(const struct trie *trie, const char *subject, trie_visitor *visit, void *context) {
    struct matching matching = {.trie = trie, .visit = visit, .context = context};
    match_from(&matching, trie->root, subject);
}
