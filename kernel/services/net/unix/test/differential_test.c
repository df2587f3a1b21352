/*
 * Our unix sockets and Linux's answer the same: random calls on a few sockets of both, every answer, everything received and
 * what poll says compared after each. Sockets travel through sockets too.
 *
 * How much memory a message counts as is each system's own, so queues are kept short. The seeds are fixed; GROVE_SEED tries
 * another one, GROVE_SHOW=1 prints the steps.
 */
#include "kernel/services/net/test/stage.h"
#include "kernel/services/net/unix/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ROUNDS 400u
#define STEPS 400u
#define SLOTS 7u
#define NAMES 3u
#define SENDS_MAX 24u
#define BYTES_MAX 700u

struct slot {
    int theirs; /* -1: free */
    struct open_file *ours;
    uint32_t sends;
};

static uint64_t random_state, seed;
static unsigned step;
static struct stage stage;
static struct slot slots[SLOTS];
static bool is_shown;
static char folder[] = "/tmp/grove-unix-XXXXXX";

static uint32_t pick(uint32_t limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

static bool one_in(uint32_t count) {
    return pick(count) == 0;
}

static int64_t answer(int64_t returned) {
    return returned < 0 ? -errno : returned;
}

static void same(const char *what, int64_t theirs, int64_t ours) {
    if (is_shown)
        fprintf(stderr, "%u: %s: %lld\n", step, what, (long long)theirs);
    if (theirs != ours)
        fail_msg("seed %llu, step %u, %s: Linux says %lld, we %lld", (unsigned long long)seed, step, what,
                 (long long)theirs, (long long)ours);
}

static struct socket *socket_at(const struct slot *slot) {
    return socket_of(slot->ours);
}

static uint32_t pick_type(void) {
    static const uint32_t types[] = {LINUX_SOCK_STREAM, LINUX_SOCK_DGRAM, LINUX_SOCK_SEQPACKET};
    return types[pick(3)];
}

static struct slot *free_slot(void) {
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].theirs < 0)
            return &slots[i];
    return NULL;
}

static struct slot *pick_slot(void) {
    for (unsigned tries = 0; tries < 50; tries++) {
        struct slot *slot = &slots[pick(SLOTS)];
        if (slot->theirs >= 0)
            return slot;
    }
    return NULL;
}

/*
 * A socket that can be in no circle of sockets that only messages hold: Linux breaks those some time later, in a thread of its
 * own, and we at once.
 */
static struct slot *pick_lonely(void) {
    struct slot *slot = pick_slot();
    const struct unix_socket *socket = slot != NULL ? unix_of(socket_at(slot)) : NULL;
    bool is_lonely = socket != NULL && socket->references == 1 && socket->peer == NULL && socket->name == NULL &&
                     list_is_empty(&socket->messages) && socket->state == UNIX_ALONE;
    return is_lonely ? slot : NULL;
}

static void close_slot(struct slot *slot) {
    if (is_shown)
        fprintf(stderr, "%u: close slot %u\n", step, (unsigned)(slot - slots));
    (void)close(slot->theirs);
    file_unref(slot->ours);
    slot->theirs = -1;
}

/* A name that both sides lay out the same: abstract, or a path below the folder that is the current one of both. */
static struct socket_name pick_name(void) {
    char text[40];
    uint32_t number = pick(NAMES);
    if (one_in(25))
        return stage_name("", pick(2));
    if (is_shown)
        fprintf(stderr, "%u: name %u\n", step, number);
    if (one_in(2)) {
        int size = snprintf(text, sizeof(text), "%cgrove-%d-%u", 0, getpid(), number);
        return stage_name(text, (size_t)size);
    }
    int size = snprintf(text, sizeof(text), "s%u", number);
    return stage_name(text, (size_t)size + one_in(2));
}

/* ---- steps ---- */

static void make(void) {
    struct slot *slot = free_slot();
    uint32_t type = pick_type();
    if (slot == NULL)
        return;
    slot->theirs = socket(AF_UNIX, (int)(type | SOCK_NONBLOCK), 0);
    slot->ours = stage_socket(&stage, type);
    slot->sends = 0;
    same("socket", type, type);
}

