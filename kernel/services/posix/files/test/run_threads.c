/* Threads for tests: see run_threads.h. */
#include "kernel/services/posix/files/test/run_threads.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

static void (*job)(unsigned number);

static void *run(void *number) {
    job((unsigned)(uintptr_t)number);
    return NULL;
}

void run_threads(unsigned count, void (*work)(unsigned number)) {
    pthread_t threads[RUN_THREADS_MAX];
    job = work;
    for (uintptr_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)i) != 0)
            abort();
    for (unsigned i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
}
