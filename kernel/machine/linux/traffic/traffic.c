/* Limits on what is sent and received, groved's side: see traffic.h. */
#include "kernel/machine/linux/traffic/traffic.h"

#include "kernel/machine/linux/loop/companion.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define REST_NS UINT64_C(1000000000) /* between two warnings */
#define ANSWERS_A_TURN 16u

struct traffic {
    machine_container container;
    const char *name;
    struct relay_account *account;
    int control, bell;
    uint64_t rest_timer;
    struct companion relay;
    bool has_ended; /* the instance: all that is left is the relay, to be waited for */
};

bool traffic_works(void) {
    return relay_network_enter();
}

/* ---- the relay ---- */

static bool prepare_relay(void *context) {
    (void)context;
    return relay_network_enter();
}

static void run_relay(void *context) {
    relay_run(context);
}

static void relay_ended(struct companion *companion, bool is_orderly, void *context) {
    struct traffic *traffic = context;
    (void)companion;
    (void)is_orderly;
    if (traffic->has_ended) {
        free(traffic);
        return;
    }
    (void)fprintf(stderr, "%s: the process that holds its limit on the network has ended, so it is ended as well\n",
                  traffic->name);
    machine_container_kill(traffic->container);
}

/* To bind ports below 1024 of the host is all that it needs of root. */
static int start_relay(struct traffic *traffic, int control) {
    struct relay relay = {.control = control, .bell = traffic->bell, .account = traffic->account};
    const struct companion_start start = {.name = "grove-net",
                                          .descriptors = {control, traffic->bell, -1, -1},
                                          .capabilities = UINT64_C(1) << CAP_NET_BIND_SERVICE,
                                          .prepare = prepare_relay,
                                          .outlives = true,
                                          .run = run_relay,
                                          .run_context = &relay};
    return companion_start(&traffic->relay, &start, relay_ended, traffic) < 0 ? GROVE_IO : GROVE_OK;
}

/* ---- answers ---- */

static bool take_answer(const struct traffic *traffic) {
    struct relay_answer answer;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {&answer, sizeof answer};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    int descriptor = -1;
    if (recvmsg(traffic->control, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != (ssize_t)sizeof answer)
        return false;
    const struct cmsghdr *passed = CMSG_FIRSTHDR(&message);
    if (passed != NULL && passed->cmsg_type == SCM_RIGHTS && passed->cmsg_len == CMSG_LEN(sizeof descriptor))
        memcpy(&descriptor, CMSG_DATA(passed), sizeof descriptor);
    broker_relayed(traffic->container, &answer, descriptor);
    return true;
}

/* Its end is seen by its process descriptor. */
static void answers_came(struct loop *loop, int descriptor, uint32_t events, void *context) {
    const struct traffic *traffic = context;
    if ((events & EPOLLIN) == 0) {
        loop_forget(loop, descriptor);
        return;
    }
    for (unsigned i = 0; i < ANSWERS_A_TURN && take_answer(traffic); i++)
        continue;
}

int traffic_ask(struct traffic *traffic, const struct relay_request *request, int inner, int outer) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    const int descriptors[2] = {inner, outer};
    struct iovec part = {(void *)(uintptr_t)request, sizeof *request};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (inner >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        control.header = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof descriptors)};
        memcpy(CMSG_DATA(&control.header), descriptors, sizeof descriptors);
    }
    if (sendmsg(traffic->control, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof *request)
        return 0;
    return errno == EAGAIN ? -EAGAIN : -ENETDOWN;
}

/* ---- warnings ---- */

static void bell_rang(struct loop *loop, int descriptor, uint32_t events, void *context);

static void listen_again(struct loop *loop, void *context) {
    struct traffic *traffic = context;
    traffic->rest_timer = 0;
    (void)loop_watch(loop, traffic->bell, EPOLLIN, bell_rang, traffic);
}

static void bell_rang(struct loop *loop, int descriptor, uint32_t events, void *context) {
    struct traffic *traffic = context;
    uint64_t count, rate = atomic_load(&traffic->account->rate);
    uint32_t news = atomic_exchange(&traffic->account->news, 0);
    (void)events;
    (void)!read(descriptor, &count, sizeof count);
    loop_forget(loop, descriptor);
    if (loop_at(loop, machine_clock_ns() + REST_NS, listen_again, traffic, &traffic->rest_timer) < 0)
        listen_again(loop, traffic);
    if ((news & RELAY_HAD_TO_WAIT) != 0)
        core_container_over_budget(linux_machine->core, traffic->container, GROVE_RESOURCE_NETWORK, rate, rate);
    if ((news & RELAY_NEARS_TOTAL) != 0)
        core_container_over_budget(linux_machine->core, traffic->container, GROVE_RESOURCE_NETWORK_TOTAL,
                                   traffic_bytes(traffic->account), atomic_load(&traffic->account->total));
}

/* ---- the whole ---- */

static void traffic_close(struct traffic *traffic) {
    if (traffic->rest_timer != 0)
        loop_cancel(linux_machine->loop, traffic->rest_timer);
    if (traffic->control >= 0) {
        loop_forget(linux_machine->loop, traffic->control);
        (void)close(traffic->control);
    }
    if (traffic->bell >= 0) {
        loop_forget(linux_machine->loop, traffic->bell);
        (void)close(traffic->bell);
    }
}

static int traffic_open(struct traffic *traffic) {
    int ends[2];
    if (traffic->bell < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return GROVE_NO_DESCRIPTORS;
    traffic->control = ends[0];
    int result = loop_watch(linux_machine->loop, traffic->control, EPOLLIN, answers_came, traffic);
    if (result == GROVE_OK)
        result = loop_watch(linux_machine->loop, traffic->bell, EPOLLIN, bell_rang, traffic);
    if (result == GROVE_OK)
        result = start_relay(traffic, ends[1]);
    (void)close(ends[1]);
    return result;
}

int traffic_create(machine_container container, const char *name, struct relay_account *account,
                   struct traffic **traffic) {
    struct traffic *made = calloc(1, sizeof *made);
    if (made == NULL)
        return GROVE_NO_MEMORY;
    made->container = container;
    made->name = name;
    made->control = -1;
    made->account = account;
    made->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result = traffic_open(made);
    if (result < 0) {
        traffic_close(made);
        free(made);
    } else {
        *traffic = made;
    }
    return result;
}

struct relay_account *traffic_account_create(void) {
    struct relay_account *account =
        mmap(NULL, sizeof *account, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return account == MAP_FAILED ? NULL : account;
}

void traffic_account_destroy(struct relay_account *account) {
    if (account != NULL)
        (void)munmap(account, sizeof *account);
}

void traffic_set(struct relay_account *account, uint64_t rate, uint64_t total) {
    atomic_store(&account->rate, rate != 0 ? rate : INT64_MAX);
    atomic_store(&account->total, total != 0 ? total : UINT64_MAX);
}

uint64_t traffic_bytes(const struct relay_account *account) {
    return account == NULL ? 0 : atomic_load(&account->passed);
}

void traffic_usage(const struct traffic *traffic, struct grove_usage *usage) {
    companion_usage(&traffic->relay, usage);
}

void traffic_end(struct traffic *traffic) {
    if (traffic == NULL)
        return;
    traffic_close(traffic);
    traffic->has_ended = true;
    if (traffic->relay.process == 0)
        free(traffic);
}
