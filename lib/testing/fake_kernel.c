/*
 * The kernel for tests: containers, requests, and the thread that reads all ports. One lock guards everything. Failures
 * abort: it is the test's ground.
 */
#include "lib/testing/fake_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void fake_must(bool condition, const char *text, const char *file, int line) {
    if (condition)
        return;
    fprintf(stderr, "%s:%d: %s does not hold: %s\n", file, line, text, strerror(errno));
    abort();
}

int fake_memory(uint64_t size_bytes) {
    int memory = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    must(memory >= 0);
    must(ftruncate(memory, (off_t)size_bytes) == 0);
    must(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
    return memory;
}

static struct grove_name make_name(const char *text) {
    struct grove_name name = {0};
    snprintf(name.text, sizeof name.text, "%s%s", strchr(text, '.') != NULL ? "" : "test.", text);
    return name;
}

/* ---- saying ---- */

static void say(struct container *container, const void *packet, size_t size_bytes, const int *objects,
                unsigned count) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)packet, .iov_len = size_bytes};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (container->port < 0)
        return;
    if (count > 0) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *attached = CMSG_FIRSTHDR(&header);
        attached->cmsg_level = SOL_SOCKET;
        attached->cmsg_type = SCM_RIGHTS;
        attached->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(attached), objects, count * sizeof(int));
    }
    if (sendmsg(container->port, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return; /* the program is gone */
    container->page->woken_through = container->waker != NULL ? fake_channel_id(container->waker) : 0;
    __atomic_add_fetch(&container->page->notices, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &container->page->notices, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    if (container->waker != NULL)
        fake_channel_wake(container->waker);
}

void fake_say(struct container *container, struct grove_message *message, const int *objects, unsigned count) {
    message->version = GROVE_PORT_VERSION;
    message->objects = (uint16_t)count;
    say(container, message, sizeof *message, objects, count);
}

void fake_reply(struct container *container, const struct grove_message *request, int status,
                struct grove_message *body, const int *objects, unsigned count) {
    if (request->sequence == 0)
        return;
    body->operation = request->operation;
    body->sequence = request->sequence;
    body->status = status;
    fake_say(container, body, objects, count);
}

/* ---- requests ---- */

static void give_memory(struct container *container, const struct grove_message *request, uint64_t size_bytes) {
    struct grove_message body = {.body.region = {.region = 500, .id = 500, .size_bytes = size_bytes}};
    bool is_state = request->operation == GROVE_REQUEST_STATE_REGION;
    bool is_known = is_state && container->state_memory >= 0;
    int memory = is_known ? container->state_memory : fake_memory(size_bytes);
    if (is_state)
        container->state_memory = memory;
    body.body.region.tag = is_known;
    fake_reply(container, request, 0, &body, &memory, 1);
    if (!is_state)
        close(memory);
}

static void refuse(struct container *container, const struct grove_message *request) {
    struct grove_message body = {.body.refused = {.who = container->name}};
    body.body.refused.missing = (struct grove_capability){.kind = GROVE_CAP_FS_READ};
    body.body.refused.missing.argument.kind = GROVE_ARGUMENT_PATH;
    body.body.refused.missing.argument.length_bytes = 5;
    memcpy(body.body.refused.missing.argument.value.text, "/data", 5);
    fake_reply(container, request, GROVE_DENIED, &body, NULL, 0);
}

static void check_client(struct fake_kernel *kernel, int index, const struct grove_message *request) {
    struct container *container = &kernel->containers[index];
    struct grove_message body = {0};
    int client = fake_channel_client(kernel, index, request->body.check.channel);
    if (client < 0 || kernel->containers[client].is_destroyed) {
        fake_reply(container, request, client < 0 ? GROVE_STALE_HANDLE : GROVE_CLOSED, &body, NULL, 0);
        return;
    }
    if (kernel->containers[client].is_poor) {
        body.body.refused = (struct grove_refused){request->body.check.capability, kernel->containers[client].name};
        fake_reply(container, request, GROVE_DENIED, &body, NULL, 0);
        return;
    }
    if (container->page->rights_epoch == 0)
        __atomic_store_n(&container->page->rights_epoch, 1, __ATOMIC_RELEASE);
    body.body.checked.rights_epoch = container->page->rights_epoch;
    fake_reply(container, request, 0, &body, NULL, 0);
}

static void handle(struct fake_kernel *kernel, int index, const struct grove_message *request) {
    struct container *container = &kernel->containers[index];
    struct grove_message body = {0};
    if (request->operation < GROVE_REQUEST_END)
        container->requests[request->operation]++;
    switch (request->operation) {
    case GROVE_REQUEST_CHANNEL_CONNECT:
        fake_channel_connect(kernel, index, request);
        break;
    case GROVE_REQUEST_CHANNEL_ATTACHED:
    case GROVE_REQUEST_CHANNEL_CLOSE:
        fake_channel_request(kernel, index, request);
        break;
    case GROVE_REQUEST_STATE_REPORT:
        container->reports[request->body.report.report % REPORTS_MAX]++;
        container->report_values[request->body.report.report % REPORTS_MAX] = request->body.report.value;
        fake_reply(container, request, 0, &body, NULL, 0);
        break;
    case GROVE_REQUEST_REGION_CREATE:
    case GROVE_REQUEST_STATE_REGION:
        give_memory(container, request, request->body.region_create.size_bytes);
        break;
    case GROVE_REQUEST_CAPABILITY_CHECK:
        check_client(kernel, index, request);
        break;
    case GROVE_REQUEST_CAPABILITY_DERIVE:
        refuse(container, request);
        break;
    case GROVE_REQUEST_CAPABILITY_READ: /* never answered: for tests of the deadline */
        break;
    default:
        fake_reply(container, request, 0, &body, NULL, 0);
        break;
    }
    pthread_cond_broadcast(&kernel->changed);
}

/* ---- instances ---- */

static void end_instance(struct fake_kernel *kernel, int index) {
    struct container *container = &kernel->containers[index];
    close(container->port);
    container->port = -1;
    container->is_running = false;
    fake_channels_end(kernel, index);
    pthread_cond_broadcast(&kernel->changed);
}

static int begin_instance(struct fake_kernel *kernel, int index) {
    struct container *container = &kernel->containers[index];
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    int size_bytes = 1 << 20;
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size_bytes, sizeof size_bytes);
    container->port = ends[0];
    container->is_running = true;
    container->generation++;
    container->page->generation = container->generation;
    struct grove_message notice = {.operation = GROVE_NOTICE_INIT};
    notice.body.init =
        (struct grove_notice_init){.reason = container->generation == 1 ? GROVE_START_FRESH : GROVE_START_RESTARTED,
                                   .ring = container->ring,
                                   .id = 1000 + (unsigned)index,
                                   .name = container->name,
                                   .project = {"test"},
                                   .generation = container->generation};
    fake_say(container, &notice, &container->page_memory, 1);
    fake_channels_begin(kernel, index);
    char byte = 0;
    must(write(kernel->wake[1], &byte, 1) == 1);
    return ends[1];
}

/* ---- the thread ---- */

static void read_port(struct fake_kernel *kernel, int index) {
    struct grove_message message;
    struct iovec part = {.iov_base = &message, .iov_len = sizeof message};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t size = recvmsg(kernel->containers[index].port, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        end_instance(kernel, index);
        return;
    }
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&header); at != NULL; at = CMSG_NXTHDR(&header, at))
        for (size_t i = 0; i < (at->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int object;
            memcpy(&object, CMSG_DATA(at) + i * sizeof(int), sizeof object);
            close(object);
        }
    must(size == (ssize_t)sizeof message && message.version == GROVE_PORT_VERSION);
    handle(kernel, index, &message);
}

