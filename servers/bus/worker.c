/* See worker.h. */
#include "servers/bus/worker.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK_BYTES (64u << 10)

struct worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wakeup;
    worker_job *job; /* under the lock: what the thread is to do next */
    void *context;
    bool has_thread, is_ending;
    bool is_busy; /* the loop's: given and not yet found to be done */
    bool is_done; /* stored by the thread with release, when the job's effects are there */
    int done; /* eventfd */
};

struct worker *worker_create(void) {
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        return NULL;
    worker->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->done < 0) {
        free(worker);
        return NULL;
    }
    (void)pthread_mutex_init(&worker->lock, NULL);
    (void)pthread_cond_init(&worker->wakeup, NULL);
    return worker;
}

static void *work(void *context) {
    struct worker *worker = context;
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&worker->lock);
    while (!worker->is_ending) {
        worker_job *job = worker->job;
        if (job == NULL) {
            (void)pthread_cond_wait(&worker->wakeup, &worker->lock);
            continue;
        }
        worker->job = NULL;
        (void)pthread_mutex_unlock(&worker->lock);
        job(worker->context);
        __atomic_store_n(&worker->is_done, true, __ATOMIC_RELEASE); /* pairs with the load in worker_is_done */
        (void)!write(worker->done, &one, sizeof one); /* the counter cannot overflow: it is read for each job */
        (void)pthread_mutex_lock(&worker->lock);
    }
    (void)pthread_mutex_unlock(&worker->lock);
    return NULL;
}

static bool has_thread(struct worker *worker) {
    pthread_attr_t attributes;
    if (worker->has_thread)
        return true;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    worker->has_thread = pthread_create(&worker->thread, &attributes, work, worker) == 0;
    (void)pthread_attr_destroy(&attributes);
    return worker->has_thread;
}

bool worker_begin(struct worker *worker, worker_job *job, void *context) {
    if (!has_thread(worker))
        return false;
    worker->is_busy = true;
    (void)pthread_mutex_lock(&worker->lock);
    worker->context = context;
    worker->job = job;
    (void)pthread_cond_signal(&worker->wakeup);
    (void)pthread_mutex_unlock(&worker->lock);
    return true;
}

bool worker_is_busy(const struct worker *worker) {
    return worker->is_busy;
}

bool worker_is_done(struct worker *worker) {
    uint64_t count;
    if (!worker->is_busy || !__atomic_load_n(&worker->is_done, __ATOMIC_ACQUIRE))
        return false;
    worker->is_done = worker->is_busy = false;
    (void)!read(worker->done, &count, sizeof count);
    return true;
}

int worker_descriptor(const struct worker *worker) {
    return worker->done;
}

void worker_destroy(struct worker *worker) {
    if (worker == NULL)
        return;
    if (worker->has_thread) {
        (void)pthread_mutex_lock(&worker->lock);
        worker->is_ending = true;
        (void)pthread_cond_signal(&worker->wakeup);
        (void)pthread_mutex_unlock(&worker->lock);
        (void)pthread_join(worker->thread, NULL);
    }
    (void)pthread_cond_destroy(&worker->wakeup);
    (void)pthread_mutex_destroy(&worker->lock);
    (void)close(worker->done);
    free(worker);
}
