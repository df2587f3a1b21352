/*
 * What the kernel sends to libgrove, as a fuzzer likes it: a service and a client whose kernel is the input.
 *
 * The session opens on an INIT as it should be; then the input is read as packets:
 *
 *     byte 0     what it claims to be: an operation below 128, else the next byte is added to 128
 *     byte 1     descriptors attached (low 3 bits), of which kind (next 2 bits), and how it is cut short (the rest)
 *     byte 2     the sequence number: 0 is a notice
 *     byte 3     n: how many bytes of the body follow; the rest of the body is 0
 *
 * After each packet the run loop has a turn. With the first bit of the input set there is no INIT before it. Nothing may
 * crash, stay open or stay mapped; any status that comes out is one that exists.
 */
#include "lib/session/attachment.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKETS_MAX 24u
#define SEGMENT_BYTES (1u << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

struct input {
    const uint8_t *bytes;
    size_t left;
};

static uint8_t next_byte(struct input *input) {
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->bytes++;
}

static void must(bool condition) {
    if (!condition)
        abort();
}

static int memory_of(size_t size_bytes, int seals) {
    int memory = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    must(memory >= 0 && ftruncate(memory, (off_t)size_bytes) == 0 && fcntl(memory, F_ADD_SEALS, seals) == 0);
    return memory;
}

static void send_packet(int port, const void *packet, size_t size_bytes, const int *objects, unsigned count) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)packet, .iov_len = size_bytes};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *attached = CMSG_FIRSTHDR(&header);
        attached->cmsg_level = SOL_SOCKET;
        attached->cmsg_type = SCM_RIGHTS;
        attached->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(attached), objects, count * sizeof(int));
    }
    (void)sendmsg(port, &header, MSG_DONTWAIT | MSG_NOSIGNAL); /* a full port only shortens the input */
}

/* A packet of the input. What is a channel in it gets a layout that fits its memory, or hardly anything would. */
static void send_next(struct input *input, int port, const int memories[3]) {
    struct grove_message message = {.version = GROVE_PORT_VERSION};
    uint8_t first = next_byte(input), shape = next_byte(input);
    message.operation = first < 128 ? first : (uint16_t)(128 + next_byte(input));
    message.sequence = next_byte(input);
    unsigned count = shape & 7u, kind = shape >> 3 & 3u, cut = shape >> 5;
    message.objects = (uint16_t)(cut == 1 ? count + 1u : count);
    struct grove_channel_layout layout = {.lane_offset_bytes = {16384, 20480, 24576},
                                          .lane_bytes = {4096, 4096, 4096},
                                          .arena_offset_bytes = 28672,
                                          .arena_bytes = 65536,
                                          .total_bytes = 28672 + 65536};
    if (message.operation == GROVE_NOTICE_CHANNEL_NEW) {
        message.body.channel_new.channel.layout = layout;
        memcpy(message.body.channel_new.endpoint.text, "test.fuzz", 9);
    }
    unsigned length = next_byte(input);
    for (unsigned i = 0; i < length && input->left > 0; i++)
        message.body.bytes[i] ^= next_byte(input);
    int objects[8];
    for (unsigned i = 0; i < count; i++)
        objects[i] = memories[(kind + i) % 3];
    send_packet(port, &message, cut == 2 ? sizeof message - 1u : sizeof message, objects, count);
}

static void send_init(int port) {
    struct grove_message init = {.version = GROVE_PORT_VERSION, .operation = GROVE_NOTICE_INIT, .objects = 1};
    int page = memory_of(4096, F_SEAL_SHRINK | F_SEAL_GROW);
    memcpy(init.body.init.project.text, "test", 4);
    init.body.init.ring = 2;
    must(pwrite(page, &(struct grove_kernel_page){.magic = GROVE_KERNEL_PAGE_MAGIC}, sizeof(struct grove_kernel_page),
                0) == sizeof(struct grove_kernel_page));
    send_packet(port, &init, sizeof init, &page, 1);
    close(page);
}

static int ignore(struct grove_request *request, void *context) {
    (void)request;
    (void)context;
    return 0;
}

static void close_objects(const struct grove_message *notice, const int *objects, unsigned count, void *context) {
    (void)notice;
    (void)context;
    for (unsigned i = 0; i < count; i++)
        if (objects[i] >= 0)
            close(objects[i]);
}

static bool is_known(int status) {
    return status <= 0 && status >= GROVE_NO_DESCRIPTORS;
}

/* What libgrove asks is not answered, but taken. */
static void drain(int port) {
    char bytes[16];
    while (recv(port, bytes, sizeof bytes, MSG_DONTWAIT | MSG_TRUNC) > 0)
        continue;
}

/* Turns of the run loop after each packet, until the session is given up. */
static void run(struct grove_session *session, struct input *input, int port, const int memories[3]) {
    struct grove_service *service;
    must(grove_service_create(&(struct grove_service_options){.session = session}, &service) == 0);
    must(grove_service_on(service, "fuzz", GROVE_METHOD_ANY, ignore, NULL) == 0);
    grove_session_on_notice(session, close_objects, NULL);
    must(grove_service_descriptor(service) >= 0); /* epoll, so that news of a hand-made kernel is seen */
    int status = 0;
    for (unsigned i = 0; i < PACKETS_MAX && input->left > 0 && (status == 0 || status == GROVE_TIMED_OUT); i++) {
        send_next(input, port, memories);
        status = grove_service_dispatch(service, 0);
        must(is_known(status));
        drain(port);
    }
    grove_service_destroy(service);
}

static unsigned lowest_free_descriptor(void) {
    int descriptor = dup(STDERR_FILENO);
    must(descriptor >= 0);
    close(descriptor);
    return (unsigned)descriptor;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    static int memories[3];
    struct input input = {.bytes = data, .left = size_bytes};
    struct grove_session *session = NULL;
    int ends[2];
    if (memories[0] == 0) {
        memories[0] = memory_of(SEGMENT_BYTES, F_SEAL_SHRINK | F_SEAL_GROW);
        memories[1] = memory_of(4096, F_SEAL_SHRINK);
        memories[2] = open("/dev/null", O_RDWR | O_CLOEXEC);
    }
    unsigned free_before = lowest_free_descriptor();
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    if ((next_byte(&input) & 1u) == 0) {
        send_init(ends[0]);
    } else {
        send_next(&input, ends[0], memories);
        shutdown(ends[0], SHUT_WR); /* or a kernel that said nothing would be waited for */
    }
    int status = grove_session_open(&(struct grove_session_options){.descriptor = ends[1]}, &session);
    must(is_known(status));
    if (status == 0) {
        run(session, &input, ends[0], memories);
        grove_session_close(session);
    }
    close(ends[0]);
    must(lowest_free_descriptor() == free_before);
    return 0;
}
