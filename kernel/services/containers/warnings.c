/* Warnings before a limit: see warnings.h. */
#include "kernel/services/containers/warnings.h"

#include "kernel/services/containers/inside.h"

#define WARNING_REST_NS UINT64_C(1000000000) /* between two of one kind */
#define CALM_NS UINT64_C(30000000000)
#define ARM_REST_NS UINT64_C(100000000) /* before what told is heard again */
#define AGAIN_FIRST_NS UINT64_C(1000000000)
#define AGAIN_LAST_NS UINT64_C(600000000000)
#define WAITED_LEAST_NS UINT64_C(100000000)

/* ---- when there is something to tell ---- */

static bool warn(struct warning_spot *spot, uint64_t now_ns) {
    if (spot->warned_ns != 0 && now_ns - spot->warned_ns < WARNING_REST_NS)
        return false;
    spot->is_over = true;
    spot->warned_ns = now_ns;
    return true;
}

static bool is_level_reached(struct warning_spot *spot, uint64_t now_ns, uint64_t used, uint64_t limit) {
    if (used < limit - limit / 5)
        spot->is_over = false;
    return !spot->is_over && used >= limit - limit / 10 && warn(spot, now_ns);
}

/* Did at least so many events come since the last look that they count? */
static bool have_events_come(struct warning_spot *spot, uint64_t now_ns, uint64_t events, uint64_t least) {
    if (events - spot->counted < least)
        return false;
    bool was_calm = spot->event_ns == 0 || now_ns - spot->event_ns >= CALM_NS;
    spot->counted = events;
    spot->event_ns = now_ns;
    return (!spot->is_over || was_calm) && warn(spot, now_ns);
}

/* ---- telling the core ---- */

static void tell(const struct warnings *warnings, enum grove_resource resource, uint64_t used, uint64_t limit) {
    const struct container_record *record = warnings->of_project ? NULL : record_find(warnings->index);
    if (warnings->of_project)
        core_project_over_budget(containers.core, warnings->index, resource, used, limit);
    else if (record != NULL && record->phase == RECORD_RUNNING)
        core_container_over_budget(containers.core, warnings->index, resource, used, limit);
}

static void look_at_memory(struct warnings *warnings, uint64_t now_ns) {
    uint64_t limit = warnings->budget.memory_bytes;
    uint64_t used = __atomic_load_n(&warnings->allowance->memory.used, __ATOMIC_RELAXED) * VFS_PAGE_BYTES;
    bool was_over = warnings->memory.is_over;
    if (limit == 0)
        return;
    if (is_level_reached(&warnings->memory, now_ns, used, limit))
        tell(warnings, GROVE_RESOURCE_MEMORY, used, limit);
    if (!warnings->memory.is_over || !was_over)
        warnings->again_ns = AGAIN_FIRST_NS;
}

static void look_at_processes(struct warnings *warnings, uint64_t now_ns) {
    uint64_t limit = warnings->budget.processes;
    uint64_t refusals = __atomic_load_n(&warnings->allowance->processes.refusals, __ATOMIC_RELAXED);
    if (limit != 0 && have_events_come(&warnings->processes, now_ns, refusals, 1))
        tell(warnings, GROVE_RESOURCE_PROCESSES, limit, limit);
}

static void look_at_processor(struct warnings *warnings, uint64_t now_ns) {
    uint64_t limit = warnings->budget.processor_ppm;
    uint64_t waited_ns = __atomic_load_n(&warnings->allowance->group.waited_ns, __ATOMIC_RELAXED);
    if (limit != 0 && have_events_come(&warnings->processor, now_ns, waited_ns, WAITED_LEAST_NS))
        tell(warnings, GROVE_RESOURCE_PROCESSOR, limit, limit);
}

/* The core hears of no limit before it has heard that the container runs: what happens until then is told afterwards. */
static bool is_starting(const struct warnings *warnings) {
    const struct container_record *record = warnings->of_project ? NULL : record_find(warnings->index);
    return record != NULL && record->phase == RECORD_STARTING;
}

static void look(struct warnings *warnings, uint64_t now_ns) {
    if (is_starting(warnings))
        return;
    look_at_memory(warnings, now_ns);
    look_at_processes(warnings, now_ns);
    look_at_processor(warnings, now_ns);
}

/* ---- arming ---- */

/* In any context in which a charge is made: only the lock of news is taken. */
static void note(struct allowance *allowance) {
    spinlock_lock(&containers.news.lock);
    if (allowance->warnings != NULL)
        news_add(&containers.news, containers_machine(), &allowance->warnings->news, NEWS_LIMIT);
    spinlock_unlock(&containers.news.lock);
}

static void memory_passed(struct memory_account *account) {
    note(list_item(account, struct allowance, memory));
}

static void process_refused(struct memory_account *account) {
    note(list_item(account, struct allowance, processes));
}

static void group_waited(struct sched_group *group) {
    note(list_item(group, struct allowance, group));
}

/* Memory that is near its limit is looked at by time. */
static void arm(struct warnings *warnings) {
    struct allowance *allowance = warnings->allowance;
    uint64_t pages = warnings->budget.memory_bytes / VFS_PAGE_BYTES;
    if (warnings->budget.memory_bytes != 0 && !warnings->memory.is_over)
        memory_account_arm(&allowance->memory, pages - pages / 10);
    if (warnings->budget.processes != 0)
        memory_account_arm(&allowance->processes, MEMORY_UNLIMITED);
    if (warnings->budget.processor_ppm != 0)
        __atomic_store_n(&allowance->group.is_armed, true, __ATOMIC_RELEASE);
}

