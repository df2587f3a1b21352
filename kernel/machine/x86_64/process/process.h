/* The first program, from the initramfs to its end; with it all others end, and so does the machine. */
#ifndef GROVE_X86_64_PROCESS_H
#define GROVE_X86_64_PROCESS_H

#include <stddef.h>
#include <stdint.h>

/* Once, on the first thread: what process_run needs for as long as the machine runs. Panics without memory. */
void process_prepare(void);
/*
 * Unpack the archive and run the program at `path` as process 1 until it ends, with the words of `line` as its arguments. Its
 * exit status is told as a shell says it: 128 and the number of the signal that ended it. An error of Linux, negative, if it
 * was not started.
 */
int process_run(const uint8_t *archive, size_t archive_bytes, const char *path, const char *line, int *exit_status);

#endif
