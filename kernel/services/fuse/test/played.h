/* A mount whose server a test plays: whenever somebody waits for an answer, the server reads one request and answers. */
#ifndef GROVE_FUSE_TEST_PLAYED_H
#define GROVE_FUSE_TEST_PLAYED_H

#include "kernel/services/fuse/fuse.h"
#include "kernel/services/vfs/test/world.h"

#define PLAYED_BYTES (FUSE_WRITE_BYTES_MAX + 4096u)
#define PLAYED_SILENT 1 /* in place of an error: no answer comes */

struct played_request {
    struct fuse_in_header header;
    uint8_t body[PLAYED_BYTES];
};

/* Fill `body` with the body of a reply, *bytes of it. Returns 0, the negative of an error, or PLAYED_SILENT. */
typedef int played_answer(const struct played_request *request, uint8_t *body, size_t *bytes);

struct played {
    struct world world;
    struct open_file *device; /* NULL: the server died */
    played_answer *answer;
    struct played_request request; /* the one that was read last */
    uint32_t counts[FUSE_OP_MAX]; /* requests so far, by operation */
    uint64_t forgotten; /* lookups */
    uint32_t waits_left; /* waits in which nothing happens before the caller is killed; counted only while silent */
    bool is_killed;
    int write_status; /* of the reply that was written last: bytes or an error */
};

extern struct played played;

/* Mount at /served, with more options (",allow_other"). INIT is answered by the library; `answer` does the rest. */
void played_begin(played_answer *answer, const char *options);
/* Take the mount down. Fails the test if any memory is left over, or lookups and forgets do not agree where they should. */
void played_end(void);
/* The server reads one request and answers. False: there was none. */
bool played_serve(void);
/* The server dies. */
void played_die(void);
/* Write bytes into the device: 0 and more, or an error. */
int64_t played_write(const void *bytes, size_t size_bytes);

/* A server of a root with `file` (node 2), `folder` (node 3) with a file `below` (node 5), and `link` (node 4, to "file"). */
int played_small_server(const struct played_request *request, uint8_t *body, size_t *bytes);
extern uint8_t played_contents[3 * VFS_PAGE_BYTES];

#endif
