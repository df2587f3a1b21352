/*
 * A small server of files in memory over /dev/fuse, without any library. It says what it is told to say wrong, too: see
 * struct fuse_orders, which is memory that it shares with who tests.
 */
#ifndef GROVE_TESTS_FUSE_SERVER_H
#define GROVE_TESTS_FUSE_SERVER_H

#include <stdint.h>
#include <sys/types.h>

/* What is wrong with its answers. */
enum fuse_wrong {
    WRONG_NOTHING,
    WRONG_SIZE_OF_ATTRIBUTES, /* a reply too short */
    WRONG_KIND, /* a mode that is none */
    WRONG_ROOT_AS_CHILD, /* a name that leads to the root's node */
    WRONG_NAME_IN_FOLDER, /* an entry with a slash */
    WRONG_EMPTY_NAME,
    WRONG_LINK, /* a text with a zero */
    WRONG_READ, /* more bytes than asked for */
    WRONG_WRITE, /* more bytes written than there were */
    WRONG_ERROR, /* an error that is no error number */
};

struct fuse_orders {
    uint32_t wrong; /* enum fuse_wrong */
    uint32_t is_begun; /* INIT is done */
    uint32_t interrupts, reads, lookups; /* that it got */
    uint32_t stalled; /* reads of the file `stuck`, which are never answered */
    uint32_t invalidate; /* 1: the file `changed` changes; set to 0 when the kernel is told */
    uint32_t name_seconds; /* for how long names and attributes are good */
    uint32_t with_entries; /* READDIRPLUS */
    uint32_t direct; /* files are opened for direct I/O */
    uint32_t without_create; /* CREATE is missing */
    uint32_t heeds_interrupts; /* a read of `stuck` is answered when it is interrupted */
};

/* Serve until the mount is gone. Returns 0, or an error number. */
int fuse_serve(int device, struct fuse_orders *orders);

#endif