static void make_pair(void) {
    struct slot *first = free_slot(), *second;
    struct open_file *ours[2];
    int theirs[2];
    uint32_t type = pick_type();
    if (first == NULL)
        return;
    first->theirs = 1;
    second = free_slot();
    first->theirs = -1;
    if (second == NULL)
        return;
    assert_int_equal(socketpair(AF_UNIX, (int)(type | SOCK_NONBLOCK), 0, theirs), 0);
    stage_pair(&stage, type, ours);
    *first = (struct slot){.theirs = theirs[0], .ours = ours[0]};
    *second = (struct slot){.theirs = theirs[1], .ours = ours[1]};
    same("socketpair", type, type);
}

static void bind_one(struct slot *slot) {
    struct socket_name name = pick_name();
    if (name.size_bytes <= 3) /* a name of its choice differs */
        return;
    same("bind", answer(bind(slot->theirs, (const struct sockaddr *)name.bytes, name.size_bytes)),
         socket_at(slot)->operations->bind(socket_at(slot), &stage.world.caller, &name));
}

static void unlink_one(void) {
    char text[8];
    snprintf(text, sizeof(text), "s%u", pick(NAMES));
    struct walk_path path = world_at(text);
    same("unlink", answer(unlink(text)), vfs_unlink(&stage.world.caller, &path));
}

static void connect_one(struct slot *slot) {
    struct socket_name name = pick_name();
    if (one_in(20))
        memset(name.bytes, 0, 2); /* AF_UNSPEC */
    same("connect", answer(connect(slot->theirs, (const struct sockaddr *)name.bytes, name.size_bytes)),
         socket_at(slot)->operations->connect(socket_at(slot), &stage.world.caller, &name, false));
}

static void listen_one(struct slot *slot) {
    uint32_t backlog = pick(3);
    same("listen", answer(listen(slot->theirs, (int)backlog)),
         socket_at(slot)->operations->listen(socket_at(slot), backlog));
}

static void accept_one(struct slot *slot) {
    struct slot *into = free_slot();
    struct socket *accepted = NULL;
    if (into == NULL)
        return;
    int64_t theirs = answer(accept4(slot->theirs, NULL, NULL, SOCK_NONBLOCK));
    int ours = socket_at(slot)->operations->accept(socket_at(slot), false, &accepted);
    same("accept", theirs < 0 ? theirs : 0, ours);
    if (theirs < 0)
        return;
    *into = (struct slot){.theirs = (int)theirs, .ours = socket_open(accepted, LINUX_O_NONBLOCK)};
}

static int64_t send_theirs(const struct slot *slot, void *bytes, size_t size, int flags, struct socket_name *name,
                           const struct slot *along) {
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec vector = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (name != NULL) {
        message.msg_name = name->bytes;
        message.msg_namelen = name->size_bytes;
    }
    if (along != NULL) {
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &along->theirs, sizeof(int));
    }
    return answer(sendmsg(slot->theirs, &message, flags | MSG_NOSIGNAL));
}

static void send_one(struct slot *slot) {
    uint8_t bytes[BYTES_MAX];
    struct socket_name name = pick_name();
    const struct slot *along = one_in(4) ? pick_lonely() : NULL;
    bool has_name = one_in(4) && name.size_bytes > 2;
    size_t size = one_in(10) ? 0 : one_in(2) ? pick(20) : pick(BYTES_MAX);
    if (++slot->sends > SENDS_MAX)
        return;
    if (is_shown)
        fprintf(stderr, "%u: send %zu, along %d\n", step, size, along != NULL ? (int)(along - slots) : -1);
    memset(bytes, (int)pick(256), sizeof(bytes));
    same("send", send_theirs(slot, bytes, size, 0, has_name ? &name : NULL, along),
         stage_send(&stage, slot->ours, bytes, size, 0, has_name ? &name : NULL, along != NULL ? along->ours : NULL));
}

/* A socket that came is put into a free slot, or closed. */
static void take_file(int theirs, struct open_file *ours) {
    struct slot *into = free_slot();
    if (into == NULL) {
        (void)close(theirs);
        file_unref(ours);
        return;
    }
    *into = (struct slot){.theirs = theirs, .ours = ours, .sends = SENDS_MAX / 2};
    if (is_shown)
        fprintf(stderr, "%u: slot %u came\n", step, (unsigned)(into - slots));
}

