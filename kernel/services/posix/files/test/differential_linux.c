/* The calls on Linux: see differential.h. In a child process, which leaves nothing behind. */
#include "kernel/services/posix/files/test/differential.h"

#include "kernel/services/posix/files/test/host.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOUNT_AT "/tmp"

static volatile sig_atomic_t is_broken;

static void note(int signal) {
    (void)signal;
    is_broken = 1;
}

bool theirs_begin(void) {
    char options[80];
    struct rlimit limit = {.rlim_cur = ROUND_DESCRIPTORS, .rlim_max = ROUND_DESCRIPTORS};
    (void)host_arena();
    (void)signal(SIGPIPE, note);
    snprintf(options, sizeof(options), "size=%dk,nr_inodes=%d,mode=0755", ROUND_PAGES * 4, ROUND_INODES);
    (void)umask(022);
    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", MOUNT_AT, "tmpfs", 0, options) != 0 || chroot(MOUNT_AT) != 0 || chdir("/") != 0)
        return false;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 && syscall(SYS_close_range, 0, UINT32_MAX, 0) == 0;
}

void theirs_apply(const struct step *step, struct outcome *outcome) {
    static const long numbers[STEP_KINDS] = {
#define STEP_CALL_NUMBER(name, weight) SYS_##name,
        STEP_CALLS(STEP_CALL_NUMBER)
#undef STEP_CALL_NUMBER
    };
    const uint64_t *a = step->arguments;
    step_lay_out(step, host_arena());
    is_broken = 0;
    long result = syscall(numbers[step->call], a[0], a[1], a[2], a[3], a[4], a[5]);
    step_take(step, host_arena(), result < 0 ? -errno : result, outcome);
    outcome->is_broken = is_broken != 0;
}
