/*
 * Bytes on their way between a file and whoever reads or writes it: a list of segments (those of readv and writev) and how
 * far they are done.
 *
 * A file copies with a spin lock held, so copying never waits. Where it meets a page of a program that is not in memory it
 * stops short; the file then gives up its lock, has the page brought in, and goes on.
 */
#ifndef GROVE_VFS_TRANSFER_H
#define GROVE_VFS_TRANSFER_H

#include <stddef.h>
#include <stdint.h>

struct transfer_segment {
    uint8_t *base;
    size_t size_bytes;
};

struct transfer {
    const struct transfer_segment *segments;
    uint32_t count;
    uint32_t segment; /* the one in work */
    size_t segment_done_bytes;
    size_t left_bytes; /* in all segments */
    /* Copy up to size_bytes; fewer: a page is missing. NULL: all memory is there. */
    size_t (*copy)(void *to, const void *from, size_t size_bytes);
    /* Bring in the page at this address of the program's, for a read from or a write into it. May wait. -LINUX_EFAULT. */
    int (*bring_in)(const void *address);
};

/* Segments that are all in memory, such as the kernel's own. Others set `copy` and `bring_in` after that. */
void transfer_init(struct transfer *transfer, const struct transfer_segment *segments, uint32_t count);
/* Copy up to size_bytes from the file's memory into the segments. Returns how many; fewer: a page is missing, or the end. */
size_t transfer_out(struct transfer *transfer, const void *from, size_t size_bytes);
/* Copy up to size_bytes from the segments into the file's memory. Returns how many, as above. */
size_t transfer_in(struct transfer *transfer, void *to, size_t size_bytes);
/* Fill up to size_bytes of the segments with zeros, as above. */
size_t transfer_zeros(struct transfer *transfer, size_t size_bytes);
/* What is left of the segment in work; 0 at the end. */
size_t transfer_piece_bytes(struct transfer *transfer);
/* All of these bytes, without locks, bringing in what is missing. -LINUX_EFAULT; also where the segments are too small. */
int transfer_all_out(struct transfer *transfer, const void *from, size_t size_bytes);
int transfer_all_in(struct transfer *transfer, void *to, size_t size_bytes);
/* After a copy that stopped short, without locks: 0, or -LINUX_EFAULT: there is no memory at that address. */
int transfer_bring_in(struct transfer *transfer);

#endif
