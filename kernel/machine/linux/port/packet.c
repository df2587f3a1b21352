/* Packets of the kernel port, see packet.h. Stateless; no received descriptor is ever left unaccounted for. */
#include "kernel/machine/linux/port/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for exactly the descriptors a packet may have. What is sent beyond them the kernel drops and says so. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(GROVE_PORT_OBJECTS * sizeof(int))];
};

int packet_prepare(int descriptor) {
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET)
        return GROVE_INVALID;
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ? GROVE_IO : 0;
}

static void take_descriptors(struct packet *packet, struct msghdr *header) {
    packet->count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(part) + i * sizeof(int), sizeof descriptor);
            if (packet->count < GROVE_PORT_OBJECTS)
                packet->objects[packet->count++] = descriptor;
            else
                close(descriptor);
        }
    }
}

static void drop_descriptors(struct packet *packet) {
    for (uint32_t i = 0; i < packet->count; i++)
        close(packet->objects[i]);
    packet->count = 0;
    packet->message_bytes = PACKET_SPOILT;
}

int packet_receive(int descriptor, struct packet *packet) {
    union control control;
    struct iovec bytes = {.iov_base = &packet->message, .iov_len = sizeof packet->message};
    struct msghdr header = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    memset(&packet->message, 0, sizeof packet->message);
    /* MSG_TRUNC makes the result the true length, so that a long packet is refused and not cut. */
    ssize_t got = recvmsg(descriptor, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR || errno == ENOMEM || errno == ENOBUFS ? GROVE_AGAIN : GROVE_CLOSED;
    take_descriptors(packet, &header);
    packet->message_bytes = (uint32_t)got;
    if ((header.msg_flags & MSG_CTRUNC) != 0)
        drop_descriptors(packet);
    /* Length 0 is the end of the connection; an empty packet looks the same and deserves the same. */
    if (got > 0)
        return 0;
    drop_descriptors(packet);
    return GROVE_CLOSED;
}

static void attach(struct msghdr *header, union control *control, const machine_object *objects, uint32_t count) {
    memset(control, 0, sizeof *control);
    header->msg_control = control;
    header->msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *part = CMSG_FIRSTHDR(header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(part), objects, count * sizeof(int));
}

int packet_send(int descriptor, const struct grove_message *message, const machine_object *objects, uint32_t count,
                bool *can_be_polled) {
    union control control;
    struct iovec bytes = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof *message};
    struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (count > GROVE_PORT_OBJECTS)
        return GROVE_INVALID;
    if (count > 0 && objects != NULL)
        attach(&header, &control, objects, count);
    if (sendmsg(descriptor, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    switch (errno) {
    case EAGAIN:
        *can_be_polled = true;
        return GROVE_AGAIN;
    case EINTR:
    case ENOMEM:
    case ENOBUFS:
    case ETOOMANYREFS: /* too many descriptors under way for this user; they arrive soon */
        *can_be_polled = false;
        return GROVE_AGAIN;
    default:
        return GROVE_CLOSED;
    }
}
