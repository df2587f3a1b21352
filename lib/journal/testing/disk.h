/*
 * A disk for tests, below the system calls of the code under test (linked with -Wl,--wrap=...): it knows what a crash of
 * the machine would leave of the files in one folder.
 *
 * The files themselves lie in a real folder and are what a running process sees, as the page cache is. Beside that it
 * keeps of each file what has reached the disk for certain, and the changes that have not: a synchronisation makes them
 * certain; a crash may keep each 512-byte sector of them or not, and each name that the folder was not synchronised for.
 * A synchronisation that is made to fail forgets the changes, as Linux does: they look written and never will be.
 */
#ifndef LIB_JOURNAL_TESTING_DISK_H
#define LIB_JOURNAL_TESTING_DISK_H

#include <stdbool.h>

/* Forget everything; calls below `folder` are watched from now on. */
void disk_begin(int folder);
void disk_end(void);
/* Changing calls so far. */
unsigned disk_calls(void);
/* The call with that number (from 0) fails with `error`, once. */
void disk_fail(unsigned call, int error);
/* From the call with that number on nothing happens any more, and every call fails: the machine has stopped. */
void disk_stop(unsigned call);

/* From now on nothing of the file with that name can be read from `from` up to `to`. */
void disk_spoil(const char *name, long from, long to);

enum disk_loss {
    DISK_KEEPS_ALL, /* as if only the process had died; the call that stopped may be half done */
    DISK_KEEPS_CERTAIN,
    DISK_KEEPS_SOME, /* as the random numbers say */
};
/* What is there after the crash, in an empty folder. */
void disk_leave(int folder, enum disk_loss loss, unsigned random);

#endif
