/* The broker by itself, see harness.h. */
#include "harness.h"
#include "kernel/machine/linux/traffic/traffic.h"
#include "tests/descriptors.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#define CONTAINER 3u
#define DEADLINE_NS UINT64_C(60000000000)

struct harness harness;

static struct linux_machine machine;
struct linux_machine *linux_machine = &machine;
static struct grove_spec *spec;
static int descriptors_before;
static bool is_over;

/* ---- the made-up core ---- */

static bool covers(const struct rule *rule, const struct grove_capability *wanted) {
    const struct grove_address *address = &wanted->argument.value.address;
    return rule->kind == wanted->kind && (rule->transport == 0 || rule->transport == address->transport) &&
           rule->port == address->port_first && rule->port == address->port_last &&
           address->family == (rule->is_version6 ? 6 : 4);
}

int core_check(struct core *core, machine_container container, const struct grove_capability *wanted,
               uint16_t operation) {
    (void)core;
    (void)operation;
    assert_int_equal(container, CONTAINER);
    assert_true(grove_argument_is_valid(&wanted->argument));
    if (harness.allows_everything)
        return 0;
    for (unsigned i = 0; i < harness.rule_count; i++)
        if (covers(&harness.rules[i], wanted))
            return 0;
    if (harness.refused_count < SEEN_MAX)
        harness.refused[harness.refused_count++] = *wanted;
    return GROVE_DENIED;
}

void core_learned(struct core *core, machine_container container, const struct grove_capability *used) {
    (void)core;
    (void)container;
    assert_true(grove_argument_is_valid(&used->argument));
    if (harness.learned_count < SEEN_MAX)
        harness.learned[harness.learned_count++] = *used;
}

const struct grove_spec *container_spec(machine_container container) {
    (void)container;
    return spec;
}

/* Limits on the network are tried with whole containers. */
struct traffic *container_traffic(machine_container container) {
    (void)container;
    return NULL;
}

int traffic_ask(struct traffic *traffic, const struct relay_request *request, int inner, int outer) {
    (void)traffic;
    (void)request;
    (void)inner;
    (void)outer;
    return -ENETDOWN;
}

void machine_container_kill(machine_container container) {
    (void)container;
    harness.kills++;
}

bool broker_trusts_callers(void) {
    return harness.is_naive;
}

static void make_spec(void) {
    static uint64_t blob[128];
    memset(blob, 0, sizeof blob);
    spec = (struct grove_spec *)(void *)blob;
    spec->flags = GROVE_SPEC_SYSTEM_FILES | (harness.is_learning ? GROVE_SPEC_LEARN : 0);
    spec->text_offset_bytes = sizeof *spec + sizeof(struct grove_spec_capability);
    if (!harness.has_network)
        return;
    spec->capabilities = (struct grove_table){.offset_bytes = sizeof *spec, .count = 1};
    struct grove_spec_capability *capability = (struct grove_spec_capability *)(void *)((char *)blob + sizeof *spec);
    capability->kind = GROVE_CAP_NET_BIND;
    for (unsigned i = 0; i < harness.rule_count; i++)
        if (harness.rules[i].kind == GROVE_CAP_NET_CONNECT)
            capability->kind = GROVE_CAP_NET_CONNECT;
}

void allow(uint16_t kind, uint8_t transport, uint16_t port) {
    harness.rules[harness.rule_count++] = (struct rule){.kind = kind, .transport = transport, .port = port};
}

/* ---- before and after ---- */

int harness_reset(void **state) {
    (void)state;
    memset(&harness, 0, sizeof harness);
    harness.has_network = true;
    descriptors_before = descriptors_open();
    machine.rootless = geteuid() != 0;
    return loop_create(&machine.loop);
}

