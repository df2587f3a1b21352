/* Threads of the C library for tests, which cannot include <pthread.h> beside our scheduler's header. */
#ifndef GROVE_POSIX_FILES_TEST_RUN_THREADS_H
#define GROVE_POSIX_FILES_TEST_RUN_THREADS_H

#define RUN_THREADS_MAX 8u

/* So many, each with its number from 0 on; returns when all have. */
void run_threads(unsigned count, void (*work)(unsigned number));

#endif
