/*
 * sendto with an address, sendmsg and sendmmsg: copied whole, checked, sent from the copy.
 *
 * sendmsg is taken to the kernel even on connected sockets, because whether it names an address stands in memory that
 * another thread can change. Programs that care for speed use send or write, which are not notified at all.
 *
 * Control messages: of the internet ones only those that choose a local address or mark the packet; never a source route
 * and nothing that the kernel's own privileges would allow and the container's do not. Of AF_UNIX, descriptors: they are
 * duplicated here. A socket of the host network is not passed on: whoever receives it may not have been given the network.
 *
 * Waiting: tried without waiting first; if that fails on a socket that would wait, a job waits.
 */
#include "kernel/machine/linux/broker/message.h"

#include "kernel/machine/linux/broker/job.h"
#include "kernel/machine/linux/broker/local.h"
#include "kernel/machine/linux/broker/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VECTORS_MAX 1024 /* UIO_MAXIOV of Linux */
#define MESSAGES_PER_CALL 16
#define KNOWN_FLAGS (MSG_OOB | MSG_DONTROUTE | MSG_DONTWAIT | MSG_EOR | MSG_CONFIRM | MSG_NOSIGNAL | MSG_MORE)

/* One at a time, on the loop's thread; a job has its own copy. */
static char data[MESSAGE_BYTES_MAX];
static struct iovec vectors[VECTORS_MAX];

/* ---- taking ---- */

static int settle_flags(struct message *message, uint64_t flags) {
    if ((flags & MSG_FASTOPEN) != 0)
        return -EOPNOTSUPP; /* programs fall back to connect */
    if ((flags & MSG_ZEROCOPY) != 0)
        return -ENOBUFS; /* programs fall back to copying */
    message->flags = (int)(flags & KNOWN_FLAGS);
    return 0;
}

static int take_address(const struct broker_request *request, uint64_t address, uint64_t bytes,
                        struct message *message) {
    message->has_address = address != 0 && bytes != 0;
    return message->has_address ? target_read_address(request->thread, address, bytes, &message->address) : 0;
}

static int take_vectors(const struct broker_request *request, uint64_t address, uint64_t count,
                        struct message *message) {
    if (count > VECTORS_MAX)
        return -EMSGSIZE;
    if (target_read(request->thread, address, vectors, count * sizeof *vectors) < 0)
        return count == 0 ? 0 : -EFAULT;
    for (size_t i = 0; i < count && message->bytes < MESSAGE_BYTES_MAX; i++) {
        size_t part = vectors[i].iov_len, room = MESSAGE_BYTES_MAX - message->bytes;
        if (part > room)
            part = room;
        if (part > 0 &&
            target_read(request->thread, (uint64_t)(uintptr_t)vectors[i].iov_base, data + message->bytes, part) < 0)
            return -EFAULT;
        message->bytes += part;
    }
    return 0;
}

/* ---- control messages ---- */

static const struct {
    int level, type;
} allowed_control[] = {
    {IPPROTO_IP, IP_TOS},         {IPPROTO_IP, IP_TTL},          {IPPROTO_IP, IP_PKTINFO},
    {IPPROTO_IPV6, IPV6_PKTINFO}, {IPPROTO_IPV6, IPV6_HOPLIMIT}, {IPPROTO_IPV6, IPV6_TCLASS},
    {IPPROTO_UDP, UDP_SEGMENT},   {IPPROTO_IPV6, IPV6_DONTFRAG},
};

static bool is_allowed(const struct cmsghdr *part) {
    for (size_t i = 0; i < sizeof allowed_control / sizeof *allowed_control; i++)
        if (part->cmsg_level == allowed_control[i].level && part->cmsg_type == allowed_control[i].type)
            return true;
    return false;
}