static void same_name(const struct socket_name *ours, const void *theirs, socklen_t size) {
    same("size of the name", size, ours->size_bytes);
    bool is_chosen = size == 8 && ours->bytes[2] == 0; /* by each system, for whoever has none and needs one */
    if (!is_chosen && memcmp(theirs, ours->bytes, size) != 0)
        fail_msg("seed %llu, step %u: names differ", (unsigned long long)seed, step);
}

static void compare_control(struct msghdr *message, const struct socket_message *ours, bool is_peek) {
    int file = -1;
    struct ucred credentials = {0};
    bool has_credentials = false;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_type == SCM_RIGHTS)
            memcpy(&file, CMSG_DATA(header), sizeof(file));
        if (header->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
            has_credentials = true;
        }
    }
    if (is_peek && file >= 0 && ours->file_count == 0) {
        (void)close(file); /* Linux shows it once more to who peeks behind the first byte that was read with it */
        file = -1;
    }
    same("files", file >= 0, ours->file_count);
    if (file >= 0)
        take_file(file, ours->files[0]);
    if (ours->done_bytes == 0 && !has_credentials)
        return;
    same("has credentials", has_credentials, ours->has_credentials);
    if (has_credentials) {
        same("process", credentials.pid, ours->credentials.process);
        same("user", credentials.uid, ours->credentials.user);
    }
}

static void receive_one(struct slot *slot) {
    static const uint32_t all_flags[] = {
        0, 0, 0, 0, LINUX_MSG_PEEK, LINUX_MSG_TRUNC, LINUX_MSG_WAITALL, LINUX_MSG_PEEK | LINUX_MSG_TRUNC};
    uint8_t theirs[2 * BYTES_MAX], ours[2 * BYTES_MAX];
    char control[256];
    struct sockaddr_un name;
    size_t size = one_in(12) ? 0 : one_in(3) ? pick(30) : pick(2 * BYTES_MAX);
    uint32_t flags = all_flags[pick(ITEMS(all_flags))];
    struct iovec vector = {.iov_base = theirs, .iov_len = size};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_name = &name,
                             .msg_namelen = sizeof(name),
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct socket_message got;
    if (size == 0 && socket_at(slot)->type == LINUX_SOCK_STREAM)
        return;
    if (socket_at(slot)->type == LINUX_SOCK_STREAM)
        flags &= ~LINUX_MSG_TRUNC; /* Linux throws bytes away then */
    memset(theirs, 0, sizeof(theirs));
    memset(ours, 0, sizeof(ours));
    if (is_shown)
        fprintf(stderr, "%u: receive %zu with %#x\n", step, size, flags);
    int64_t result = answer(recvmsg(slot->theirs, &message, (int)flags));
    same("receive", result, stage_receive(slot->ours, ours, size, flags, &got));
    assert_memory_equal(theirs, ours, size);
    if (result < 0)
        return;
    same("truncated", message.msg_flags & MSG_TRUNC, got.told & LINUX_MSG_TRUNC);
    same_name(&got.name, &name, message.msg_namelen);
    compare_control(&message, &got, (flags & LINUX_MSG_PEEK) != 0);
}

static void shut_one(struct slot *slot) {
    uint32_t how = pick(4);
    if (!one_in(3))
        return;
    same("shutdown", answer(shutdown(slot->theirs, (int)how)),
         socket_at(slot)->operations->shut_down(socket_at(slot), how));
}

static void ask_names(struct slot *slot) {
    struct sockaddr_un name;
    struct socket_name ours;
    for (int of_peer = 0; of_peer < 2; of_peer++) {
        socklen_t size = sizeof(name);
        int64_t theirs = answer(of_peer ? getpeername(slot->theirs, (struct sockaddr *)&name, &size)
                                        : getsockname(slot->theirs, (struct sockaddr *)&name, &size));
        same(of_peer ? "getpeername" : "getsockname", theirs,
             socket_at(slot)->operations->get_name(socket_at(slot), of_peer != 0, &ours));
        if (theirs == 0)
            same_name(&ours, &name, size);
    }
}

