/*
 * Admission: the sum of what services that run were promised is at most what the machine has, times an explicit factor.
 *
 * Promises are limits that stand in manifests: memory and processor time. A service without a limit was promised nothing
 * and is admitted; what bounds it is its project. A restart needs no new promise. What is asked for beyond the sum is
 * refused with a sentence that says who has how much, but only after the kernel was asked once more who runs at all: the
 * registry may have died before it said that somebody ended.
 *
 * The factors are the configured ones, or those of an order (`grove resources --overcommit`): the newest counts. An order
 * keeps beside its own the configured ones that it stood against, so it counts no more when others are configured, also
 * while this process is dead.
 *
 * Nothing of it but the factors is kept on disk. The next instance adds up the budgets of the containers that run.
 */
#include "servers/resource/resource.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "servers/common/name_table.h"
#include "servers/common/names.h"
#include "servers/registry/files.h"

#define WHOLE_PPM UINT64_C(1000000)
#define FACTOR_LEAST_PPM UINT64_C(100000)
#define FACTOR_MOST_PPM UINT64_C(100000000)
#define FACTORS_MAGIC 0x54434647u /* "GFCT" */
#define FACTORS_PLACE "factors.policy"
#define FRESH_NS (10 * GROVE_SECOND) /* admitted so lately, it need not run yet */

struct promise {
    struct grove_name service; /* first: its name is the key */
    uint64_t memory_bytes, processor_ppm;
    uint64_t since_ns;
    struct promise *previous, *next;
    bool runs; /* found in the kernel by the latest look */
};

struct factors {
    uint64_t memory_ppm, processor_ppm;
};
/* As it is kept; without `against`, of a version that had none. */
struct order {
    struct factors factors;
    struct factors against; /* the configured ones then */
};

static struct {
    struct name_table by_name;
    struct promise *first;
    uint64_t memory_bytes, processor_ppm; /* promised */
    uint64_t machine_bytes;
    uint32_t processors, services;
    uint64_t refusals;
    struct factors configured, factors; /* factors: that count */
} admitted = {.configured = {WHOLE_PPM, WHOLE_PPM}, .factors = {WHOLE_PPM, WHOLE_PPM}};

/* ---- promises ---- */

static void forget(struct promise *promise) {
    (void)name_table_remove(&admitted.by_name, promise->service.text);
    if (promise->previous != NULL)
        promise->previous->next = promise->next;
    else
        admitted.first = promise->next;
    if (promise->next != NULL)
        promise->next->previous = promise->previous;
    admitted.memory_bytes -= promise->memory_bytes;
    admitted.processor_ppm -= promise->processor_ppm;
    admitted.services--;
    free(promise);
}

void admission_release(const char *service) {
    struct promise *promise = name_table_find(&admitted.by_name, service);
    if (promise != NULL)
        forget(promise);
}

static int promise_new(const char *service, const struct grove_budget *budget) {
    struct promise *promise = calloc(1, sizeof *promise);
    if (promise == NULL)
        return GROVE_NO_MEMORY;
    name_set(&promise->service, service);
    promise->memory_bytes = budget->memory_bytes;
    promise->processor_ppm = budget->processor_ppm;
    promise->since_ns = grove_now_ns();
    if (name_table_add(&admitted.by_name, promise->service.text, promise) < 0) {
        free(promise);
        return GROVE_NO_MEMORY;
    }
    promise->next = admitted.first;
    if (admitted.first != NULL)
        admitted.first->previous = promise;
    admitted.first = promise;
    admitted.memory_bytes += promise->memory_bytes;
    admitted.processor_ppm += promise->processor_ppm;
    admitted.services++;
    return 0;
}

int admission_keep(const char *service, const struct grove_budget *budget) {
    admission_release(service);
    return budget->memory_bytes == 0 && budget->processor_ppm == 0 ? 0 : promise_new(service, budget);
}

