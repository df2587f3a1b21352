/* Services on this machine: see services.h. */
#include "kernel/machine/x86_64/process/services.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/services/containers/audit_text.h"
#include "kernel/services/containers/containers.h"
#include "kernel/services/containers/memory_files.h"
#include "kernel/services/containers/network.h"
#include "kernel/services/posix/program.h"
#include "kernel/services/posix/sockets/listen.h"
#include "kernel/services/posix/sockets/sockets.h"
#include "kernel/services/posix/wake.h"
#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/errors.h"

#define RUN_FOLDER "/run/grove"
#define SOCKET_PATH RUN_FOLDER "/kernel.sock"
#define STOP_PATH RUN_FOLDER "/kernel.stop"
#define LAST_RECORDS 12u /* in a panic */
#define STOP_NS UINT64_C(20000000000) /* how long services may take to stop, all together */

static struct containers_host host;
static struct unix_kernel_listener shells, stoppers;

static struct {
    struct spinlock lock;
    struct wait_queue ended;
    bool has_ended; /* the thread has */
} state;

/* ---- shells, and whoever wants the end of all services ---- */

static int connect_shell(struct unix_kernel_listener *at, const struct socket_credentials *who,
                         struct open_file **file) {
    (void)at;
    return containers_connect("shell", who->user, (uint32_t)who->process, file);
}

/* There is no kernel process that a signal would ask to stop: to connect here asks the same. */
static int connect_stopper(struct unix_kernel_listener *at, const struct socket_credentials *who,
                           struct open_file **file) {
    (void)at;
    (void)who;
    (void)file;
    containers_shut_down(clock_now_ns() + STOP_NS);
    return -LINUX_EAGAIN; /* there is something left; nobody listens any more when there is not */
}

static int make_folders(const struct caller *caller) {
    static const char *const folders[] = {"/run", RUN_FOLDER};
    int status = 0;
    for (unsigned i = 0; status == 0 && i < sizeof(folders) / sizeof(*folders); i++) {
        struct walk_path path = {.text = folders[i]};
        status = vfs_make_folder(caller, &path, 0755);
        status = status == -LINUX_EEXIST ? 0 : status;
    }
    return status;
}

/* Only root may connect, as on Linux: whoever can reach it is in front of the machine. */
static int listen(const struct caller *caller) {
    struct caller closed = *caller;
    int status = make_folders(caller);
    closed.mask = 0077;
    shells.connect = connect_shell;
    stoppers.connect = connect_stopper;
    if (status == 0)
        status = unix_kernel_listen(&sockets_unix, LINUX_SOCK_SEQPACKET, &closed, SOCKET_PATH, &shells);
    if (status == 0) {
        status = unix_kernel_listen(&sockets_unix, LINUX_SOCK_SEQPACKET, &closed, STOP_PATH, &stoppers);
        if (status < 0)
            unix_kernel_listen_end(&shells);
    }
    return status;
}

/* Who connects from here on hears that nobody listens. */
static void stop_listening(void) {
    unix_kernel_listen_end(&stoppers);
    unix_kernel_listen_end(&shells);
}

/* ---- the thread ---- */

static void run(void *unused) {
    (void)unused;
    containers_run();
    stop_listening();
    spinlock_lock(&state.lock);
    state.has_ended = true;
    wait_wake(&state.ended);
    spinlock_unlock(&state.lock);
}

static int start_thread(void) {
    struct thread *thread;
    int status = thread_create_kernel(run, NULL, &thread);
    if (status == 0)
        thread_start(thread);
    return status;
}

/* ---- a panic's last words: no lock, and nothing in them is trusted ---- */

static void say_last_audit(void) {
    static struct grove_audit_record records[LAST_RECORDS];
    static char line[AUDIT_LINE_BYTES];
    uint32_t count = containers_last_audit(records, LAST_RECORDS);
    if (count > 0)
        console_print("the last audit records:\n");
    for (uint32_t i = 0; i < count; i++) {
        audit_describe(&records[i], line, sizeof(line));
        console_print("  %s\n", line);
    }
}

/* ---- all of it ---- */

int services_begin(const struct caller *caller) {
    const struct containers_plan plan = {
        .vfs = caller->vfs, .sockets = &sockets_unix, .host = &host, .caller = *caller, .machine = CONTAINERS_X86_64};
    memory_files_serve(&host.memory);
    wake_serve(&host.memory);
    programs_serve(&host.programs);
    host.scheduler = &thread_scheduler;
    state.has_ended = false;
    int status = containers_init(&plan);
    if (status < 0)
        return status;
    sockets_unix.gate = &containers_gate;
    sockets_inet.gate = &containers_gate;
    panic_set_last_words(say_last_audit);
    program_listen = sockets_listen;
    status = listen(caller);
    if (status == 0) {
        status = start_thread();
        if (status < 0)
            stop_listening();
    }
    if (status < 0)
        containers_deinit();
    return status;
}

bool services_boot(const char *path) {
    const char *problem = "";
    int status = containers_boot(path, &problem);
    if (status < 0)
        console_print("boot: no services from %s: %s (status %d)\n", path, problem, status);
    return status == 0;
}

void services_wait(void) {
    spinlock_lock(&state.lock);
    while (!state.has_ended)
        thread_sleep_firmly(&state.ended, &state.lock);
    spinlock_unlock(&state.lock);
}

void services_end(void) {
    containers_shut_down(clock_now_ns() + STOP_NS);
    services_wait();
    containers_deinit();
}
