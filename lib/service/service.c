/*
 * Making a service: options, endpoints, handlers.
 *
 * Endpoints are names that the manifest provides; whoever registered the service made them in the kernel. Here a name is
 * only joined to handlers: a client that comes for a name nobody here serves is turned away (client_channel.c).
 */
#include "lib/service/service.h"

#include <stdlib.h>
#include <string.h>

int grove_service_create(const struct grove_service_options *options, struct grove_service **service) {
    struct grove_session *session;
    int status = session_or_default(options != NULL ? options->session : NULL, &session);
    if (status < 0)
        return status;
    if (session->host != NULL)
        return error_set(GROVE_EXISTS, "this session has a service already: serve several endpoints with that one");
    struct grove_service *made = calloc(1, sizeof *made);
    if (made == NULL || !requests_reserve(made)) {
        free(made);
        return error_set(GROVE_NO_MEMORY, "no memory is left for a service");
    }
    made->session = session;
    if (options != NULL)
        made->options = *options;
    session->host = service_life_cycle;
    session->host_context = made;
    session->on_descriptor = watch_note;
    *service = made;
    return 0;
}

static void end_channels(struct grove_service *service) {
    struct attachment *next;
    for (struct attachment *at = service->session->attachments; at != NULL; at = next) {
        next = at->next;
        if (at->owner == &client_channel_owner)
            client_channel_end((struct client_channel *)at);
    }
}

void grove_service_destroy(struct grove_service *service) {
    if (service == NULL)
        return;
    end_channels(service);
    for (unsigned i = 0; i < service->watch_capacity; i++)
        if (service->watches[i].descriptor >= 0)
            session_unwatch(service->session, service->watches[i].descriptor);
    free(service->watches);
    timer_deinit(&service->timers);
    requests_free(service);
    while (service->endpoints != NULL) {
        struct served_endpoint *endpoint = service->endpoints;
        service->endpoints = endpoint->next;
        free(endpoint->methods);
        free(endpoint);
    }
    service->session->host = NULL;
    service->session->on_descriptor = NULL;
    free(service);
}

static struct served_endpoint *find_or_add_endpoint(struct grove_service *service, const struct grove_name *name) {
    struct served_endpoint **place = &service->endpoints;
    while (*place != NULL && strcmp((*place)->name.text, name->text) != 0)
        place = &(*place)->next;
    if (*place == NULL) {
        *place = calloc(1, sizeof **place);
        if (*place != NULL)
            (*place)->name = *name;
    }
    return *place;
}

static int add_method(struct served_endpoint *endpoint, const struct method *method) {
    unsigned place = 0;
    while (place < endpoint->method_count && endpoint->methods[place].number < method->number)
        place++;
    if (place < endpoint->method_count && endpoint->methods[place].number == method->number) {
        endpoint->methods[place] = *method;
        return 0;
    }
    struct method *methods = realloc(endpoint->methods, (endpoint->method_count + 1) * sizeof *methods);
    if (methods == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for a handler");
    memmove(&methods[place + 1], &methods[place], (endpoint->method_count - place) * sizeof *methods);
    methods[place] = *method;
    endpoint->methods = methods;
    endpoint->method_count++;
    return 0;
}

int grove_service_on(struct grove_service *service, const char *endpoint, uint32_t method, grove_handler *handler,
                     void *context) {
    struct grove_name name;
    if (handler == NULL)
        return error_set(GROVE_INVALID, "method %u was given no handler", method);
    int status = session_full_name(service->session, endpoint, &name);
    if (status < 0)
        return status;
    struct served_endpoint *served = find_or_add_endpoint(service, &name);
    if (served == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for an endpoint");
    return add_method(served, &(struct method){.number = method, .handler = handler, .context = context});
}

void grove_service_on_rest(struct grove_service *service, grove_rest_handler *handler, void *context) {
    service->on_rest = handler;
    service->on_rest_context = context;
}

int grove_service_on_client(struct grove_service *service, const char *endpoint, grove_client_handler *handler,
                            void *context) {
    struct grove_name name;
    int status = session_full_name(service->session, endpoint, &name);
    struct served_endpoint *served = status == 0 ? find_or_add_endpoint(service, &name) : NULL;
    if (served == NULL)
        return status < 0 ? status : error_set(GROVE_NO_MEMORY, "no memory is left for an endpoint");
    served->on_client = handler;
    served->on_client_context = context;
    return 0;
}

struct grove_session *grove_service_session(struct grove_service *service) {
    return service->session;
}

/* ---- timers ---- */

/* Exact, unlike deadlines: a timer keeps the grid that it starts. */
static uint64_t due_after(uint64_t delay_ns) {
    uint64_t now_ns = grove_now_ns();
    return delay_ns < GROVE_FOREVER - 1 - now_ns ? now_ns + delay_ns : GROVE_FOREVER - 1;
}

static int add_timer(struct grove_service *service, uint64_t delay_ns, uint64_t period_ns, grove_timer_handler *handler,
                     void *context, uint32_t *timer) {
    if (handler == NULL)
        return error_set(GROVE_INVALID, "a timer was given no handler");
    struct timer added = {
        .due_ns = due_after(delay_ns), .period_ns = period_ns, .handler = handler, .context = context};
    return timer_add(&service->timers, &added, timer);
}

int grove_service_every(struct grove_service *service, uint64_t period_ns, grove_timer_handler *handler, void *context,
                        uint32_t *timer) {
    if (period_ns == 0 || period_ns > UINT64_MAX / 4)
        return error_set(GROVE_INVALID, "a timer's period must be more than 0 and less than a century");
    return add_timer(service, period_ns, period_ns, handler, context, timer);
}

int grove_service_after(struct grove_service *service, uint64_t delay_ns, grove_timer_handler *handler, void *context,
                        uint32_t *timer) {
    return add_timer(service, delay_ns, 0, handler, context, timer);
}

void grove_service_cancel(struct grove_service *service, uint32_t timer) {
    timer_cancel(&service->timers, timer);
}