static int pass_descriptor(const struct broker_request *request, int theirs, struct message *message) {
    if (message->descriptor_count == MESSAGE_DESCRIPTORS_MAX)
        return -EINVAL;
    int copy = target_descriptor(request->thread, theirs);
    if (copy < 0)
        return copy;
    message->descriptors[message->descriptor_count++] = copy;
    int domain = network_domain(copy);
    return domain == AF_INET || domain == AF_INET6 ? -EACCES : copy;
}

static int pass_descriptors(const struct broker_request *request, struct cmsghdr *part, struct message *message) {
    size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    unsigned char *place = CMSG_DATA(part);
    for (size_t i = 0; i < count; i++) {
        int descriptor;
        memcpy(&descriptor, place + i * sizeof(int), sizeof descriptor);
        descriptor = pass_descriptor(request, descriptor, message);
        if (descriptor < 0)
            return descriptor;
        memcpy(place + i * sizeof(int), &descriptor, sizeof descriptor);
    }
    return 0;
}

/* Linux says who the sender is (a job of the same user); what the caller claims beyond that is left out. */
static void leave_out(struct message *message, struct cmsghdr *part) {
    size_t whole = CMSG_ALIGN(part->cmsg_len), offset = (size_t)((char *)part - message->control);
    if (whole > message->control_bytes - offset)
        whole = message->control_bytes - offset;
    memmove(part, (char *)part + whole, message->control_bytes - offset - whole);
    message->control_bytes -= whole;
}

static int settle_control(const struct broker_request *request, int domain, struct message *message) {
    size_t offset = 0;
    while (offset + sizeof(struct cmsghdr) <= message->control_bytes) {
        struct cmsghdr *part = (struct cmsghdr *)(void *)(message->control + offset);
        if (part->cmsg_len < sizeof *part || part->cmsg_len > message->control_bytes - offset)
            return -EINVAL;
        if (domain == AF_UNIX && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS) {
            leave_out(message, part);
            continue;
        }
        bool is_rights = domain == AF_UNIX && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS;
        int error =
            is_rights ? pass_descriptors(request, part, message) : (domain != AF_UNIX && is_allowed(part) ? 0 : -EPERM);
        if (error < 0)
            return error;
        offset += CMSG_ALIGN(part->cmsg_len);
    }
    if (offset < message->control_bytes)
        message->control_bytes = offset; /* a tail too short to be a header */
    return 0;
}

static int take_control(const struct broker_request *request, int domain, const struct msghdr *header,
                        struct message *message) {
    if (header->msg_control == NULL || header->msg_controllen == 0)
        return 0;
    if (header->msg_controllen > MESSAGE_CONTROL_MAX)
        return -ENOBUFS;
    int error = target_read(request->thread, (uint64_t)(uintptr_t)header->msg_control, message->control,
                            header->msg_controllen);
    message->control_bytes = header->msg_controllen;
    return error < 0 ? error : settle_control(request, domain, message);
}

static void close_message(const struct message *message) {
    for (unsigned i = 0; i < message->descriptor_count; i++)
        close(message->descriptors[i]);
}

static void open_message(struct message *message) {
    memset(message, 0, offsetof(struct message, control));
    message->data = data;
}

/* ---- sending ---- */

