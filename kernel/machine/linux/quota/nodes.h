/*
 * The files that Linux knows of in one folder: each has a number, which Linux uses instead of a path, and a descriptor that
 * stands for the file itself (O_PATH), so that renames, hard links and removal change nothing for who has it open.
 *
 * A node lives as long as Linux holds it: `holds` counts what was told, and nodes_forget takes back. The root is number 1 and
 * never goes.
 */
#ifndef GROVE_LINUX_QUOTA_NODES_H
#define GROVE_LINUX_QUOTA_NODES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define NODES_ROOT 1u

struct node {
    int descriptor; /* -1: the number is free */
    dev_t device;
    ino_t file;
    uint64_t holds;
    uint32_t next; /* in its chain, or of the free numbers; 0 ends */
};

struct nodes {
    struct node *table; /* number 0 is nobody's */
    uint32_t size, free;
    uint32_t *chains;
    uint32_t chain_count; /* a power of two */
    uint32_t count;
};

/* All 0 is an empty table. The first one added is the root. */
void nodes_close(struct nodes *nodes);
/* Its number; 0 if it is not there. */
uint32_t nodes_find(const struct nodes *nodes, dev_t device, ino_t file);
/* A new one with no holds; the descriptor is taken over. Its number; 0 without memory, and nothing has changed. */
uint32_t nodes_add(struct nodes *nodes, int descriptor, dev_t device, ino_t file);
/* NULL if there is none of this number. */
struct node *nodes_get(const struct nodes *nodes, uint64_t number);
/* So many holds fewer. The descriptor, which is the caller's from then on, if that was the last; else -1. */
int nodes_forget(struct nodes *nodes, uint64_t number, uint64_t holds);

#endif
