/*
 * Descriptors that the program watches itself. The session's wait notes what is ready; the handlers run afterwards from
 * the loop, so that one may end the watch of another that is ready as well.
 */
#include "lib/service/service.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

/* poll.h and epoll agree on these values (man epoll_ctl), which is why `short events` can be passed through. */
_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP, "same bits");

static struct watch *find(struct grove_service *service, int descriptor) {
    for (unsigned i = 0; i < service->watch_capacity; i++)
        if (service->watches[i].descriptor == descriptor)
            return &service->watches[i];
    return NULL;
}

static struct watch *find_free(struct grove_service *service) {
    struct watch *free_one = find(service, -1);
    if (free_one != NULL)
        return free_one;
    unsigned capacity = service->watch_capacity == 0 ? 4 : service->watch_capacity * 2;
    struct watch *watches = realloc(service->watches, capacity * sizeof *watches);
    if (watches == NULL)
        return NULL;
    for (unsigned i = service->watch_capacity; i < capacity; i++)
        watches[i] = (struct watch){.descriptor = -1};
    free_one = &watches[service->watch_capacity];
    service->watches = watches;
    service->watch_capacity = capacity;
    return free_one;
}

int grove_service_watch(struct grove_service *service, int descriptor, short events, grove_descriptor_handler *handler,
                        void *context) {
    if (descriptor < 0 || (events != 0 && handler == NULL))
        return error_set(GROVE_INVALID, "a descriptor and a handler are needed to watch one");
    struct watch *watch = find(service, descriptor);
    if (events == 0) {
        if (watch != NULL) {
            session_unwatch(service->session, descriptor);
            watch->descriptor = -1;
        }
        return 0;
    }
    bool is_known = watch != NULL;
    if (!is_known)
        watch = find_free(service);
    if (watch == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left to watch a descriptor");
    int status = session_watch(service->session, descriptor, (uint32_t)(unsigned short)events, is_known);
    if (status < 0)
        return status;
    *watch = (struct watch){.descriptor = descriptor, .events = events, .handler = handler, .context = context};
    return 0;
}

void watch_note(void *service, int descriptor, uint32_t events) {
    struct watch *watch = find(service, descriptor);
    if (watch != NULL)
        watch->ready = (short)events;
}

int watch_run(struct grove_service *service) {
    int count = 0;
    for (unsigned i = 0; i < service->watch_capacity; i++) {
        struct watch watch = service->watches[i]; /* a copy: the handler may change the table */
        if (watch.descriptor < 0 || watch.ready == 0)
            continue;
        service->watches[i].ready = 0;
        session_settle(service->session);
        watch.handler(service, watch.descriptor, watch.ready, watch.context);
        count++;
    }
    return count;
}