static bool holds_promise(const struct grove_container_record *record) {
    return record->ring < 3 && record->state != GROVE_CONTAINER_CREATED && record->state != GROVE_CONTAINER_STOPPED &&
           (record->budget.memory_bytes != 0 || record->budget.processor_ppm != 0);
}

typedef void visitor(const struct grove_container_record *record);

static int visit_running(const struct resource *resource, visitor *visit) {
    struct grove_container_record record;
    uint32_t cursor = 0;
    int status;
    while ((status = grove_container_next(resource->session, &cursor, &record)) == 0) {
        if (holds_promise(&record))
            visit(&record);
        if (cursor == 0)
            return 0;
    }
    return status == GROVE_NOT_FOUND ? 0 : status;
}

static void take_up(const struct grove_container_record *record) {
    if (admission_keep(record->name.text, &record->budget) < 0)
        (void)fprintf(stderr, "resource: no memory to remember what %s was promised\n", record->name.text);
}

static void mark_running(const struct grove_container_record *record) {
    struct promise *promise = name_table_find(&admitted.by_name, record->name.text);
    if (promise != NULL)
        promise->runs = true;
}

/* Drop the promises of those that do not run any more. */
static void look_again(const struct resource *resource) {
    uint64_t now_ns = grove_now_ns();
    for (struct promise *promise = admitted.first; promise != NULL; promise = promise->next)
        promise->runs = false;
    if (visit_running(resource, mark_running) < 0)
        return; /* what is not known is taken for running */
    for (struct promise *promise = admitted.first, *next; promise != NULL; promise = next) {
        next = promise->next;
        if (!promise->runs && now_ns - promise->since_ns > FRESH_NS)
            forget(promise);
    }
}

/* ---- the question ---- */

static uint64_t share(uint64_t whole, uint64_t factor_ppm) {
    return (uint64_t)((double)whole * ((double)factor_ppm / 1e6));
}

static uint64_t memory_total(void) {
    return share(admitted.machine_bytes, admitted.factors.memory_ppm);
}

static uint64_t processor_total(void) {
    return share(admitted.processors * WHOLE_PPM, admitted.factors.processor_ppm);
}

static bool is_too_much(uint64_t asked, uint64_t promised, uint64_t total) {
    return asked > 0 && (asked > total || promised > total - asked);
}

static bool fits(const struct grove_budget *budget) {
    return !is_too_much(budget->memory_bytes, admitted.memory_bytes, memory_total()) &&
           !is_too_much(budget->processor_ppm, admitted.processor_ppm, processor_total());
}

static void explain(const char *service, const struct grove_budget *budget, char *problem, size_t problem_bytes) {
    bool is_memory = is_too_much(budget->memory_bytes, admitted.memory_bytes, memory_total());
    double unit = is_memory ? (double)(1 << 20) : 1e4;
    (void)snprintf(
        problem, problem_bytes,
        "this machine may promise %.0f%s of %s, %.0f%s are promised to services that run, and %s asks for "
        "%.0f%s; lower 'resources: %s' of one, stop one, or allow more: grove resources --overcommit %s=200%%",
        (double)(is_memory ? memory_total() : processor_total()) / unit, is_memory ? " MiB" : "%",
        is_memory ? "memory" : "processor time",
        (double)(is_memory ? admitted.memory_bytes : admitted.processor_ppm) / unit, is_memory ? " MiB" : "%", service,
        (double)(is_memory ? budget->memory_bytes : budget->processor_ppm) / unit, is_memory ? " MiB" : "%",
        is_memory ? "memory" : "processor", is_memory ? "memory" : "processor");
}

int admission_ask(struct resource *resource, const char *service, const struct grove_budget *budget, char *problem,
                  size_t problem_bytes) {
    admission_release(service); /* what it was promised for an instance before */
    if (!fits(budget))
        look_again(resource);
    if (!fits(budget)) {
        admitted.refusals++;
        explain(service, budget, problem, problem_bytes);
        return GROVE_EXHAUSTED;
    }
    int status = admission_keep(service, budget);
    if (status < 0)
        (void)snprintf(problem, problem_bytes, "memory is exhausted");
    return status;
}