static void disarm(struct allowance *allowance) {
    memory_account_disarm(&allowance->memory);
    memory_account_disarm(&allowance->processes);
    __atomic_store_n(&allowance->group.is_armed, false, __ATOMIC_RELEASE);
}

/* ---- looking again ---- */

static void look_until(struct warnings *warnings, uint64_t when_ns) {
    warnings->look_ns = when_ns;
    if (containers.look_ns == 0 || when_ns < containers.look_ns)
        containers.look_ns = when_ns;
    if (!list_is_linked(&warnings->looking))
        list_append(&containers.looking, &warnings->looking);
}

static void stop_looking(struct warnings *warnings) {
    warnings->look_ns = 0;
    if (list_is_linked(&warnings->looking))
        list_remove(&warnings->looking);
}

void warnings_deliver(struct warnings *warnings) {
    uint64_t now_ns = machine_clock_ns();
    if (warnings->allowance == NULL)
        return;
    look(warnings, now_ns);
    look_until(warnings, now_ns + ARM_REST_NS);
}

void warnings_begin(struct warnings *warnings) {
    if (warnings->allowance != NULL)
        look(warnings, machine_clock_ns());
}

/* What came meanwhile is seen here, or told by what is armed now. */
static void look_when_due(struct warnings *warnings, uint64_t now_ns) {
    arm(warnings);
    look(warnings, now_ns);
    if (!warnings->memory.is_over || warnings->budget.memory_bytes == 0) {
        stop_looking(warnings);
        arm(warnings);
        return;
    }
    look_until(warnings, now_ns + warnings->again_ns);
    warnings->again_ns = warnings->again_ns * 2 < AGAIN_LAST_NS ? warnings->again_ns * 2 : AGAIN_LAST_NS;
}

void warnings_look(void) {
    uint64_t now_ns = machine_clock_ns(), next_ns = 0;
    struct list *next;
    if (containers.look_ns == 0 || containers.look_ns > now_ns)
        return;
    for (struct list *link = containers.looking.next; link != &containers.looking; link = next) {
        struct warnings *warnings = list_item(link, struct warnings, looking);
        next = link->next;
        if (warnings->look_ns <= now_ns)
            look_when_due(warnings, now_ns);
        if (warnings->look_ns != 0 && (next_ns == 0 || warnings->look_ns < next_ns))
            next_ns = warnings->look_ns;
    }
    containers.look_ns = next_ns;
}

/* ---- what is watched ---- */

void warnings_init(struct warnings *warnings, bool of_project, uint32_t index) {
    *warnings = (struct warnings){
        .news.kind = NEWS_OF_LIMITS, .again_ns = AGAIN_FIRST_NS, .of_project = of_project, .index = index};
}

static void attach(struct warnings *warnings, struct allowance *allowance) {
    allowance->memory.passed = memory_passed;
    allowance->processes.passed = process_refused;
    allowance->group.waited = group_waited;
    spinlock_lock(&containers.news.lock);
    allowance->warnings = warnings;
    spinlock_unlock(&containers.news.lock);
    warnings->allowance = allowance;
    warnings->processes.counted = __atomic_load_n(&allowance->processes.refusals, __ATOMIC_RELAXED);
    warnings->processor.counted = __atomic_load_n(&allowance->group.waited_ns, __ATOMIC_RELAXED);
}

void warnings_set(struct warnings *warnings, struct allowance *allowance, const struct grove_budget *budget) {
    if (warnings->allowance != allowance)
        attach(warnings, allowance);
    disarm(allowance);
    warnings->budget = *budget;
    warnings->memory.is_over = false;
    arm(warnings);
    /* What is used may be near a new limit already, which no charge need tell. Not now: a request is being carried out. */
    if (budget->memory_bytes != 0)
        look_until(warnings, machine_clock_ns());
}

/* Is this limit a project's around it? 0 is none. */
static bool is_shared(const struct container_record *record, uint64_t limit, size_t offset) {
    machine_project at = record->project;
    for (uint32_t i = 0; i < SCHED_GROUPS_DEEP && at < containers.project_max && containers.projects[at] != NULL; i++) {
        uint64_t of_project;
        __builtin_memcpy(&of_project, (const uint8_t *)&containers.projects[at]->budget + offset, sizeof(of_project));
        if (of_project == limit)
            return true;
        at = containers.projects[at]->parent;
    }
    return false;
}

void warnings_watch(struct container_record *record) {
    struct grove_budget watched = record->budget;
    if (is_shared(record, watched.memory_bytes, offsetof(struct grove_budget, memory_bytes)))
        watched.memory_bytes = 0;
    if (is_shared(record, watched.processor_ppm, offsetof(struct grove_budget, processor_ppm)))
        watched.processor_ppm = 0;
    warnings_set(&record->warnings, record->allowance, &watched);
}

void warnings_end(struct warnings *warnings) {
    struct allowance *allowance = warnings->allowance;
    stop_looking(warnings);
    if (allowance == NULL)
        return;
    disarm(allowance);
    spinlock_lock(&containers.news.lock);
    allowance->warnings = NULL;
    spinlock_unlock(&containers.news.lock);
    (void)news_take_off(&containers.news, &warnings->news);
    warnings->allowance = NULL;
}
