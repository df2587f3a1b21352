/* The table of files, see nodes.h. */
#include "kernel/machine/linux/quota/nodes.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_SIZE 64u

static uint32_t chain_of(const struct nodes *nodes, dev_t device, ino_t file) {
    uint64_t mixed = ((uint64_t)file ^ (uint64_t)device << 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mixed >> 32) & (nodes->chain_count - 1);
}

static void link_node(struct nodes *nodes, uint32_t number) {
    uint32_t *chain = &nodes->chains[chain_of(nodes, nodes->table[number].device, nodes->table[number].file)];
    nodes->table[number].next = *chain;
    *chain = number;
}

/* Twice as many numbers, and as many chains as numbers. */
static bool grow(struct nodes *nodes) {
    uint32_t size = nodes->size == 0 ? FIRST_SIZE : nodes->size * 2;
    if (size < nodes->size)
        return false;
    struct node *table = realloc(nodes->table, size * sizeof *table);
    if (table == NULL)
        return false;
    nodes->table = table;
    uint32_t *chains = calloc(size, sizeof *chains);
    if (chains == NULL)
        return false;
    free(nodes->chains);
    nodes->chains = chains;
    nodes->chain_count = size;
    for (uint32_t number = 1; number < nodes->size; number++)
        if (table[number].descriptor >= 0)
            link_node(nodes, number);
    /* All of them were in use: what is free is new. The lowest comes first. */
    for (uint32_t number = size - 1; number >= (nodes->size == 0 ? NODES_ROOT : nodes->size); number--) {
        table[number] = (struct node){.descriptor = -1, .next = nodes->free};
        nodes->free = number;
    }
    nodes->size = size;
    return true;
}

uint32_t nodes_find(const struct nodes *nodes, dev_t device, ino_t file) {
    uint32_t number = nodes->size == 0 ? 0 : nodes->chains[chain_of(nodes, device, file)];
    while (number != 0 && (nodes->table[number].device != device || nodes->table[number].file != file))
        number = nodes->table[number].next;
    return number;
}

uint32_t nodes_add(struct nodes *nodes, int descriptor, dev_t device, ino_t file) {
    if (nodes->free == 0 && !grow(nodes))
        return 0;
    uint32_t number = nodes->free;
    nodes->free = nodes->table[number].next;
    nodes->table[number] = (struct node){.descriptor = descriptor, .device = device, .file = file};
    link_node(nodes, number);
    nodes->count++;
    return number;
}

struct node *nodes_get(const struct nodes *nodes, uint64_t number) {
    if (number == 0 || number >= nodes->size || nodes->table[number].descriptor < 0)
        return NULL;
    return &nodes->table[number];
}

static int remove_node(struct nodes *nodes, uint32_t number) {
    struct node *node = &nodes->table[number];
    uint32_t *place = &nodes->chains[chain_of(nodes, node->device, node->file)];
    while (*place != number)
        place = &nodes->table[*place].next;
    *place = node->next;
    int descriptor = node->descriptor;
    *node = (struct node){.descriptor = -1, .next = nodes->free};
    nodes->free = number;
    nodes->count--;
    return descriptor;
}

int nodes_forget(struct nodes *nodes, uint64_t number, uint64_t holds) {
    struct node *node = nodes_get(nodes, number);
    if (node == NULL || number == NODES_ROOT)
        return -1;
    node->holds -= holds < node->holds ? holds : node->holds;
    return node->holds > 0 ? -1 : remove_node(nodes, (uint32_t)number);
}

void nodes_close(struct nodes *nodes) {
    for (uint32_t number = 1; number < nodes->size; number++)
        if (nodes->table[number].descriptor >= 0)
            (void)close(nodes->table[number].descriptor);
    free(nodes->table);
    free(nodes->chains);
    memset(nodes, 0, sizeof *nodes);
}
