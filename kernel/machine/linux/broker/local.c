/*
 * AF_UNIX sockets in containers with network capabilities, see local.h.
 *
 * The call goes on the kernel's duplicate of the socket and its own copy of the address, in a job that first becomes like
 * the caller: its root folder and working directory (chroot, by the descriptors that were opened before), its umask, its
 * groups and user, no privileges. Paths therefore mean what they mean to the caller, getsockname gives back what was
 * bound, permissions hold, and SO_PEERCRED names the caller's user (not its process, which a job has of its own).
 *
 * Abstract names are not in any file view. The network namespace that they belong to may be shared with other containers,
 * so a name can be reached only by the container that bound it: every bind goes through here, and is remembered.
 *
 * Without privileges the kernel can change its root only inside the container's user namespace, which it owns: the job
 * enters that first.
 */
#include "kernel/machine/linux/broker/local.h"

#include "kernel/machine/linux/broker/job.h"
#include "kernel/machine/linux/broker/learn.h"
#include "kernel/machine/linux/broker/target.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMES_MAX 256u
#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

struct broker_names {
    unsigned count;
    struct name {
        socklen_t bytes;
        char text[sizeof((struct sockaddr_un *)0)->sun_path];
    } names[NAMES_MAX];
};

/* ---- becoming like the caller ---- */

struct place {
    struct target_identity identity;
    int root, directory, user_namespace; /* user_namespace -1: the kernel's own */
};

static int open_user_namespace(pid_t thread) {
    int theirs = target_open(thread, "ns/user", O_RDONLY);
    struct stat a, b;
    if (theirs < 0)
        return theirs;
    if (fstat(theirs, &a) < 0 || stat("/proc/self/ns/user", &b) < 0)
        b = a;
    /* With privileges the user's number is enough, and files are judged by it alone. */
    if ((a.st_ino == b.st_ino && a.st_dev == b.st_dev) || !linux_machine->rootless) {
        close(theirs);
        return -1;
    }
    return theirs;
}

static void close_place(const struct place *place) {
    if (place->root >= 0)
        close(place->root);
    if (place->directory >= 0)
        close(place->directory);
    if (place->user_namespace >= 0)
        close(place->user_namespace);
}

static int open_place(const struct broker_request *request, struct place *place) {
    place->root = place->directory = place->user_namespace = -1;
    int error = target_identity(request->thread, &place->identity);
    if (error < 0)
        return error;
    place->root = target_open(request->thread, "root", O_PATH | O_DIRECTORY);
    place->directory = target_open(request->thread, "cwd", O_PATH | O_DIRECTORY);
    int namespace = open_user_namespace(request->thread);
    place->user_namespace = namespace < 0 ? -1 : namespace;
    if (place->root >= 0 && place->directory >= 0 && namespace >= -1 && broker_is_waiting(request->broker, request->id))
        return 0;
    close_place(place);
    return -ESRCH;
}

static bool drop_privileges(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capset, &header, none) == 0;
}

/* In the job. A failure leaves the call undone. */
static int enter(const struct place *place) {
    const struct target_identity *identity = &place->identity;
    if (place->user_namespace >= 0 && setns(place->user_namespace, CLONE_NEWUSER) < 0)
        return -EACCES;
    if (fchdir(place->root) < 0 || chroot(".") < 0 || fchdir(place->directory) < 0)
        return -EACCES;
    (void)umask(identity->umask);
    if (!linux_machine->rootless && (setgroups(identity->group_count, identity->groups) < 0 ||
                                     setresgid(identity->group, identity->group, identity->group) < 0 ||
                                     setresuid(identity->user, identity->user, identity->user) < 0))
        return -EACCES;
    return drop_privileges() ? 0 : -EACCES;
}

/* ---- the calls, in the job ---- */

struct local_job {
    struct message_finish finish; /* first: what message_done gets; sends only */
    struct place place;
    int socket;
    int64_t (*call)(struct local_job *job);
    struct socket_address address;
    int backlog;
    bool is_abstract;
    struct message *message;
};

static int64_t call_bind(struct local_job *job) {
    return bind(job->socket, &job->address.u.generic, job->address.bytes) < 0 ? -errno : 0;
}

static int64_t call_listen(struct local_job *job) {
    return listen(job->socket, job->backlog) < 0 ? -errno : 0;
}

