/* The machine under the file system layer for fuzz targets: the C library's memory, counted, and nobody who sleeps. */
#ifndef GROVE_FUZZ_PLAIN_MACHINE_H
#define GROVE_FUZZ_PLAIN_MACHINE_H

#include "kernel/services/vfs/vfs.h"

#include <stdlib.h>
#include <string.h>

static uint64_t plain_held; /* pieces of memory and pages that were not given back */

static void *plain_take(void *context, size_t size_bytes) {
    (void)context;
    plain_held++;
    return malloc(size_bytes);
}

static void plain_give_back(void *context, void *memory, size_t size_bytes) {
    (void)context;
    (void)size_bytes;
    plain_held--;
    free(memory);
}

static void *plain_take_page(void *context) {
    (void)context;
    plain_held++;
    return calloc(1, VFS_PAGE_BYTES);
}

static void plain_give_page_back(void *context, void *page) {
    plain_give_back(context, page, VFS_PAGE_BYTES);
}

static void plain_fill_random(void *context, void *bytes, size_t size_bytes) {
    (void)context;
    memset(bytes, 0x5c, size_bytes);
}

static void plain_wake(void *context, struct wait_queue *queue) {
    (void)context;
    (void)queue;
}

/* In the initializer of a struct vfs_machine; clocks and sleeps are the target's own. */
#define PLAIN_MACHINE \
    .take = plain_take, .give_back = plain_give_back, .take_page = plain_take_page, \
    .give_page_back = plain_give_page_back, .fill_random = plain_fill_random, .wake = plain_wake

#endif