static void *run(void *context) {
    struct fake_kernel *kernel = context;
    for (;;) {
        struct pollfd watched[CONTAINERS_MAX + 1] = {{.fd = kernel->wake[0], .events = POLLIN}};
        pthread_mutex_lock(&kernel->lock);
        int count = kernel->container_count;
        bool is_stopping = kernel->is_stopping;
        for (int i = 0; i < count; i++)
            watched[i + 1] = (struct pollfd){.fd = kernel->containers[i].port, .events = POLLIN};
        pthread_mutex_unlock(&kernel->lock);
        if (is_stopping)
            return NULL;
        poll(watched, (nfds_t)count + 1, -1);
        char bytes[64];
        if (watched[0].revents != 0 && read(kernel->wake[0], bytes, sizeof bytes) < 0)
            must(errno == EAGAIN);
        pthread_mutex_lock(&kernel->lock);
        for (int i = 0; i < count; i++)
            if (watched[i + 1].revents != 0 && kernel->containers[i].port == watched[i + 1].fd)
                read_port(kernel, i);
        pthread_mutex_unlock(&kernel->lock);
    }
}

static int find(struct fake_kernel *kernel, const char *name) {
    struct grove_name full = make_name(name);
    for (int i = 0; i < kernel->container_count; i++)
        if (strcmp(kernel->containers[i].name.text, full.text) == 0)
            return i;
    bool is_known = false;
    must(is_known);
    return -1;
}