static void ask_options(struct slot *slot) {
    static const uint32_t options[] = {LINUX_SO_TYPE,   LINUX_SO_ERROR,    LINUX_SO_ACCEPTCONN, LINUX_SO_DOMAIN,
                                       LINUX_SO_SNDBUF, LINUX_SO_RCVBUF,   LINUX_SO_PASSCRED,   LINUX_SO_RCVLOWAT,
                                       LINUX_SO_LINGER, LINUX_SO_RCVTIMEO, LINUX_SO_PEERCRED};
    uint32_t option = options[pick(ITEMS(options))];
    uint8_t theirs[32] = {0}, ours[32] = {0};
    socklen_t their_size = sizeof(theirs);
    uint32_t our_size = sizeof(ours);
    same("getsockopt", answer(getsockopt(slot->theirs, SOL_SOCKET, (int)option, theirs, &their_size)),
         socket_get_option(socket_at(slot), LINUX_SOL_SOCKET, option, ours, &our_size));
    same("size of the option", their_size, our_size);
    if (memcmp(theirs, ours, our_size) != 0)
        fail_msg("seed %llu, step %u: option %u differs", (unsigned long long)seed, step, option);
}

static void set_credentials(struct slot *slot) {
    int on = (int)pick(2);
    if (!one_in(3))
        return;
    same("SO_PASSCRED", answer(setsockopt(slot->theirs, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on))),
         socket_set_option(socket_at(slot), LINUX_SOL_SOCKET, LINUX_SO_PASSCRED, &on, sizeof(on)));
}

static void compare_all(void) {
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i].theirs < 0)
            continue;
        struct pollfd theirs = {.fd = slots[i].theirs,
                                .events = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLWRBAND | POLLRDHUP};
        int their_count = 0, our_count = 0;
        assert_true(poll(&theirs, 1, 0) >= 0);
        if ((uint16_t)theirs.revents != stage_poll(slots[i].ours))
            fail_msg("seed %llu, step %u, poll of slot %u: Linux says %#x, we %#x", (unsigned long long)seed, step, i,
                     theirs.revents, stage_poll(slots[i].ours));
        int64_t their_result = answer(ioctl(slots[i].theirs, FIONREAD, &their_count));
        int64_t our_result = file_control(slots[i].ours, LINUX_SIOCINQ, (uint64_t)(uintptr_t)&our_count);
        if (their_result != our_result || their_count != our_count)
            fail_msg("seed %llu, step %u, FIONREAD of slot %u: Linux says %d, we %d", (unsigned long long)seed, step, i,
                     their_count, our_count);
    }
}

static void do_step(void) {
    uint32_t which = pick(30);
    struct slot *slot = pick_slot();
    if (is_shown && slot != NULL)
        fprintf(stderr, "%u: slot %u, a socket of type %u\n", step, (unsigned)(slot - slots), socket_at(slot)->type);
    if (which == 0 || slot == NULL)
        make();
    else if (which == 1)
        make_pair();
    else if (which < 4)
        bind_one(slot);
    else if (which == 4)
        unlink_one();
    else if (which < 8)
        connect_one(slot);
    else if (which < 10)
        listen_one(slot);
    else if (which < 13)
        accept_one(slot);
    else if (which < 18)
        send_one(slot);
    else if (which < 24)
        receive_one(slot);
    else if (which == 24)
        shut_one(slot);
    else if (which == 25)
        ask_names(slot);
    else if (which == 26)
        ask_options(slot);
    else if (which == 27)
        set_credentials(slot);
    else if (one_in(2))
        close_slot(slot);
}

static void run_round(uint64_t with) {
    seed = random_state = with;
    stage_begin(&stage);
    stage.who = (struct socket_credentials){.process = getpid(), .user = geteuid(), .group = getegid()};
    for (unsigned i = 0; i < SLOTS; i++)
        slots[i].theirs = -1;
    for (step = 0; step < STEPS; step++) {
        do_step();
        compare_all();
    }
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].theirs >= 0)
            close_slot(&slots[i]);
    for (unsigned i = 0; i < NAMES; i++) {
        char text[8];
        snprintf(text, sizeof(text), "s%u", i);
        (void)unlink(text);
    }
    stage_end(&stage);
}

static void we_answer_as_linux_does(void **state) {
    const char *chosen = getenv("GROVE_SEED");
    (void)state;
    is_shown = getenv("GROVE_SHOW") != NULL;
    (void)umask(022);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    for (uint64_t i = 0; i < (chosen != NULL ? 1 : ROUNDS); i++)
        run_round(chosen != NULL ? strtoull(chosen, NULL, 10) : i + 1);
    assert_int_equal(rmdir(folder), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(we_answer_as_linux_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
