/*
 * resource: admits services to the machine, watches their limits, and acts by their policies.
 *
 *     registry, init -> ADMIT, RELEASE, WARNED        anybody who may connect -> MACHINE, HISTORY, CASES
 *
 * Killed at any point it leaves: nobody throttled or frozen for longer than its policy says (cases.c), the factors as they were
 * acknowledged, and a next instance that adds up again what was promised (admission.c). An ADMIT that was not answered is
 * delivered again, and admits the same service once.
 */
#include "servers/resource/resource.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/common/own_config.h"
#include "servers/common/spec_limits.h"

/* ---- the kernel, the tick ---- */

int resource_read(const struct resource *resource, const char *name, struct grove_container_record *record) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_READ};
    name_set(&message.body.container_read.name, name);
    int status = grove_kernel_request(resource->session, &message, NULL, 0, NULL, NULL, RESOURCE_KERNEL_TIMEOUT_NS);
    if (status == 0)
        *record = message.body.container_record;
    return status;
}

static void tick(struct grove_service *service, void *context) {
    struct resource *resource = context;
    (void)service;
    resource->timer = 0;
    bool is_case = cases_tick(resource), is_looked_at = samples_tick(resource);
    if (is_case || is_looked_at)
        resource_tick_soon(resource);
}

void resource_tick_soon(struct resource *resource) {
    if (resource->timer == 0 &&
        grove_service_after(resource->service, resource->period_ns, tick, resource, &resource->timer) < 0)
        (void)fprintf(stderr, "resource: no timer: %s\n", grove_last_error());
}

/* ---- requests ---- */

static int read_request(struct grove_request *request, void *copy, size_t bytes) {
    uint32_t version;
    if (grove_request_bytes(request) < bytes) {
        (void)grove_fail(request, GROVE_INVALID, "the request has %zu bytes, and %zu are needed",
                         grove_request_bytes(request), bytes);
        return GROVE_INVALID;
    }
    memcpy(copy, grove_request_data(request), bytes);
    memcpy(&version, copy, sizeof version);
    if (version != GROVE_RESOURCE_VERSION)
        return grove_fail(request, GROVE_VERSION, "system.resource speaks version %u of its protocol, not %u",
                          GROVE_RESOURCE_VERSION, version);
    return 0;
}

static bool is_from(const struct grove_request *request, const char *name) {
    return strcmp(grove_request_client(request), name) == 0;
}

static int refuse_client(struct grove_request *request) {
    return grove_fail(request, GROVE_DENIED, "%s may not say that: it is for init and the registry",
                      grove_request_client(request));
}

static int on_admit(struct grove_request *request, void *context) {
    struct grove_resource_admit asked;
    char problem[400];
    int status = read_request(request, &asked, sizeof asked);
    if (status < 0)
        return status;
    bool is_init = is_from(request, "system.init");
    if (!is_init && !is_from(request, "system.registry"))
        return refuse_client(request);
    if (!service_name_is_valid(&asked.service))
        return grove_fail(request, GROVE_INVALID, "the request names no service");
    if (is_init && (asked.flags & GROVE_ADMIT_ANYWAY) != 0)
        status = admission_keep(asked.service.text, &asked.budget);
    else
        status = admission_ask(context, asked.service.text, &asked.budget, problem, sizeof problem);
    if (status == GROVE_NO_MEMORY)
        return status;
    return status < 0 ? grove_fail(request, status, "%s", problem) : 0;
}

static int on_release(struct grove_request *request, void *context) {
    struct grove_resource_named named;
    int status = read_request(request, &named, sizeof named);
    (void)context;
    if (status < 0)
        return status;
    if (!is_from(request, "system.registry"))
        return refuse_client(request);
    if (service_name_is_valid(&named.service))
        admission_release(named.service.text);
    return 0;
}

static int on_warned(struct grove_request *request, void *context) {
    struct grove_resource_warned warned;
    int status = read_request(request, &warned, sizeof warned);
    if (status < 0)
        return status;
    if (!is_from(request, "system.registry") && !is_from(request, "system.init"))
        return refuse_client(request);
    if (!service_name_is_valid(&warned.service) ||
        (warned.limit.policy != GROVE_LIMIT_TELL && !limit_is_valid(&warned.limit)))
        return grove_fail(request, GROVE_INVALID, "the warning is malformed");
    if (!grove_request_is_redelivered(request) || warned.limit.policy != GROVE_LIMIT_TELL)
        cases_warned(context, &warned);
    return 0;
}

static int answer_machine(struct grove_request *request) {
    struct grove_machine machine;
    admission_machine(&machine);
    return grove_reply(request, &machine, sizeof machine);
}

static int on_machine(struct grove_request *request, void *context) {
    struct grove_resource_named named;
    int status = read_request(request, &named, sizeof named);
    (void)context;
    return status < 0 ? status : answer_machine(request);
}