struct fake_kernel *fake_kernel_start(void) {
    struct fake_kernel *kernel = calloc(1, sizeof *kernel);
    must(kernel != NULL);
    pthread_mutex_init(&kernel->lock, NULL);
    pthread_cond_init(&kernel->changed, NULL);
    must(pipe2(kernel->wake, O_CLOEXEC | O_NONBLOCK) == 0);
    must(pthread_create(&kernel->thread, NULL, run, kernel) == 0);
    return kernel;
}

void fake_kernel_stop(struct fake_kernel *kernel) {
    pthread_mutex_lock(&kernel->lock);
    kernel->is_stopping = true;
    char byte = 0;
    must(write(kernel->wake[1], &byte, 1) == 1);
    pthread_mutex_unlock(&kernel->lock);
    pthread_join(kernel->thread, NULL);
    fake_channels_free(kernel);
    for (int i = 0; i < kernel->container_count; i++) {
        struct container *container = &kernel->containers[i];
        if (container->port >= 0)
            close(container->port);
        if (container->state_memory >= 0)
            close(container->state_memory);
        munmap(container->page, 4096);
        close(container->page_memory);
    }
    close(kernel->wake[0]);
    close(kernel->wake[1]);
    pthread_cond_destroy(&kernel->changed);
    pthread_mutex_destroy(&kernel->lock);
    free(kernel);
}

static int add(struct fake_kernel *kernel, const char *name, const char *endpoint, uint32_t ring) {
    pthread_mutex_lock(&kernel->lock);
    int index = kernel->container_count++;
    must(index < CONTAINERS_MAX);
    struct container *container = &kernel->containers[index];
    *container = (struct container){.name = make_name(name), .port = -1, .state_memory = -1, .ring = ring};
    if (endpoint != NULL)
        container->endpoint = make_name(endpoint);
    container->page_memory = fake_memory(4096);
    container->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, container->page_memory, 0);
    must(container->page != MAP_FAILED);
    container->page->magic = GROVE_KERNEL_PAGE_MAGIC;
    int port = begin_instance(kernel, index);
    pthread_mutex_unlock(&kernel->lock);
    return port;
}

int fake_kernel_add(struct fake_kernel *kernel, const char *name, const char *endpoint) {
    return add(kernel, name, endpoint, 2);
}

int fake_kernel_add_shell(struct fake_kernel *kernel, const char *name) {
    return add(kernel, name, NULL, 3);
}

static void wait_until(struct fake_kernel *kernel, const struct timespec *limit) {
    must(pthread_cond_timedwait(&kernel->changed, &kernel->lock, limit) == 0);
}

