/* Companions, see companion.h. */
#include "kernel/machine/linux/loop/companion.h"

#include "kernel/machine/linux/linux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int by_number(const void *a, const void *b) {
    int left = *(const int *)a, right = *(const int *)b;
    return (left > right) - (left < right);
}

static void close_others(const struct companion_start *start) {
    int kept[COMPANION_DESCRIPTORS_MAX + 1] = {STDERR_FILENO};
    unsigned count = 1, from = 0;
    for (unsigned i = 0; i < COMPANION_DESCRIPTORS_MAX; i++)
        if (start->descriptors[i] >= 0)
            kept[count++] = start->descriptors[i];
    qsort(kept, count, sizeof *kept, by_number);
    for (unsigned i = 0; i < count; i++) {
        if ((unsigned)kept[i] > from)
            (void)close_range(from, (unsigned)kept[i] - 1, 0);
        from = (unsigned)kept[i] + 1;
    }
    (void)close_range(from, ~0U, 0);
}

static bool drop_privileges(const struct companion_start *start) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct kept[2] = {0};
    bool is_changed = !linux_machine->rootless && start->changes_user;
    for (unsigned i = 0; i < 2 && !linux_machine->rootless && !is_changed; i++)
        kept[i].effective = kept[i].permitted = (__u32)(start->capabilities >> (32 * i));
    if (is_changed && (setgroups(0, NULL) < 0 || setresgid(start->group, start->group, start->group) < 0 ||
                       setresuid(start->user, start->user, start->user) < 0))
        return false;
    return syscall(SYS_capset, &header, kept) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static void raise_descriptors(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

static _Noreturn void run_child(const struct companion_start *start, pid_t kernel) {
    static const int handled[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE};
    close_others(start);
    /* Keys of a terminal reach it too, and it ends with groved in any case. */
    for (unsigned i = 0; i < sizeof handled / sizeof *handled; i++)
        (void)signal(handled[i], SIG_IGN);
    (void)prctl(PR_SET_NAME, start->name);
    (void)umask(0);
    raise_descriptors();
    bool is_prepared = start->prepare == NULL || start->prepare(start->run_context);
    /* The death signal comes last: a change of the user takes it away. */
    if (!is_prepared || !drop_privileges(start) || prctl(PR_SET_PDEATHSIG, start->outlives ? 0 : SIGKILL) < 0 ||
        getppid() != kernel)
        _exit(1);
    start->run(start->run_context);
    _exit(1);
}

/* ---- what it uses ---- */

/* Of one that was not waited for yet: its number is its own. */
static uint64_t processor_time_ns(pid_t process) {
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

/* proc_pid_smaps(5). What it still shares with groved, from which it was forked, is groved's. */
static uint64_t own_memory_bytes(pid_t process) {
    char path[64], text[2048];
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)process);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0)
        (void)close(file);
    text[length < 0 ? 0 : length] = '\0';
    const char *line = strstr(text, "\nPrivate_Dirty:");
    return line == NULL ? 0 : strtoull(line + sizeof "\nPrivate_Dirty:" - 1, NULL, 10) * 1024;
}

void companion_usage(const struct companion *companion, struct grove_usage *usage) {
    usage->processor_ns += companion->processor_ns;
    if (companion->process == 0)
        return;
    usage->processor_ns += processor_time_ns(companion->process);
    usage->memory_bytes += own_memory_bytes(companion->process);
}

/* ---- its end ---- */

/* Returns whether it ended by itself with status 0. */
static bool collect(struct companion *companion) {
    siginfo_t info = {0};
    while (waitid(P_PIDFD, (id_t)companion->descriptor, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        continue;
    companion->processor_ns = processor_time_ns(companion->process);
    (void)waitid(P_PIDFD, (id_t)companion->descriptor, &info, WEXITED | WNOHANG);
    loop_forget(linux_machine->loop, companion->descriptor);
    (void)close(companion->descriptor);
    companion->process = 0;
    return info.si_code == CLD_EXITED && info.si_status == 0;
}

static void process_ended(struct loop *loop, int descriptor, uint32_t events, void *context) {
    struct companion *companion = context;
    (void)loop;
    (void)descriptor;
    (void)events;
    bool is_orderly = collect(companion);
    companion->ended(companion, is_orderly, companion->context);
}

static int follow(struct companion *companion) {
    companion->descriptor = (int)syscall(SYS_pidfd_open, companion->process, 0);
    if (companion->descriptor < 0)
        return -errno;
    if (loop_watch(linux_machine->loop, companion->descriptor, EPOLLIN, process_ended, companion) == 0)
        return 0;
    (void)close(companion->descriptor);
    return -ENOMEM;
}

int companion_start(struct companion *companion, const struct companion_start *start, companion_ended *ended,
                    void *context) {
    pid_t kernel = getpid();
    *companion = (struct companion){.ended = ended, .context = context, .process = fork()};
    if (companion->process == 0)
        run_child(start, kernel);
    int error = companion->process < 0 ? -errno : follow(companion);
    if (error < 0 && companion->process > 0) {
        (void)kill(companion->process, SIGKILL);
        (void)waitpid(companion->process, NULL, 0);
    }
    if (error < 0)
        companion->process = 0;
    return error;
}

void companion_end(struct companion *companion) {
    if (companion->process == 0)
        return;
    (void)kill(companion->process, SIGKILL);
    (void)collect(companion);
}