void admission_machine(struct grove_machine *machine) {
    *machine = (struct grove_machine){.version = GROVE_RESOURCE_VERSION,
                                      .processors = admitted.processors,
                                      .memory_bytes = admitted.machine_bytes,
                                      .memory_factor_ppm = admitted.factors.memory_ppm,
                                      .processor_factor_ppm = admitted.factors.processor_ppm,
                                      .memory_promised = admitted.memory_bytes,
                                      .processor_promised = admitted.processor_ppm,
                                      .services = admitted.services,
                                      .cases = cases_count(),
                                      .refusals = admitted.refusals};
}

/* ---- factors ---- */

static bool factor_is_valid(uint64_t factor_ppm) {
    return factor_ppm >= FACTOR_LEAST_PPM && factor_ppm <= FACTOR_MOST_PPM;
}

static const char *order_fault(const struct file_header *header, const void *body) {
    const struct order *order = body;
    bool is_sized = header->body_bytes == sizeof *order || header->body_bytes == sizeof order->factors;
    return is_sized && factor_is_valid(order->factors.memory_ppm) && factor_is_valid(order->factors.processor_ppm)
               ? NULL
               : "it holds no factors";
}

static bool are_same(const struct factors *a, const struct factors *b) {
    return a->memory_ppm == b->memory_ppm && a->processor_ppm == b->processor_ppm;
}

static int take_order(void *context, const struct file_header *header, const void *body) {
    struct order order = {.against = {WHOLE_PPM, WHOLE_PPM}}; /* as it was before there was a choice */
    (void)context;
    memcpy(&order, body, header->body_bytes);
    if (are_same(&order.against, &admitted.configured))
        admitted.factors = order.factors;
    return 0;
}

static const struct file_kind order_kind = {.suffix = ".policy",
                                            .magic = FACTORS_MAGIC,
                                            .body_min = sizeof(struct factors),
                                            .fault_of = order_fault,
                                            .take = take_order};

int admission_factor(struct resource *resource, uint32_t resource_number, uint64_t factor_ppm) {
    struct order order = {.factors = admitted.factors, .against = admitted.configured};
    if (!factor_is_valid(factor_ppm))
        return GROVE_INVALID;
    if (resource_number == GROVE_RESOURCE_MEMORY)
        order.factors.memory_ppm = factor_ppm;
    else if (resource_number == GROVE_RESOURCE_PROCESSOR)
        order.factors.processor_ppm = factor_ppm;
    else
        return GROVE_INVALID;
    int status = file_prepare(resource->folder, FACTORS_PLACE, FACTORS_MAGIC, 0, &order, sizeof order);
    if (status == 0)
        status = file_commit(resource->folder, FACTORS_PLACE);
    if (status == 0 && fsync(resource->folder) < 0)
        status = file_status(errno);
    if (status == 0)
        admitted.factors = order.factors;
    return status;
}

static struct factors configured_by(const struct resource *resource) {
    return (struct factors){.memory_ppm = (uint64_t)(resource->overcommit_memory * 1e6 + 0.5),
                            .processor_ppm = (uint64_t)(resource->overcommit_processor * 1e6 + 0.5)};
}

void admission_configured(struct resource *resource) {
    struct factors configured = configured_by(resource);
    if (are_same(&configured, &admitted.configured))
        return;
    admitted.configured = admitted.factors = configured;
    (void)unlinkat(resource->folder, FACTORS_PLACE,
                   0); /* an order that stays stands against other ones, and does not count */
}

int admission_open(struct resource *resource) {
    struct sysinfo facts;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (sysinfo(&facts) == 0)
        admitted.machine_bytes = (uint64_t)facts.totalram * facts.mem_unit;
    admitted.processors = processors > 0 ? (uint32_t)processors : 1;
    admitted.configured = admitted.factors = configured_by(resource);
    int status = file_each(resource->folder, &order_kind, NULL);
    return status < 0 ? status : visit_running(resource, take_up);
}
