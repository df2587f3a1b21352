/*
 * Removing the oldest segments, so that the folder keeps within its limit; see `keep_bytes` in store.h.
 *
 * Runs when a segment has just begun: its header is on disk and carries the numbering on, so nothing needs the oldest one
 * any more, and the one being written to is never touched. A crash in between leaves some segments too many, which go
 * when the next one begins. The removal itself is not synchronised: a segment that comes back is only removed again.
 */
#include "examples/grid/historian/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Remove the first segment of the list. False: it stays, and the next attempt is made when a segment begins. */
static bool oldest_remove(struct store *store) {
    char name[STORE_NAME_BYTES];
    struct stat stat = {.st_size = 0};
    store_segment_name(store->segment[0].number, name);
    if (fstatat(store->folder, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && unlinkat(store->folder, name, 0) < 0 &&
        errno != ENOENT)
        return false;
    uint64_t bytes = (uint64_t)stat.st_size;
    store->bytes -= bytes < store->bytes ? bytes : store->bytes;
    store->segment_count--;
    memmove(store->segment, store->segment + 1, store->segment_count * sizeof store->segment[0]);
    return true;
}

void store_retain(struct store *store) {
    while (store->segment_count > 1 &&
           store->bytes - SEGMENT_HEADER_BYTES + store->limits.segment_bytes > store->limits.keep_bytes &&
           oldest_remove(store)) {
    }
}