/* An abstract name may have been given up and taken by another container in between: its user tells. */
static bool is_stranger(const struct local_job *job) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    int type = 0;
    socklen_t type_size = sizeof type;
    if (!job->is_abstract || getsockopt(job->socket, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0 || type == SOCK_DGRAM)
        return false;
    return getsockopt(job->socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid();
}

static int64_t call_connect(struct local_job *job) {
    if (connect(job->socket, &job->address.u.generic, job->address.bytes) < 0)
        return -errno;
    if (!is_stranger(job))
        return 0;
    (void)shutdown(job->socket, SHUT_RDWR);
    return -ECONNREFUSED;
}

static int64_t call_send(struct local_job *job) {
    return message_send(job->socket, job->message, 0);
}

static int64_t local_work(void *context) {
    struct local_job *job = context;
    int error = enter(&job->place);
    return error < 0 ? error : job->call(job);
}

static struct outcome run(const struct broker_request *request, struct local_job *job, job_finish *finish,
                          size_t finish_bytes) {
    int kept[JOB_DESCRIPTORS_MAX];
    unsigned count = 0;
    int error = open_place(request, &job->place);
    if (error < 0)
        return outcome_value(error);
    kept[count++] = job->socket;
    kept[count++] = job->place.root;
    kept[count++] = job->place.directory;
    if (job->place.user_namespace >= 0)
        kept[count++] = job->place.user_namespace;
    for (unsigned i = 0; job->message != NULL && i < job->message->descriptor_count; i++)
        kept[count++] = job->message->descriptors[i];
    struct job_start start = {.work = local_work,
                              .finish = finish,
                              .context = job,
                              .finish_bytes = finish_bytes,
                              .descriptors = kept,
                              .descriptor_count = count};
    struct outcome outcome = job_start(request, &start);
    close_place(&job->place);
    return outcome;
}

/* ---- abstract names ---- */

static bool is_abstract(const struct socket_address *address) {
    return address->bytes > PATH_OFFSET && address->u.un.sun_path[0] == '\0';
}

static bool is_name(const struct name *name, const struct socket_address *address) {
    return name->bytes == address->bytes - PATH_OFFSET && memcmp(name->text, address->u.un.sun_path, name->bytes) == 0;
}

static bool is_own_name(const struct broker *broker, const struct socket_address *address) {
    for (unsigned i = 0; broker->names != NULL && i < broker->names->count; i++)
        if (is_name(&broker->names->names[i], address))
            return true;
    return false;
}

static int remember(struct broker *broker, const struct socket_address *address) {
    if (is_own_name(broker, address))
        return 0;
    if (broker->names == NULL)
        broker->names = calloc(1, sizeof *broker->names);
    if (broker->names == NULL || broker->names->count == NAMES_MAX)
        return -ENOBUFS;
    struct name *name = &broker->names->names[broker->names->count++];
    name->bytes = (socklen_t)(address->bytes - PATH_OFFSET);
    memcpy(name->text, address->u.un.sun_path, name->bytes);
    return 0;
}

void local_forget(struct broker *broker) {
    free(broker->names);
    broker->names = NULL;
}

/* ---- the interface ---- */

static int settle(const struct socket_address *address) {
    if (address->bytes < PATH_OFFSET || address->bytes > sizeof address->u.un)
        return -EINVAL;
    return address->u.family == AF_UNIX ? 0 : -EINVAL;
}

/* To a name of another container nothing leads, as if nobody listened there. */
static int settle_destination(const struct broker *broker, const struct socket_address *address) {
    if (address->u.family == AF_UNSPEC)
        return 0; /* disconnect */
    int error = settle(address);
    return error == 0 && is_abstract(address) && !is_own_name(broker, address) ? -ECONNREFUSED : error;
}

/* An open container's calls may go on: there is nothing that it could not reach anyway. */
static struct outcome learn(const struct broker_request *request, const struct socket_address *address, bool is_bind) {
    if (address != NULL && settle(address) == 0 && !is_abstract(address) && address->bytes > PATH_OFFSET) {
        char path[sizeof address->u.un.sun_path + 1] = "";
        memcpy(path, address->u.un.sun_path, address->bytes - PATH_OFFSET);
        learn_local(request, path, is_bind);
    }
    return outcome_of(OUTCOME_CONTINUE);
}

struct outcome local_bind(const struct broker_request *request, int socket, const struct socket_address *address) {
    if (request->broker->is_learning)
        return learn(request, address, true);
    int error = settle(address);
    if (error == 0 && address->bytes == PATH_OFFSET)
        error = -EINVAL; /* a name of Linux's choice would be an abstract one that nobody remembers */
    if (error == 0 && is_abstract(address))
        error = remember(request->broker, address);
    if (error < 0)
        return outcome_value(error);
    struct local_job job = {.socket = socket, .call = call_bind, .address = *address};
    return run(request, &job, NULL, 0);
}

struct outcome local_connect(const struct broker_request *request, int socket, const struct socket_address *address) {
    if (request->broker->is_learning)
        return learn(request, address, false);
    int error = settle_destination(request->broker, address);
    if (error < 0)
        return outcome_value(error);
    struct local_job job = {
        .socket = socket, .call = call_connect, .address = *address, .is_abstract = is_abstract(address)};
    return run(request, &job, NULL, 0);
}

struct outcome local_listen(const struct broker_request *request, int socket) {
    if (request->broker->is_learning)
        return outcome_of(OUTCOME_CONTINUE);
    struct local_job job = {.socket = socket, .call = call_listen, .backlog = (int)request->arguments[1]};
    return run(request, &job, NULL, 0);
}

struct outcome local_send(const struct broker_request *request, int socket, struct message *message) {
    if (request->broker->is_learning)
        return learn(request, message->has_address ? &message->address : NULL, false);
    int error = message->has_address ? settle_destination(request->broker, &message->address) : 0;
    if (error < 0)
        return outcome_value(error);
    struct local_job job = {
        .finish = message_finish_of(message), .socket = socket, .call = call_send, .message = message};
    return run(request, &job, message_done, sizeof job.finish);
}

bool local_is_kernel(int socket) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid();
}
