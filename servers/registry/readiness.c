/*
 * When is a service ready? Each kind of spec.h in a few lines:
 *
 *   grove, notify   the kernel says so (the service told it)
 *   started         at once: the registry tells the kernel
 *   port            a TCP connection to it succeeds; tried in the event loop, never waited for
 *   command         a command in a container beside it, with the same rights, exits with 0
 *   exit            it is a task: ready when it has ended well (life.c)
 *
 * Only one try runs at a time. However it ends, readiness_end leaves no descriptor, timer or probe container behind.
 */
#include "servers/registry/registry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/common/exit_text.h"
#include "servers/common/spec_probe.h"

#define INTERVAL_DEFAULT_NS (50 * GROVE_MILLISECOND)

static void try(struct record *record);

static void try_again(struct grove_service *service, void *context) {
    (void)service;
    struct record *record = context;
    record->probe.timer = 0;
    try(record);
}

static void try_later(struct record *record) {
    uint64_t interval_ns = record->node.spec->readiness.interval_ns;
    (void)grove_service_after(record->registry->service, interval_ns == 0 ? INTERVAL_DEFAULT_NS : interval_ns,
                              try_again, record, &record->probe.timer);
}

static void succeeded(struct record *record) {
    struct registry *registry = record->registry;
    int status = grove_container_control(registry->session, record->container, GROVE_ACTION_MARK_READY, 0,
                                         REGISTRY_KERNEL_TIMEOUT_NS);
    if (status < 0 && status != GROVE_WRONG_STATE)
        (void)fprintf(stderr, "registry: cannot mark %s as ready: %s\n", record->name, grove_last_error());
    record->is_probed = true;
    if (status == GROVE_WRONG_STATE) /* the kernel has it as ready already, and says nothing more */
        life_event(record, LIFE_READY);
}

/* ---- port ---- */

static void close_connection(struct record *record) {
    if (record->probe.descriptor < 0)
        return;
    (void)grove_service_watch(record->registry->service, record->probe.descriptor, 0, NULL, NULL);
    (void)close(record->probe.descriptor);
    record->probe.descriptor = -1;
}

/* "127.0.0.1:5432", "[::1]:5432", "*:5432" (this machine). The manifest compiler has resolved names. */
static bool parse_address(const char *text, struct sockaddr_storage *address, socklen_t *bytes) {
    char host[64];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return false;
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || end == colon + 1 || port == 0 || port > 65535)
        return false;
    bool is_bracketed = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - text) - (is_bracketed ? 2 : 0),
                   text + (is_bracketed ? 1 : 0));
    if (strcmp(host, "*") == 0 || strcmp(host, "localhost") == 0 || host[0] == '\0')
        (void)snprintf(host, sizeof host, "127.0.0.1");
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &four.sin_addr) == 1) {
        memcpy(address, &four, sizeof four);
        *bytes = sizeof four;
    } else if (inet_pton(AF_INET6, host, &six.sin6_addr) == 1) {
        memcpy(address, &six, sizeof six);
        *bytes = sizeof six;
    } else {
        return false;
    }
    return true;
}

static void connection_decided(struct grove_service *service, int descriptor, short events, void *context) {
    (void)service;
    (void)events;
    struct record *record = context;
    int error = 0;
    socklen_t bytes = sizeof error;
    bool is_open = getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && error == 0;
    close_connection(record);
    if (is_open)
        succeeded(record);
    else
        try_later(record);
}

static void try_port(struct record *record) {
    struct sockaddr_storage address;
    socklen_t bytes = 0;
    const char *text = grove_spec_text(record->node.spec, record->node.spec->readiness.argument);
    if (!parse_address(text, &address, &bytes)) {
        record_say(record, "has the readiness port '%s', which is no address: write HOST:PORT", text);
        return;
    }
    int descriptor = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (descriptor < 0) {
        try_later(record);
        return;
    }
    record->probe.descriptor = descriptor;
    if (connect(descriptor, (const struct sockaddr *)(const void *)&address, bytes) == 0) {
        close_connection(record);
        succeeded(record);
    } else if (errno != EINPROGRESS ||
               grove_service_watch(record->registry->service, descriptor, POLLOUT, connection_decided, record) < 0) {
        close_connection(record);
        try_later(record);
    }
}

/* ---- command ---- */

static void remove_probe(struct record *record) {
    if (record->probe.container == GROVE_HANDLE_NONE)
        return;
    (void)grove_container_control(record->registry->session, record->probe.container, GROVE_ACTION_DESTROY, 0,
                                  REGISTRY_KERNEL_TIMEOUT_NS);
    record->probe.container = GROVE_HANDLE_NONE;
}

static int start_probe(struct record *record) {
    struct grove_session *session = record->registry->session;
    struct grove_container_reply made = {0};
    if (record->probe.container == GROVE_HANDLE_NONE) {
        struct grove_spec *probe;
        const char *command = grove_spec_text(record->node.spec, record->node.spec->readiness.argument);
        int status = spec_probe(record->node.spec, command, &probe);
        if (status == 0) {
            status = grove_container_create(session, probe, probe->total_bytes, &made);
            free(probe);
        }
        if (status < 0)
            return status;
        record->probe.container = made.container;
    }
    return grove_container_start(session, record->probe.container, GROVE_START_FRESH, NULL, &made);
}

static void try_command(struct record *record) {
    int status = start_probe(record);
    if (status == 0)
        return; /* its end comes as a notice */
    record_say(record, "cannot run its readiness command: %s", grove_last_error());
    try_later(record);
}

void readiness_notice(struct registry *registry, const struct grove_notice_container *notice) {
    char service[sizeof notice->name.text];
    (void)snprintf(service, sizeof service, "%s", notice->name.text);
    size_t length = strlen(service), suffix = strlen(SPEC_PROBE_SUFFIX);
    if (length <= suffix || strcmp(service + length - suffix, SPEC_PROBE_SUFFIX) != 0)
        return;
    service[length - suffix] = '\0';
    struct record *record = record_find(registry, service);
    if (record == NULL || record->probe.container != notice->container || notice->state != GROVE_CONTAINER_STOPPED)
        return;
    if (!exit_is_clean(notice->exit_cause, notice->exit_detail)) {
        try_later(record);
        return;
    }
    remove_probe(record);
    succeeded(record);
}

/* ---- all kinds ---- */

static void try(struct record *record) {
    switch (record->node.spec->readiness.kind) {
    case GROVE_READY_STARTED:
        succeeded(record);
        break;
    case GROVE_READY_PORT:
        try_port(record);
        break;
    case GROVE_READY_COMMAND:
        try_command(record);
        break;
    default:
        break;
    }
}

void readiness_begin(struct record *record) {
    uint32_t kind = record->node.spec->readiness.kind;
    record->is_probed = kind == GROVE_READY_GROVE || kind == GROVE_READY_NOTIFY;
    try(record);
}

void readiness_end(struct record *record) {
    if (record->probe.timer != 0)
        grove_service_cancel(record->registry->service, record->probe.timer);
    record->probe.timer = 0;
    close_connection(record);
    remove_probe(record);
}
