/* One condition for all who sleep: see condition.h. */
#include "kernel/services/posix/files/test/condition.h"

#include <pthread.h>

static pthread_mutex_t sleeping = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;

void condition_wait(const bool *is_woken) {
    pthread_mutex_lock(&sleeping);
    while (!__atomic_load_n(is_woken, __ATOMIC_ACQUIRE))
        pthread_cond_wait(&woken, &sleeping);
    pthread_mutex_unlock(&sleeping);
}

void condition_tell(void) {
    pthread_mutex_lock(&sleeping);
    pthread_cond_broadcast(&woken);
    pthread_mutex_unlock(&sleeping);
}