static struct timespec ten_seconds(void) {
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 10;
    return limit;
}

int fake_kernel_restart(struct fake_kernel *kernel, const char *name) {
    struct timespec limit = ten_seconds();
    pthread_mutex_lock(&kernel->lock);
    int index = find(kernel, name);
    while (kernel->containers[index].is_running)
        wait_until(kernel, &limit);
    int port = begin_instance(kernel, index);
    pthread_mutex_unlock(&kernel->lock);
    return port;
}

void fake_kernel_say(struct fake_kernel *kernel, const char *name, const void *packet, size_t size_bytes,
                     const int *objects, unsigned count) {
    pthread_mutex_lock(&kernel->lock);
    say(&kernel->containers[find(kernel, name)], packet, size_bytes, objects, count);
    pthread_mutex_unlock(&kernel->lock);
}

void fake_kernel_notice(struct fake_kernel *kernel, const char *name, enum grove_notice notice, uint64_t value) {
    struct grove_message message = {
        .version = GROVE_PORT_VERSION, .operation = (uint16_t)notice, .body.request = {.value = value}};
    fake_kernel_say(kernel, name, &message, sizeof message, NULL, 0);
}

uint64_t fake_kernel_await_report(struct fake_kernel *kernel, const char *name, enum grove_report report) {
    struct timespec limit = ten_seconds();
    pthread_mutex_lock(&kernel->lock);
    struct container *container = &kernel->containers[find(kernel, name)];
    while (container->reports[report] == 0)
        wait_until(kernel, &limit);
    container->reports[report] = 0;
    uint64_t value = container->report_values[report];
    pthread_mutex_unlock(&kernel->lock);
    return value;
}

void fake_kernel_await_request(struct fake_kernel *kernel, const char *name, enum grove_operation operation) {
    struct timespec limit = ten_seconds();
    pthread_mutex_lock(&kernel->lock);
    struct container *container = &kernel->containers[find(kernel, name)];
    while (container->requests[operation] == 0)
        wait_until(kernel, &limit);
    container->requests[operation] = 0;
    pthread_mutex_unlock(&kernel->lock);
}

unsigned fake_kernel_count_requests(struct fake_kernel *kernel, const char *name, enum grove_operation operation) {
    pthread_mutex_lock(&kernel->lock);
    unsigned count = kernel->containers[find(kernel, name)].requests[operation];
    pthread_mutex_unlock(&kernel->lock);
    return count;
}

/* A container that has never asked has no number, and keeps none. */
static void change_epochs(struct fake_kernel *kernel) {
    for (int i = 0; i < kernel->container_count; i++)
        if (kernel->containers[i].page->rights_epoch != 0)
            __atomic_fetch_add(&kernel->containers[i].page->rights_epoch, 1, __ATOMIC_RELEASE);
}

void fake_kernel_set_poor(struct fake_kernel *kernel, const char *name, bool is_poor) {
    pthread_mutex_lock(&kernel->lock);
    kernel->containers[find(kernel, name)].is_poor = is_poor;
    if (is_poor)
        change_epochs(kernel);
    pthread_mutex_unlock(&kernel->lock);
}

void fake_kernel_destroy(struct fake_kernel *kernel, const char *name) {
    pthread_mutex_lock(&kernel->lock);
    int index = find(kernel, name);
    kernel->containers[index].is_destroyed = true;
    fake_channels_close(kernel, index);
    pthread_mutex_unlock(&kernel->lock);
}

void fake_kernel_wake_through_clients(struct fake_kernel *kernel) {
    pthread_mutex_lock(&kernel->lock);
    kernel->wakes_through_clients = true;
    pthread_mutex_unlock(&kernel->lock);
}

void fake_kernel_trace(struct fake_kernel *kernel, const char *name, bool on) {
    pthread_mutex_lock(&kernel->lock);
    __atomic_store_n(&kernel->containers[find(kernel, name)].page->tracing, on, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&kernel->lock);
}
