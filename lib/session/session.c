/*
 * Sessions: opening the kernel port and finding out who we are.
 *
 * A service finds its port open on descriptor 3; any other program connects to the control socket and is an external
 * client. Either way the kernel speaks first, with INIT, which brings the kernel page. A process has one default session,
 * opened on first use.
 */
#include "lib/session/session.h"

#include "lib/session/attachment.h"
#include "lib/session/hand_over.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct grove_session *default_session;

uint64_t grove_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
}

/*
 * The time of the last tick costs a few nanoseconds where the exact time costs up to sixty (under a hypervisor), which is
 * a good part of a call. It is never ahead, and behind by less than COARSE_LAG_NS.
 */
#define COARSE_LAG_NS (12 * GROVE_MILLISECOND) /* a tick is 10 ms at the longest */

static uint64_t coarse_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t deadline_after(uint64_t timeout_ns) {
    if (timeout_ns == GROVE_FOREVER)
        return GROVE_FOREVER;
    uint64_t now_ns = timeout_ns >= GROVE_SECOND ? coarse_now_ns() + COARSE_LAG_NS : grove_now_ns();
    return timeout_ns < GROVE_FOREVER - 1 - now_ns ? now_ns + timeout_ns : GROVE_FOREVER - 1;
}

bool deadline_has_passed(uint64_t deadline_ns) {
    return coarse_now_ns() + COARSE_LAG_NS >= deadline_ns && grove_now_ns() >= deadline_ns;
}

/* ---- finding the port ---- */

static bool is_port(int descriptor) {
    int type = 0, family = 0;
    socklen_t size = sizeof type;
    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET)
        return false;
    size = sizeof family;
    return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && family == AF_UNIX;
}

static void control_socket_path(char *path, size_t size_bytes) {
    const char *given = getenv("GROVE_SOCKET"), *run = getenv("GROVE_RUN"), *home = getenv("XDG_RUNTIME_DIR");
    if (given != NULL && given[0] != '\0')
        snprintf(path, size_bytes, "%s", given);
    else if (run != NULL && run[0] != '\0')
        snprintf(path, size_bytes, "%s/kernel.sock", run);
    else if (geteuid() == 0)
        snprintf(path, size_bytes, "/run/grove/kernel.sock");
    else if (home != NULL && home[0] == '/')
        snprintf(path, size_bytes, "%s/grove/kernel.sock", home);
    else
        snprintf(path, size_bytes, "/tmp/grove-%u/kernel.sock", (unsigned)geteuid());
}

static int connect_failed(const char *path) {
    switch (errno) {
    case ENOENT:
    case ECONNREFUSED:
        return error_set(GROVE_NOT_FOUND,
                         "no kernel listens on %s: start one with `grove up`, or name its socket in "
                         "GROVE_SOCKET",
                         path);
    case EACCES:
    case EPERM:
        return error_set(GROVE_DENIED,
                         "the kernel's socket %s belongs to another user: only that user and root may "
                         "use it",
                         path);
    default:
        return error_set(GROVE_IO, "connecting to %s failed: %s", path, strerror(errno));
    }
}

static int connect_control_socket(const char *given, int *port) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[4096];
    if (given != NULL)
        snprintf(path, sizeof path, "%s", given);
    else
        control_socket_path(path, sizeof path);
    if (strlen(path) >= sizeof address.sun_path)
        return error_set(GROVE_INVALID, "the socket path %s is longer than %zu bytes", path,
                         sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    int opened = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (opened < 0) {
        int status = errno == EMFILE || errno == ENFILE ? GROVE_NO_DESCRIPTORS : GROVE_IO;
        return error_set(status, "no socket could be made: %s", strerror(errno));
    }
    if (connect(opened, (const struct sockaddr *)&address, sizeof address) < 0) {
        int status = connect_failed(path);
        close(opened);
        return status;
    }
    *port = opened;
    return 0;
}

