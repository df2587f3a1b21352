/*
 * Synchronising in another thread. It touches nothing but its own structure and a descriptor.
 */
#include "servers/store/syncer.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "grove/abi/status.h"

#define STACK_BYTES 65536u

static void tell(int descriptor) {
    uint64_t one = 1;
    while (write(descriptor, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

static void await(int descriptor) {
    uint64_t count;
    while (read(descriptor, &count, sizeof count) < 0 && errno == EINTR)
        continue;
}

static void *work(void *context) {
    struct syncer *syncer = context;
    for (;;) {
        await(syncer->wanted);
        syncer->result = database_synchronise(syncer->database);
        /* Pairs with the load in syncer_poll. */
        __atomic_store_n(&syncer->is_done, true, __ATOMIC_RELEASE);
        tell(syncer->done);
    }
    return NULL;
}

int syncer_init(struct syncer *syncer, const struct database *database) {
    *syncer = (struct syncer){.database = database};
    syncer->wanted = eventfd(0, EFD_CLOEXEC);
    syncer->done = eventfd(0, EFD_CLOEXEC);
    return syncer->wanted < 0 || syncer->done < 0 ? GROVE_NO_DESCRIPTORS : 0;
}

static int make_thread(struct syncer *syncer) {
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return GROVE_NO_MEMORY;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&syncer->thread, &attributes, work, syncer);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return error == 0 ? 0 : GROVE_NO_MEMORY;
}

int syncer_begin(struct syncer *syncer) {
    if (!syncer->is_running && make_thread(syncer) < 0)
        return GROVE_NO_MEMORY;
    syncer->is_running = true;
    __atomic_store_n(&syncer->is_done, false, __ATOMIC_RELAXED);
    tell(syncer->wanted);
    return 0;
}

void syncer_wait(struct syncer *syncer, int *result) {
    await(syncer->done);
    *result = syncer->result;
}

bool syncer_poll(struct syncer *syncer, int *result) {
    /* Pairs with the store in work. */
    if (!__atomic_load_n(&syncer->is_done, __ATOMIC_ACQUIRE))
        return false;
    syncer_wait(syncer, result);
    return true;
}
