/*
 * One kernel's life on linux.
 *
 * The main loop is run_idle below and loop_run: the core's waiting work, then the audit records of the turn, then sleep
 * until a descriptor, a timer or the core's next deadline. One thread runs all of it.
 *
 * Order matters in two places. The process becomes able to hold many descriptors before anything makes one. And what an
 * earlier kernel left behind is ended before anything new starts, so that the two are never confused.
 *
 * A crash of this process at any point leaves processes, cgroups and mounts that recovery_run of the next one ends, and
 * files that their own parts repair (kernel.sock is replaced, the tail of audit.log is cut).
 */
#include "kernel/machine/linux/run.h"

#include "kernel/machine/linux/audit/audit.h"
#include "kernel/machine/linux/port/port.h"
#include "kernel/machine/linux/sentence.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHUT_DOWN_NS UINT64_C(5000000000)
#define DESCRIPTORS_WANTED 1048576u

struct linux_machine *linux_machine;

/* The defaults, but for the audit records kept for reading: the whole log is on disk, and 2,048 fit groved into 3 MB. */
static const struct core_limits limits = {.audit = 2048};
static void *core_memory;
static int signal_event = -1;
static volatile sig_atomic_t hang_up_asked, shut_down_asked;
static void (*hang_up_handler)(void);

/* ---- making ---- */