static int on_overcommit(struct grove_request *request, void *context) {
    struct grove_resource_factor factor;
    int status = read_request(request, &factor, sizeof factor);
    if (status < 0)
        return status;
    if (grove_request_client_ring(request) == 2)
        return grove_fail(request, GROVE_DENIED,
                          "%s may not say what the machine may promise; shells and system services may",
                          grove_request_client(request));
    status = admission_factor(context, factor.resource, factor.factor_ppm);
    if (status == GROVE_INVALID)
        return grove_fail(
            request, status,
            "a factor is for memory or processor, and from 10%% to 10000%%: 100%% is what the machine has");
    if (status < 0)
        return grove_fail(request, status, "the factor cannot be kept in the state folder: %s; nothing has changed",
                          grove_status_text(status));
    return answer_machine(request);
}

static int on_history(struct grove_request *request, void *context) {
    static struct {
        struct grove_resource_page head;
        struct grove_resource_sample samples[GROVE_RESOURCE_SAMPLES];
    } page;
    struct grove_resource_named named;
    struct grove_container_record record;
    int status = read_request(request, &named, sizeof named);
    if (status < 0)
        return status;
    if (!service_name_is_valid(&named.service))
        return grove_fail(request, GROVE_INVALID, "the request names no service");
    if (resource_read(context, named.service.text, &record) < 0)
        return grove_fail(request, GROVE_NOT_FOUND, "nothing is called %s; `grove ps` lists the services",
                          named.service.text);
    page.head = (struct grove_resource_page){.version = GROVE_RESOURCE_VERSION,
                                             .count = samples_read(context, named.service.text, page.samples)};
    return grove_reply(request, &page, sizeof page.head + page.head.count * sizeof page.samples[0]);
}

static int on_cases(struct grove_request *request, void *context) {
    static struct {
        struct grove_resource_page head;
        struct grove_limit_case cases[RESOURCE_CASES_MAX];
    } page;
    struct grove_resource_named named;
    int status = read_request(request, &named, sizeof named);
    (void)context;
    if (status < 0)
        return status;
    page.head = (struct grove_resource_page){.version = GROVE_RESOURCE_VERSION,
                                             .count = cases_list(page.cases, RESOURCE_CASES_MAX)};
    return grove_reply(request, &page, sizeof page.head + page.head.count * sizeof page.cases[0]);
}

/* ---- set-up ---- */

/* The same as in manifest.yaml, and hot: the period from the next one on, the factors for who asks to be admitted. */
static void settings_begin(struct resource *resource, const char *folder) {
    static struct own_key keys[3];
    resource->period_ns = GROVE_SECOND;
    resource->overcommit_memory = resource->overcommit_processor = 1.0;
    keys[0] = (struct own_key){"period", GROVE_CONFIG_DURATION, {.amount = &resource->period_ns}};
    keys[1] = (struct own_key){"overcommit.memory", GROVE_CONFIG_FLOAT, {.real = &resource->overcommit_memory}};
    keys[2] = (struct own_key){"overcommit.processor", GROVE_CONFIG_FLOAT, {.real = &resource->overcommit_processor}};
    own_config_begin(folder, keys, sizeof keys / sizeof keys[0]);
}

static void settings_changed(void *context) {
    admission_configured(context);
}

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct resource *resource = context;
    (void)reason;
    resource->service = service;
    resource->session = grove_service_session(service);
    cases_open(resource);
    int status = admission_open(resource);
    if (status < 0)
        (void)fprintf(stderr, "resource: cannot see what runs: %s\n", grove_last_error());
    if (cases_count() > 0)
        resource_tick_soon(resource);
    own_config_follow(resource->session, settings_changed, resource);
    return status;
}

int main(int argument_count, char **arguments) {
    static struct resource resource;
    static const struct {
        uint32_t method;
        grove_handler *handler;
    } methods[] = {{GROVE_RESOURCE_ADMIT, on_admit},
                   {GROVE_RESOURCE_RELEASE, on_release},
                   {GROVE_RESOURCE_WARNED, on_warned},
                   {GROVE_RESOURCE_MACHINE, on_machine},
                   {GROVE_RESOURCE_OVERCOMMIT, on_overcommit},
                   {GROVE_RESOURCE_HISTORY, on_history},
                   {GROVE_RESOURCE_CASES, on_cases}};
    struct grove_service *service;
    if (argument_count != 2) {
        (void)fprintf(stderr, "usage: resource STATE-FOLDER (started by init; see servers/resource/manifest.yaml)\n");
        return 2;
    }
    resource.folder = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (resource.folder < 0) {
        (void)fprintf(stderr, "resource: cannot open the state folder %s: %s\n", arguments[1], strerror(errno));
        return 1;
    }
    settings_begin(&resource, arguments[1]);
    struct grove_service_options options = {.on_init = on_init, .context = &resource};
    if (grove_service_create(&options, &service) < 0)
        return grove_report("resource");
    for (unsigned index = 0; index < sizeof methods / sizeof methods[0]; index++)
        if (grove_service_on(service, GROVE_RESOURCE_ENDPOINT, methods[index].method, methods[index].handler,
                             &resource) < 0)
            return grove_report("resource");
    metrics_serve(&resource, service);
    return grove_service_run(service) < 0 ? grove_report("resource") : 0;
}