static int find_port(const struct grove_session_options *options, int *port) {
    if (options != NULL && options->descriptor >= 0) {
        if (!is_port(options->descriptor))
            return error_set(GROVE_INVALID, "descriptor %d is no kernel port", options->descriptor);
        *port = options->descriptor;
        return 0;
    }
    if ((options == NULL || options->path == NULL) && is_port(GROVE_PORT_DESCRIPTOR)) {
        *port = GROVE_PORT_DESCRIPTOR;
        return 0;
    }
    return connect_control_socket(options != NULL ? options->path : NULL, port);
}

/* ---- opening ---- */

static int await_init(struct grove_session *session) {
    uint64_t deadline_ns = deadline_after(SESSION_TIMEOUT_NS);
    for (;;) {
        int status = session_read(session);
        if (status < 0 || session->is_initialized)
            return status;
        uint64_t now_ns = grove_now_ns();
        if (now_ns >= deadline_ns)
            return error_set(GROVE_TIMED_OUT, "the kernel did not say who this program is within 5 s");
        struct pollfd watched = {.fd = session->port, .events = POLLIN};
        poll(&watched, 1, (int)((deadline_ns - now_ns) / GROVE_MILLISECOND) + 1);
    }
}

int grove_session_open(const struct grove_session_options *options, struct grove_session **session) {
    struct grove_session *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for a session");
    opened->epoll = opened->again = opened->alarm = -1;
    opened->active_tail = &opened->active;
    opened->expiry_ns = GROVE_FOREVER;
    spin_init(&opened->spin);
    opened->hands_over = hand_over_is_there();
    int status = find_port(options, &opened->port);
    if (status < 0) {
        free(opened);
        return status;
    }
    status = await_init(opened);
    if (status < 0) {
        grove_session_close(opened);
        return status;
    }
    *session = opened;
    return 0;
}

static void close_if_open(int descriptor) {
    if (descriptor >= 0)
        close(descriptor);
}

void grove_session_close(struct grove_session *session) {
    if (session == NULL)
        return;
    if (session->extension != NULL)
        session->extension->close(session);
    while (session->queue.count > 0) {
        packet_close_objects(&session->queue.packets[session->queue.head]);
        session->queue.head = (session->queue.head + 1) % session->queue.capacity;
        session->queue.count--;
    }
    free(session->queue.packets);
    granted_close(session);
    free(session->granted.packets);
    session_later_forget(session);
    if (session->page != NULL)
        munmap((void *)(uintptr_t)session->page, sizeof *session->page);
    close_if_open(session->epoll);
    close_if_open(session->again);
    close_if_open(session->alarm);
    close(session->port);
    if (default_session == session)
        default_session = NULL;
    free(session);
}

int grove_session_default(struct grove_session **session) {
    if (default_session == NULL) {
        int status = grove_session_open(NULL, &default_session);
        if (status < 0)
            return status;
    }
    *session = default_session;
    return 0;
}

int session_or_default(struct grove_session *given, struct grove_session **session) {
    if (given == NULL)
        return grove_session_default(session);
    *session = given;
    return 0;
}

const struct grove_notice_init *grove_session_identity(const struct grove_session *session) {
    return &session->identity;
}

/* ---- names ---- */

static bool is_name(const char *name) {
    if (name[0] == '\0' || name[0] == '.')
        return false;
    for (const char *at = name; *at != '\0'; at++) {
        bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (!is_letter && *at != '_' && *at != '-' && *at != '.')
            return false;
        if (*at == '.' && (at[1] == '.' || at[1] == '\0'))
            return false;
    }
    return true;
}

int session_full_name(const struct grove_session *session, const char *name, struct grove_name *full) {
    struct grove_name result = {0};
    const char *project = session->identity.project.text;
    if (name == NULL || !is_name(name))
        return error_set(GROVE_INVALID,
                         "\"%.80s\" is no name: use letters, digits, _ and -, with dots between the parts",
                         name != NULL ? name : "");
    bool is_full = strchr(name, '.') != NULL || project[0] == '\0';
    int length = snprintf(result.text, sizeof result.text, "%s%s%s", is_full ? "" : project, is_full ? "" : ".", name);
    if (length < 0 || (size_t)length >= sizeof result.text)
        return error_set(GROVE_INVALID, "the name \"%.80s\" is longer than %u bytes with its project", name,
                         GROVE_NAME_MAX);
    *full = result;
    return 0;
}