int64_t message_send(int socket, struct message *message, int extra_flags) {
    struct iovec whole = {message->data, message->bytes};
    struct msghdr header = {.msg_iov = &whole, .msg_iovlen = 1};
    if (message->has_address) {
        header.msg_name = &message->address.u;
        header.msg_namelen = message->address.bytes;
    }
    if (message->control_bytes > 0) {
        header.msg_control = message->control;
        header.msg_controllen = message->control_bytes;
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &header, message->flags | MSG_NOSIGNAL | extra_flags);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

struct message_finish message_finish_of(const struct message *message) {
    return (struct message_finish){.count_address = message->count_address,
                                   .wants_signal = (message->flags & MSG_NOSIGNAL) == 0};
}

int64_t message_done(const struct broker_request *request, int64_t value, const void *context) {
    const struct message_finish *finish = context;
    if (value == -EPIPE && finish->wants_signal) {
        struct target_identity identity;
        if (target_identity(request->thread, &identity) == 0 && broker_is_waiting(request->broker, request->id))
            (void)syscall(SYS_tgkill, identity.process, request->thread, SIGPIPE);
    }
    if (value < 0 || finish->count_address == 0)
        return value;
    uint32_t bytes = (uint32_t)value;
    return target_write(request->thread, finish->count_address, &bytes, sizeof bytes) < 0 ? -EFAULT : 1;
}

struct send_job {
    struct message_finish finish; /* first: what message_done gets */
    int socket;
    struct message *message;
    int64_t already; /* bytes of a stream that went without waiting */
};

static int64_t send_work(void *context) {
    struct send_job *job = context;
    int64_t sent = message_send(job->socket, job->message, 0);
    return sent < 0 && job->already > 0 ? job->already : sent + job->already;
}

static bool may_wait(int socket, const struct message *message) {
    return (message->flags & MSG_DONTWAIT) == 0 && (fcntl(socket, F_GETFL) & O_NONBLOCK) == 0;
}

/* By the kernel itself: sockets of the internet, and those whose other end is the kernel. */
static struct outcome send_here(const struct broker_request *request, int socket, struct message *message) {
    struct send_job job = {.finish = message_finish_of(message), .socket = socket, .message = message};
    bool is_stream = network_transport(socket) == IPPROTO_TCP;
    int64_t sent = message_send(socket, message, MSG_DONTWAIT);
    bool is_partial = is_stream && sent >= 0 && (size_t)sent < message->bytes;
    if ((sent != -EAGAIN && !is_partial) || !may_wait(socket, message))
        return outcome_value(message_done(request, sent, &job.finish));
    job.already = is_partial ? sent : 0;
    message->data += job.already;
    message->bytes -= (size_t)job.already;
    struct job_start start = {.work = send_work,
                              .finish = message_done,
                              .context = &job,
                              .finish_bytes = sizeof job.finish,
                              .descriptors = &socket,
                              .descriptor_count = 1};
    return job_start(request, &start);
}

/* The permission for the address of a datagram. TCP takes none and ignores it. */
static int check_address(const struct broker_request *request, int socket, int domain, struct message *message) {
    uint8_t transport = network_transport(socket);
    if (transport == 0)
        return -EACCES;
    if (!message->has_address)
        return 0;
    if (transport == IPPROTO_TCP || (domain == AF_INET6 && message->address.u.family == AF_UNSPEC)) {
        message->has_address = false;
        return 0;
    }
    int error = address_settle(&message->address, domain, false);
    if (error < 0)
        return error;
    address_settle_destination(&message->address);
    return network_check(request, GROVE_CAP_NET_CONNECT, transport, &message->address);
}

static struct outcome send_taken(const struct broker_request *request, int socket, int domain,
                                 struct message *message) {
    if (domain == AF_UNIX)
        return local_is_kernel(socket) ? send_here(request, socket, message) : local_send(request, socket, message);
    int error = check_address(request, socket, domain, message);
    if (error < 0)
        return outcome_value(error);
    if (broker_trusts_callers())
        return outcome_of(OUTCOME_CONTINUE);
    return send_here(request, socket, message);
}

/* A container whose sockets are all its own: only the refusal has to be explained. */
static struct outcome judge_own(const struct broker_request *request, int socket, int domain, struct message *message) {
    if (domain != AF_INET && domain != AF_INET6)
        return outcome_of(OUTCOME_CONTINUE);
    int error = check_address(request, socket, domain, message);
    return error == -EACCES ? outcome_value(error) : outcome_of(OUTCOME_CONTINUE);
}

static int open_socket(const struct broker_request *request, int *domain) {
    int socket = target_descriptor(request->thread, (int)request->arguments[0]);
    if (socket < 0)
        return socket;
    *domain = network_domain(socket);
    if (*domain == AF_UNIX || *domain == AF_INET || *domain == AF_INET6)
        return socket;
    close(socket);
    return *domain < 0 ? *domain : -EACCES;
}

/* ---- the calls ---- */

static int take_plain(const struct broker_request *request, struct message *message) {
    int error = settle_flags(message, request->arguments[3]);
    message->bytes = request->arguments[2] < MESSAGE_BYTES_MAX ? request->arguments[2] : MESSAGE_BYTES_MAX;
    if (error == 0)
        error = take_address(request, request->arguments[4], request->arguments[5], message);
    if (error == 0 && message->bytes > 0)
        error = target_read(request->thread, request->arguments[1], data, message->bytes);
    return error;
}

struct outcome message_sendto(const struct broker_request *request) {
    struct message message;
    int domain = 0;
    open_message(&message);
    int socket = open_socket(request, &domain);
    if (socket < 0)
        return outcome_value(socket);
    int error = take_plain(request, &message);
    struct outcome outcome = outcome_value(error);
    if (error == 0 && !broker_is_waiting(request->broker, request->id))
        outcome = outcome_error(EINTR);
    else if (error == 0)
        outcome = request->broker->has_network ? send_taken(request, socket, domain, &message)
                                               : judge_own(request, socket, domain, &message);
    close(socket);
    return outcome;
}

static int take_header(const struct broker_request *request, uint64_t address, uint64_t flags, int domain,
                       struct message *message) {
    struct msghdr header = {0};
    int error = target_read(request->thread, address, &header, sizeof header);
    if (error == 0)
        error = settle_flags(message, flags);
    if (error == 0)
        error = take_address(request, (uint64_t)(uintptr_t)header.msg_name, header.msg_namelen, message);
    if (error == 0)
        error = take_vectors(request, (uint64_t)(uintptr_t)header.msg_iov, header.msg_iovlen, message);
    if (error == 0)
        error = take_control(request, domain, &header, message);
    return error;
}

static struct outcome send_header(const struct broker_request *request, int socket, int domain, uint64_t address,
                                  uint64_t flags, uint64_t count_address) {
    struct message message;
    open_message(&message);
    message.count_address = count_address;
    int error = take_header(request, address, flags, domain, &message);
    struct outcome outcome = outcome_value(error);
    if (error == 0 && !broker_is_waiting(request->broker, request->id))
        outcome = outcome_error(EINTR);
    else if (error == 0)
        outcome = send_taken(request, socket, domain, &message);
    close_message(&message);
    return outcome;
}

struct outcome message_sendmsg(const struct broker_request *request) {
    int domain = 0;
    int socket = open_socket(request, &domain);
    if (socket < 0)
        return outcome_value(socket);
    struct outcome outcome = send_header(request, socket, domain, request->arguments[1], request->arguments[2], 0);
    close(socket);
    return outcome;
}

/*
 * One message after the other, as Linux does: the answer is how many went, or the error of the first. A message that has
 * to wait ends the round if others went before it; the caller comes again with the rest.
 */
static struct outcome send_many(const struct broker_request *request, int socket, int domain) {
    const uint64_t count = request->arguments[2], flags = request->arguments[3];
    int64_t sent = 0;
    while ((uint64_t)sent < count && sent < MESSAGES_PER_CALL) {
        uint64_t place = request->arguments[1] + (uint64_t)sent * sizeof(struct mmsghdr);
        struct outcome outcome = send_header(request, socket, domain, place, flags | (sent > 0 ? MSG_DONTWAIT : 0),
                                             place + offsetof(struct mmsghdr, msg_len));
        if (outcome.kind != OUTCOME_ANSWER)
            return outcome;
        if (outcome.value < 0)
            return sent > 0 ? outcome_value(sent) : outcome;
        sent++;
    }
    return outcome_value(sent);
}

struct outcome message_sendmmsg(const struct broker_request *request) {
    int domain = 0;
    int socket = open_socket(request, &domain);
    if (socket < 0)
        return outcome_value(socket);
    struct outcome outcome = send_many(request, socket, domain);
    close(socket);
    return outcome;
}