int harness_check(void **state) {
    (void)state;
    loop_destroy(machine.loop);
    assert_int_equal(descriptors_open(), descriptors_before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    return 0;
}

/* ---- the child ---- */

static bool enter_empty_network(void) {
    return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

bool can_confine(void) {
    pid_t child = fork();
    if (child == 0)
        _exit(enter_empty_network() ? 0 : 1);
    int status = 1;
    waitpid(child, &status, 0);
    return status == 0;
}

static int install_filter(void) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    for (unsigned i = 0; i < broker_call_count; i++) {
        const struct broker_call *call = &broker_calls[i];
        int number = seccomp_syscall_resolve_name(call->name);
        if (number < 0 || !call->wanted(spec))
            continue;
        if (call->skip_if_zero_argument < 0)
            EXPECT(seccomp_rule_add(filter, SCMP_ACT_NOTIFY, number, 0) == 0);
        else
            EXPECT(seccomp_rule_add(filter, SCMP_ACT_NOTIFY, number, 1,
                                    SCMP_CMP((unsigned)call->skip_if_zero_argument, SCMP_CMP_NE, 0, 0)) == 0);
    }
    EXPECT(seccomp_load(filter) == 0);
    int listener = seccomp_notify_fd(filter);
    seccomp_release(filter);
    return listener;
}

/* What another container in the same network namespace would have: an abstract name with a listener. */
static void listen_as_stranger(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char name[] = "grove-test-other";
    memcpy(address.sun_path + 1, name, strlen(name));
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    EXPECT(bind(server, (struct sockaddr *)&address, bytes) == 0 && listen(server, 1) == 0);
}

static _Noreturn void run_child(int channel, void (*work)(void *context), void *context) {
    EXPECT(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    EXPECT(enter_empty_network());
    listen_as_stranger();
    int listener = install_filter();
    char go;
    /* Passing the listener would be a notified call; the parent takes it by its number. */
    EXPECT(write(channel, &listener, sizeof listener) == sizeof listener);
    EXPECT(read(channel, &go, 1) == 1);
    close(channel);
    close(listener);
    work(context);
    _exit(0);
}

/* ---- the parent ---- */

static void child_ended(struct loop *loop, int descriptor, uint32_t events, void *context) {
    (void)events;
    (void)context;
    is_over = true;
    loop_forget(loop, descriptor);
    broker_detach(CONTAINER);
}

static void too_late(struct loop *loop, void *context) {
    (void)loop;
    kill(*(const pid_t *)context, SIGKILL);
    fprintf(stderr, "the child did not end in time\n");
}

static unsigned children(void) {
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    FILE *file = fopen(path, "re");
    /* One number and a blank for each child. */
    for (int byte; (byte = fgetc(file)) != EOF;)
        count += byte == ' ';
    fclose(file);
    return count;
}

static unsigned jobs_wanted;

static uint64_t until_over(void *context) {
    const pid_t *child = context;
    if (jobs_wanted > 0 && children() > jobs_wanted) {
        jobs_wanted = 0;
        kill(*child, SIGKILL);
    }
    /* The child itself stays a zombie until the end, so one is left when every job is. */
    if (is_over && children() == 1)
        loop_stop(machine.loop);
    return UINT64_MAX;
}

static void take_listener(pid_t child, int process, int channel) {
    int number = -1;
    assert_int_equal(read(channel, &number, sizeof number), sizeof number);
    int listener = (int)syscall(SYS_pidfd_getfd, process, number, 0);
    assert_true(listener >= 0);
    assert_int_equal(broker_attach(CONTAINER, listener), 0);
    assert_int_equal(write(channel, "+", 1), 1);
    (void)child;
}

int run_confined_status(void (*work)(void *context), void *context) {
    int ends[2], status;
    uint64_t timer;
    make_spec();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        run_child(ends[1], work, context);
    int process = (int)syscall(SYS_pidfd_open, child, 0);
    assert_true(process >= 0);
    take_listener(child, process, ends[0]);
    is_over = false;
    assert_int_equal(loop_watch(machine.loop, process, EPOLLIN, child_ended, NULL), 0);
    assert_int_equal(loop_at(machine.loop, machine_clock_ns() + DEADLINE_NS, too_late, &child, &timer), 0);
    assert_int_equal(loop_run(machine.loop, until_over, &child), 0);
    loop_cancel(machine.loop, timer);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(process);
    close(ends[0]);
    close(ends[1]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void run_confined(void (*work)(void *context), void *context) {
    if (!can_confine()) {
        print_message("no namespaces for this user on this computer\n");
        skip();
    }
    assert_int_equal(run_confined_status(work, context), 0);
}

void run_confined_and_kill(void (*work)(void *context), void *context, unsigned wanted) {
    if (!can_confine())
        skip();
    jobs_wanted = wanted;
    assert_int_equal(run_confined_status(work, context), 128 + SIGKILL);
    assert_int_equal(jobs_wanted, 0);
}

/* ---- servers ---- */

struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int serve(int type, uint16_t *port) {
    struct sockaddr_in address = loopback(*port);
    socklen_t bytes = sizeof address;
    int server = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&address, bytes), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&address, &bytes), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(server, 4096), 0);
    *port = ntohs(address.sin_port);
    return server;
}

bool is_untouched(int server) {
    struct pollfd poll_for = {.fd = server, .events = POLLIN};
    return poll(&poll_for, 1, 0) == 0;
}

void *shared_memory(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    return memory;
}
