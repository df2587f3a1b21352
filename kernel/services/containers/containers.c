/* Setting up, the lock, and the thread that does what no program asks for: see containers.h. */
#include "kernel/services/containers/inside.h"
#include "kernel/services/containers/kernel_port.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/kinds.h"

#include <string.h>

#define OBJECTS_DEFAULT 8192u

struct containers containers;

/* ---- what the other files stand on ---- */

void *containers_take(size_t size_bytes) {
    void *memory = machine_take(containers_machine(), size_bytes);
    if (memory != NULL)
        memset(memory, 0, size_bytes);
    return memory;
}

void containers_give_back(void *memory, size_t size_bytes) {
    machine_give_back(containers_machine(), memory, size_bytes);
}

int containers_status(int error) {
    switch (-error) {
    case 0:
        return GROVE_OK;
    case LINUX_EMFILE:
    case LINUX_ENFILE:
        return GROVE_NO_DESCRIPTORS;
    case LINUX_ENOMEM:
    case LINUX_EAGAIN:
    case LINUX_ENOSPC:
        return GROVE_NO_MEMORY;
    case LINUX_EFBIG:
    case LINUX_EOVERFLOW:
        return GROVE_TOO_LARGE;
    case LINUX_EPERM:
        return GROVE_DENIED;
    case LINUX_EBUSY:
        return GROVE_EXHAUSTED;
    case LINUX_EINVAL:
        return GROVE_INVALID;
    default:
        return GROVE_IO;
    }
}

void containers_lock(void) {
    sleep_lock_take(&containers.lock, containers_machine());
}

void containers_unlock(void) {
    uint64_t next_ns = containers.core != NULL ? core_next_deadline(containers.core) : UINT64_MAX;
    next_ns = containers.retry_ns != 0 && containers.retry_ns < next_ns ? containers.retry_ns : next_ns;
    next_ns = containers.look_ns != 0 && containers.look_ns < next_ns ? containers.look_ns : next_ns;
    bool must_call = next_ns < containers.sleeps_until_ns;
    if (must_call)
        containers.sleeps_until_ns = 0;
    sleep_lock_give_up(&containers.lock, containers_machine());
    if (must_call)
        news_call(&containers.news, containers_machine());
}

/* ---- setting up ---- */

/* What fits a machine of some hundred megabytes; all of it is taken when the kernel starts. */
static struct core_limits complete(const struct core_limits *limits) {
    static const struct core_limits defaults = {.containers = 1024,
                                                .endpoints = 2048,
                                                .channels = 2048,
                                                .regions = 1024,
                                                .projects = 256,
                                                .capabilities = 16384,
                                                .text_bytes = 1u << 20,
                                                .spec_bytes = 4u << 20,
                                                .pending = 1024,
                                                .audit = 1024};
    struct core_limits all = *limits;
#define COMPLETE(limit) all.limit = all.limit != 0 ? all.limit : defaults.limit
    COMPLETE(containers);
    COMPLETE(endpoints);
    COMPLETE(channels);
    COMPLETE(regions);
    COMPLETE(projects);
    COMPLETE(capabilities);
    COMPLETE(text_bytes);
    COMPLETE(spec_bytes);
    COMPLETE(pending);
    COMPLETE(audit);
#undef COMPLETE
    return all;
}

static int make_tables(const struct core_limits *limits, uint32_t objects) {
    containers.record_max = limits->containers;
    containers.project_max = limits->projects;
    containers.records = containers_take(containers.record_max * sizeof(*containers.records));
    containers.ports = containers_take(containers.record_max * sizeof(struct kernel_port *));
    containers.projects = containers_take(containers.project_max * sizeof(*containers.projects));
    if (containers.records == NULL || containers.ports == NULL || containers.projects == NULL)
        return -LINUX_ENOMEM;
    return objects_init(&containers.objects, containers_machine(), objects != 0 ? objects : OBJECTS_DEFAULT);
}

static int make_core(const struct core_limits *limits) {
    uint64_t boot_id;
    containers.core_bytes = core_bytes(limits);
    containers.core_memory = containers_take(containers.core_bytes);
    if (containers.core_memory == NULL)
        return -LINUX_ENOMEM;
    machine_random(&boot_id, sizeof(boot_id));
    return core_create(containers.core_memory, limits, boot_id, 1, &containers.core) == GROVE_OK ? 0 : -LINUX_ENOMEM;
}

/* Whoever has the processes adds this kind; which of them are shown depends on who looks. */
static int find_processes(void) {
    int status = file_system_make(containers.vfs, "proc", "", &containers.processes);
    return status == -LINUX_ENODEV ? 0 : status;
}

int containers_init(const struct containers_plan *plan) {
    struct core_limits limits = complete(&plan->limits);
    containers = (struct containers){.vfs = plan->vfs,
                                     .sockets = plan->sockets,
                                     .host = plan->host,
                                     .caller = plan->caller,
                                     .machine = plan->machine};
    news_init(&containers.news);
    list_init(&containers.looking);
    for (uint32_t i = 0; i < PAGE_BUCKETS; i++)
        list_init(&containers.pages[i]);
    vfs_lock(containers.vfs);
    path_ref(&containers.caller.root);
    path_ref(&containers.caller.folder);
    vfs_unlock(containers.vfs);
    int status = make_tables(&limits, plan->objects);
    if (status == 0)
        status = view_make_devices(&containers.devices);
    if (status == 0)
        status = find_processes();
    if (status == 0)
        status = make_core(&limits);
    if (status != 0)
        containers_deinit();
    return status;
}

