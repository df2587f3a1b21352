/*
 * The life of an instance after its start, as the kernel sees it.
 *
 *     the host tells       the core hears
 *     runs                 started
 *     failed               started, with the error of loading the program
 *     frozen               frozen
 *     (notify.h) ready     ready
 *     ended                exited; of one that was killed before it ran: started, with a failure
 *
 * Of one instance the core hears exactly one of "started with a failure" and "started, later exited". What is told comes in
 * any context and is noted; what is delivered together is delivered in this order.
 */
#include "kernel/services/containers/inside.h"
#include "kernel/services/containers/kernel_port.h"
#include "kernel/services/containers/notify.h"
#include "kernel/services/vfs/errors.h"

#define SIGNAL_KILL 9

/* ---- what the host tells ---- */

static void note(struct instance *instance, uint32_t bits) {
    news_add(&containers.news, containers_machine(), &instance->news, bits);
    spinlock_unlock(&containers.news.lock);
}

void instance_runs(struct instance *instance) {
    spinlock_lock(&containers.news.lock);
    note(instance, NEWS_RUNS);
}

void instance_frozen(struct instance *instance) {
    spinlock_lock(&containers.news.lock);
    note(instance, NEWS_FROZEN);
}

static int status_of_failure(enum grove_layer layer, int32_t error) {
    if (layer != GROVE_LAYER_EXECUTE)
        return GROVE_LAYER_MISSING;
    return error == LINUX_ENOENT ? GROVE_NOT_FOUND : GROVE_IO;
}

void instance_failed(struct instance *instance, enum grove_layer layer, int32_t error) {
    spinlock_lock(&containers.news.lock);
    instance->error = error;
    instance->failed_layer = layer;
    instance->failed_status = status_of_failure(layer, error);
    note(instance, NEWS_FAILED);
}

void instance_ended(struct instance *instance, const struct instance_end *end) {
    spinlock_lock(&containers.news.lock);
    instance->end = *end;
    note(instance, NEWS_ENDED);
}

void life_fail_later(struct container_record *record, enum grove_layer layer, int status, int32_t error) {
    struct instance *instance = &record->instance;
    spinlock_lock(&containers.news.lock);
    instance->error = error;
    instance->failed_layer = layer;
    instance->failed_status = status;
    note(instance, NEWS_FAILED);
}

/* ---- what the core hears ---- */

struct ending {
    enum grove_exit_cause cause;
    int32_t detail;
};

/* Whose limit was in the way: the nearest that refused something. */
static enum grove_memory_limit limit_of(const struct container_record *record) {
    const struct memory_account *account = &record->allowance->memory;
    if (__atomic_load_n(&account->refusals, __ATOMIC_RELAXED) > 0)
        return GROVE_MEMORY_OF_CONTAINER;
    for (account = account->parent; account != NULL; account = account->parent)
        if (__atomic_load_n(&account->refusals, __ATOMIC_RELAXED) > 0)
            return GROVE_MEMORY_OF_PROJECT;
    return GROVE_MEMORY_OF_MACHINE;
}

static struct ending ending_of(const struct container_record *record) {
    const struct instance_end *end = &record->instance.end;
    if (end->is_signal && end->value == SIGNAL_KILL && record->is_killed)
        return (struct ending){GROVE_EXIT_KILLED, 0};
    if (end->lacked_memory)
        return (struct ending){GROVE_EXIT_MEMORY, (int32_t)limit_of(record)};
    return (struct ending){end->is_signal ? GROVE_EXIT_SIGNAL : GROVE_EXIT_CODE, end->value};
}

static void tell_failed(struct container_record *record) {
    struct instance failed = record->instance;
    life_close(record);
    core_container_started(containers.core, record->index, failed.failed_status, failed.failed_layer, failed.error);
}

static void tell_ended(struct container_record *record) {
    bool had_started = record->phase == RECORD_RUNNING;
    bool was_killed = record->is_killed;
    struct ending ending = ending_of(record);
    life_close(record);
    if (had_started)
        core_container_exited(containers.core, record->index, ending.cause, ending.detail);
    else
        core_container_started(containers.core, record->index, was_killed ? GROVE_CANCELLED : GROVE_IO,
                               GROVE_LAYER_NONE, 0);
}

/* The core may start the container again, or forget it, in the call that is the last of each. */
void life_deliver(struct container_record *record, uint32_t bits) {
    bool is_over = (bits & (NEWS_FAILED | NEWS_ENDED)) != 0;
    if ((bits & NEWS_RUNS) != 0 && record->phase == RECORD_STARTING) {
        record->phase = RECORD_RUNNING;
        core_container_started(containers.core, record->index, GROVE_OK, GROVE_LAYER_NONE, 0);
        warnings_begin(&record->warnings);
    }
    if ((bits & NEWS_READY) != 0 && !is_over && record->phase == RECORD_RUNNING)
        core_container_ready(containers.core, record->index);
    if ((bits & NEWS_FROZEN) != 0 && !is_over && record->phase == RECORD_RUNNING)
        core_container_frozen(containers.core, record->index);
    if (record->phase == RECORD_IDLE || !is_over)
        return;
    if ((bits & NEWS_FAILED) != 0)
        tell_failed(record);
    else
        tell_ended(record);
}

void life_close(struct container_record *record) {
    if (record->program != NULL)
        containers.host->programs.forget(containers.host->context, record->program);
    record->program = NULL;
    notify_close(record);
    if (record->spec != NULL && (record->spec->flags & GROVE_SPEC_NATIVE) != 0)
        kernel_port_close(record->index);
    if (record->has_view)
        view_deinit(&record->view);
    record->has_view = false;
    record->phase = RECORD_IDLE;
}
