/* What the parts of fuse.c share: a mount with a server of its own, and telling what was found. */
#ifndef GROVE_TESTS_FUSE_CLIENT_H
#define GROVE_TESTS_FUSE_CLIENT_H

#include "fuse_server.h"

extern const char *place; /* where it is mounted, and the current folder */
extern struct fuse_orders *orders;
extern pid_t server;

void begin(void);
/* With more options of mount, and orders as they are. */
void begin_with(const char *options);
void end(void);
/* A result, or errno if it is below 0. */
void tell(const char *what, long result);
void tell_status(const char *path);
void tell_folder(const char *path);
void write_file(const char *path, const char *text);

/* fuse_faults.c */
void stuck(void);
void killed(void);
void wrong(void);

#endif