static struct news *next_news(uint32_t *bits) {
    spinlock_lock(&containers.news.lock);
    struct news *news = news_take(&containers.news, bits);
    spinlock_unlock(&containers.news.lock);
    return news;
}

/* What nobody will be told any more. */
static void drop_news(void) {
    struct news *news;
    uint32_t bits;
    while ((news = next_news(&bits)) != NULL)
        if (news->kind == NEWS_OF_PORT)
            kernel_port_drop_news(kernel_port_of(news));
}

static void give_back_table(void *table, size_t size_bytes) {
    if (table != NULL)
        containers_give_back(table, size_bytes);
}

void containers_deinit(void) {
    for (machine_container i = 0; containers.core != NULL && i < containers.record_max; i++)
        machine_container_destroy(i);
    drop_news();
    for (machine_project i = containers.project_max; containers.core != NULL && i > 0; i--)
        machine_project_destroy(i - 1);
    memory_forget_pages();
    if (containers.objects.entries != NULL)
        objects_deinit(&containers.objects, containers_machine());
    give_back_table(containers.core_memory, containers.core_bytes);
    give_back_table(containers.records, containers.record_max * sizeof(*containers.records));
    give_back_table(containers.ports, containers.record_max * sizeof(struct kernel_port *));
    give_back_table(containers.projects, containers.project_max * sizeof(*containers.projects));
    vfs_lock(containers.vfs);
    if (containers.devices != NULL)
        file_system_unref(containers.devices);
    if (containers.processes != NULL)
        file_system_unref(containers.processes);
    path_unref(&containers.caller.root);
    path_unref(&containers.caller.folder);
    vfs_unlock(containers.vfs);
    containers = (struct containers){.vfs = NULL};
}

/* ---- the thread ---- */

/* All that was noted until now: at most one of each instance and port. */
static void deliver(void) {
    struct news *news;
    uint32_t bits;
    while ((news = next_news(&bits)) != NULL) {
        if (news->kind == NEWS_OF_PORT)
            kernel_port_deliver(kernel_port_of(news), bits);
        else if (news->kind == NEWS_OF_LIMITS)
            warnings_deliver(list_item(news, struct warnings, news));
        else
            life_deliver(list_item(list_item(news, struct instance, news), struct container_record, instance), bits);
    }
}

static void retry(void) {
    if (containers.retry_ns == 0 || machine_clock_ns() < containers.retry_ns)
        return;
    containers.retry_ns = 0;
    kernel_port_retry();
}

bool containers_turn(uint64_t *until_ns) {
    containers_lock();
    containers.sleeps_until_ns = 0;
    deliver();
    retry();
    warnings_look();
    bool is_more = core_work(containers.core);
    *until_ns = is_more ? 0 : core_next_deadline(containers.core);
    if (containers.retry_ns != 0 && containers.retry_ns < *until_ns)
        *until_ns = containers.retry_ns;
    if (containers.look_ns != 0 && containers.look_ns < *until_ns)
        *until_ns = containers.look_ns;
    if (!core_is_down(containers.core))
        containers.sleeps_until_ns = *until_ns;
    sleep_lock_give_up(&containers.lock, containers_machine());
    return is_more;
}

bool containers_are_down(void) {
    containers_lock();
    bool is_down = core_is_down(containers.core);
    containers_unlock();
    return is_down;
}

void containers_run(void) {
    uint64_t until_ns = 0;
    while (!containers_are_down()) {
        bool is_more = containers_turn(&until_ns);
        if (!is_more && !containers_are_down()) /* after the last there is no more news to wake for */
            news_wait(&containers.news, containers_machine(), until_ns);
    }
}

void containers_shut_down(uint64_t deadline_ns) {
    containers_lock();
    core_shut_down(containers.core, deadline_ns);
    containers_unlock();
}

/* ---- shells ---- */

static uint32_t all_capabilities(struct grove_capability *capabilities) {
    uint32_t count = 0;
#define SHELL_CAPABILITY(name, number, argument, text) \
    capabilities[count++] = \
        (struct grove_capability){.kind = (number), .rights = GROVE_RIGHTS_ALL | GROVE_RIGHT_EXTERNAL};
    GROVE_CAPABILITY_TABLE(SHELL_CAPABILITY)
#undef SHELL_CAPABILITY
    return count;
}

/*
 * INIT goes out in a later step of the core's work, and who asks something before that gets no answer. Its piece of work waits in
 * line with the others, of which there are as many as objects that are being taken apart.
 */
static void greet(machine_container container) {
    while (kernel_port_is_silent(container) && core_work(containers.core))
        continue;
}

static int open_client(const char *name, uint32_t user, uint32_t process, struct grove_capability *capabilities,
                       struct open_file **port) {
    machine_container container;
    int status = core_client_create(containers.core, name, user, process, capabilities, all_capabilities(capabilities),
                                    &container);
    if (status < 0)
        return -LINUX_EAGAIN;
    if (kernel_port_open(container, true, port) == GROVE_OK) {
        greet(container);
        return 0;
    }
    core_port_closed(containers.core, container);
    return -LINUX_ENOMEM;
}

int containers_connect(const char *name, uint32_t user, uint32_t process, struct open_file **port) {
    size_t size_bytes = (size_t)GROVE_CAP_KIND_COUNT * sizeof(struct grove_capability);
    struct grove_capability *capabilities = containers_take(size_bytes);
    if (capabilities == NULL)
        return -LINUX_ENOMEM;
    containers_lock();
    int status = open_client(name, user, process, capabilities, port);
    containers_unlock();
    containers_give_back(capabilities, size_bytes);
    return status;
}