static void raise_descriptor_limit(void) {
    struct rlimit limit = {DESCRIPTORS_WANTED, DESCRIPTORS_WANTED};
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* The pools are laid out in memory that costs nothing before it is touched. */
static int create_core(struct linux_machine *machine, uint64_t next_audit) {
    void *memory =
        mmap(NULL, core_bytes(&limits), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return GROVE_NO_MEMORY;
    core_memory = memory;
    return core_create(memory, &limits, machine->boot_id, next_audit, &machine->core);
}

static int say(char *problem, size_t problem_bytes, const char *what, int status) {
    snprintf(problem, problem_bytes, "%s: %s", what, linux_sentence(status));
    return status;
}

/* Name the first layer that does not work here and must, and how to get it. */
static int say_layer(const struct linux_machine *machine, char *problem, size_t problem_bytes, int status) {
    static const char *const names[] = {
#define LAYER_NAME(name, number, text) [number] = (text),
        GROVE_LAYER_TABLE(LAYER_NAME)
#undef LAYER_NAME
    };
    uint64_t missing = ~(machine->layers_enforced | machine->options.optional_layers);
    char advice[512] = "";
    unsigned layer = GROVE_LAYER_NONE + 1;
    while (layer < GROVE_LAYER_COUNT && (missing >> layer & 1) == 0)
        layer++;
    if (status != GROVE_LAYER_MISSING || layer == GROVE_LAYER_COUNT)
        return say(problem, problem_bytes, "cannot prepare for containers", status);
    snprintf(problem, problem_bytes,
             "cannot prepare for containers: the sandbox layer %s could not be set up: %s; or do "
             "without it: --optional %s",
             names[layer], container_advice((enum grove_layer)layer, advice, sizeof advice), names[layer]);
    return status;
}

int run_create(struct linux_machine *machine, char *problem, size_t problem_bytes) {
    linux_machine = machine;
    raise_descriptor_limit();
    machine->user = geteuid();
    machine->group = getegid();
    machine->rootless = machine->user != 0;
    machine_random(&machine->boot_id, sizeof machine->boot_id);
    int status = loop_create(&machine->loop);
    if (status < 0)
        return say(problem, problem_bytes, "cannot make the event loop", status);
    status = container_probe(machine);
    if (status < 0)
        return say(problem, problem_bytes, "cannot find out which sandbox layers work here", status);
    uint64_t next_audit;
    audit_file_open(machine->loop, machine->options.state_folder, &next_audit);
    status = create_core(machine, next_audit);
    if (status < 0)
        return say(problem, problem_bytes, "cannot lay out the kernel core", status);
    status = container_start_up(machine);
    if (status < 0)
        return say_layer(machine, problem, problem_bytes, status);
    status = recovery_run(machine);
    if (status < 0)
        snprintf(problem, problem_bytes,
                 "cannot end what an earlier kernel left and keep a record of what runs, %s/containers: %s",
                 machine->options.run_folder, linux_sentence(status));
    return status < 0 ? status : 0;
}

/* ---- boot ---- */

static int read_spec(const char *path, uint64_t *buffer, size_t *bytes, char *problem, size_t problem_bytes) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = file < 0 ? -1 : read(file, buffer, GROVE_SPEC_BYTES_MAX + 1);
    int error = errno;
    if (file >= 0)
        close(file);
    if (got < 0) {
        snprintf(problem, problem_bytes, "cannot read the boot spec %s: %s", path, strerror(error));
        return GROVE_IO;
    }
    *bytes = (size_t)got;
    return 0;
}

int run_boot(struct linux_machine *machine, const char *spec_path, char *problem, size_t problem_bytes) {
    uint64_t *spec = malloc(GROVE_SPEC_BYTES_MAX + sizeof *spec);
    size_t bytes;
    if (spec == NULL)
        return say(problem, problem_bytes, "cannot read the boot spec", GROVE_NO_MEMORY);
    int status = read_spec(spec_path, spec, &bytes, problem, problem_bytes);
    const char *fault = NULL;
    if (status == 0) {
        status = grove_spec_check(spec, bytes, &fault);
        if (status < 0)
            snprintf(problem, problem_bytes, "%s is not a boot spec: %s", spec_path,
                     fault != NULL ? fault : linux_sentence(status));
    }
    machine_container container;
    if (status == 0) {
        status = core_boot(machine->core, spec, bytes, &container);
        if (status < 0)
            snprintf(problem, problem_bytes, "cannot boot from %s: %s", spec_path, linux_sentence(status));
    }
    free(spec);
    return status;
}

/* ---- running ---- */

static uint64_t run_idle(void *context) {
    struct linux_machine *machine = context;
    bool is_more = core_work(machine->core);
    audit_file_flush();
    if (core_is_down(machine->core))
        loop_stop(machine->loop);
    return is_more ? 0 : core_next_deadline(machine->core);
}

int run_loop(struct linux_machine *machine) {
    return loop_run(machine->loop, run_idle, machine);
}

void run_shut_down(struct linux_machine *machine) {
    static bool is_asked;
    if (is_asked)
        return;
    is_asked = true;
    core_shut_down(machine->core, machine_clock_ns() + SHUT_DOWN_NS);
}

void run_on_hang_up(void (*handler)(void)) {
    hang_up_handler = handler;
}

static void on_signal(int number) {
    int error = errno;
    uint64_t one = 1;
    if (number == SIGHUP)
        hang_up_asked = 1;
    else
        shut_down_asked = 1;
    (void)!write(signal_event, &one, sizeof one);
    errno = error;
}

static void on_ignored(int number) {
    (void)number;
}

static void signalled(struct loop *loop, int descriptor, uint32_t events, void *context) {
    (void)loop;
    (void)events;
    uint64_t count;
    (void)!read(descriptor, &count, sizeof count);
    if (hang_up_asked != 0 && hang_up_handler != NULL)
        hang_up_handler();
    hang_up_asked = 0;
    if (shut_down_asked != 0)
        run_shut_down(context);
}

static void handle(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    (void)sigaction(number, &action, NULL);
}

/*
 * Handlers and not signalfd, whose blocked mask every program started later would inherit; and a handler for PIPE that
 * does nothing, because being ignored is inherited too.
 */
int run_take_signals(struct linux_machine *machine) {
    signal_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signal_event < 0)
        return GROVE_NO_DESCRIPTORS;
    int status = loop_watch(machine->loop, signal_event, EPOLLIN, signalled, machine);
    if (status < 0)
        return status;
    /* What is sent to all of a command's process group (a terminal's keys, timeout(1)) is its program's to act upon. */
    handle(SIGTERM, machine->options.embedded ? on_ignored : on_signal);
    handle(SIGHUP, on_signal);
    handle(SIGPIPE, on_ignored);
    handle(SIGINT, machine->options.embedded ? on_ignored : on_signal);
    if (machine->options.embedded)
        handle(SIGQUIT, on_ignored);
    return 0;
}

void run_destroy(struct linux_machine *machine) {
    if (machine->loop == NULL)
        return;
    if (machine->core != NULL)
        container_shut_down(machine);
    port_shut_down();
    audit_file_close();
    if (signal_event >= 0) {
        loop_forget(machine->loop, signal_event);
        close(signal_event);
        signal_event = -1;
    }
    loop_destroy(machine->loop);
    machine->loop = NULL;
    if (core_memory != NULL)
        munmap(core_memory, core_bytes(&limits));
    core_memory = NULL;
    machine->core = NULL;
}
