/*
 * The shift book: every alarm as a line of text in a file, for people and for whatever else reads files.
 *
 * Each line is on disk before book_write returns, and a line that could not be written whole is taken back. The file is
 * opened for each line, so it may be moved away at any time. The same event may stand there twice after a crash; its epoch
 * and sequence tell.
 */
#ifndef GRID_ALARM_BOOK_H
#define GRID_ALARM_BOOK_H

#include <stddef.h>

/* GROVE_FULL, GROVE_READ_ONLY, GROVE_IO; `sentence` then says what is wrong. */
int book_write(const char *path, const void *line, size_t length_bytes, char *sentence, size_t sentence_bytes);

#endif
