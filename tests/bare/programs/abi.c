/* Parts of Linux's system calls that no other program here tries, each by a line that Linux prints as well. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000
#define NS_PER_SECOND 1000000000

static void say(const char *what, long result) {
    printf("%s: %ld%s%s\n", what, result < 0 ? -1L : result, result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
}

/* ---- several words ---- */

struct waited_word {
    uint64_t value, address;
    uint32_t flags, reserved;
};

static uint32_t words[4];

static long wait_for_words(struct waited_word *list, unsigned count, unsigned flags, const struct timespec *until,
                           int clock) {
    return syscall(449, list, count, flags, until, clock);
}

static void *wake_third(void *unused) {
    struct timespec moment = {0, 20 * MS};
    nanosleep(&moment, NULL);
    __atomic_store_n(&words[2], 1, __ATOMIC_SEQ_CST);
    while (syscall(SYS_futex, &words[2], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0)
        sched_yield();
    return unused;
}

static void several_words(void) {
    struct waited_word list[3];
    struct timespec past = {1, 0};
    pthread_t thread;
    for (unsigned i = 0; i < 3; i++)
        list[i] = (struct waited_word){0, (uint64_t)(uintptr_t)&words[i], 2 | 128, 0};
    say("waitv none", wait_for_words(list, 0, 0, NULL, 0));
    say("waitv flags", wait_for_words(list, 3, 1, NULL, 0));
    say("waitv too many", wait_for_words(list, 129, 0, NULL, 0));
    list[1].reserved = 1;
    say("waitv reserved", wait_for_words(list, 3, 0, NULL, 0));
    list[1].reserved = 0;
    list[1].value = 7;
    say("waitv other value", wait_for_words(list, 3, 0, NULL, 0));
    list[1].value = 0;
    say("waitv time over", wait_for_words(list, 3, 0, &past, CLOCK_MONOTONIC));
    say("waitv no clock", wait_for_words(list, 3, 0, &past, 17));
    list[2].address = 1;
    say("waitv not aligned", wait_for_words(list, 3, 0, NULL, 0));
    list[2].address = (uint64_t)(uintptr_t)&words[2];
    say("waitv nowhere", wait_for_words((void *)8, 3, 0, NULL, 0));
    pthread_create(&thread, NULL, wake_third, NULL);
    say("waitv woken", wait_for_words(list, 3, 0, NULL, 0));
    pthread_join(thread, NULL);
    list[2].value = 1;
    say("waitv of one", wait_for_words(list, 1, 0, &past, CLOCK_MONOTONIC));
}

/* ---- timers ---- */

static volatile sig_atomic_t handled, last_value, last_code;

static void handle(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    handled++;
    last_value = info->si_value.sival_int;
    last_code = info->si_code;
}

static int create(int clock, int notify, int number, int value, int *timer) {
    struct {
        uint64_t value;
        int signal, notify, thread, rest[11];
    } event = {(uint64_t)value, number, notify, 0, {0}};
    event.thread = (int)syscall(SYS_gettid);
    return (int)syscall(SYS_timer_create, clock, &event, timer);
}

static long set_timer(int timer, int flags, long value_ns, long interval_ns, struct itimerspec *before) {
    struct itimerspec times = {{interval_ns / NS_PER_SECOND, interval_ns % NS_PER_SECOND},
                               {value_ns / NS_PER_SECOND, value_ns % NS_PER_SECOND}};
    return syscall(SYS_timer_settime, timer, flags, &times, before);
}

static void wait_until(int count) {
    struct timespec moment = {0, MS};
    while (handled < count)
        nanosleep(&moment, NULL);
}

static void burn_until(int count) {
    while (handled < count)
        (void)getpid();
}

static void timers(void) {
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
    struct itimerspec before;
    int timer = -1, other = -1;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGRTMIN + 3, &action, NULL);
    say("timer of no clock", create(77, 0, SIGUSR1, 1, &timer));
    say("timer of a raw clock", create(CLOCK_MONOTONIC_RAW, 0, SIGUSR1, 1, &timer));
    say("timer with no signal", create(CLOCK_MONOTONIC, 0, 0, 1, &timer));
    say("timer with signal 65", create(CLOCK_MONOTONIC, 0, 65, 1, &timer));
    say("timer told otherwise", create(CLOCK_MONOTONIC, 8, SIGUSR1, 1, &timer));
    say("timer", create(CLOCK_MONOTONIC, 0, SIGUSR1, 11, &timer));
    say("timer 2", create(CLOCK_REALTIME, 4, SIGRTMIN + 3, 12, &other));
    printf("timers differ: %d\n", timer != other);
    say("gettime", syscall(SYS_timer_gettime, timer, &before));
    printf("not set: %ld %ld\n", (long)before.it_value.tv_sec, before.it_value.tv_nsec);
    say("settime", set_timer(timer, 0, 5 * MS, 0, &before));
    wait_until(1);
    printf("value %d, by timer %d\n", (int)last_value, last_code == SI_TIMER);
    say("overrun", syscall(SYS_timer_getoverrun, timer));
    say("settime 2", set_timer(other, 0, 2 * MS, 2 * MS, NULL));
    wait_until(4);
    printf("value %d, by timer %d\n", (int)last_value, last_code == SI_TIMER);
    say("settime 2 off", set_timer(other, 0, 0, 0, &before));
    printf("interval %ld\n", before.it_interval.tv_nsec);
    say("long", set_timer(timer, 0, 1000L * NS_PER_SECOND, 3 * MS, NULL));
    say("gettime long", syscall(SYS_timer_gettime, timer, &before));
    printf("left %d, interval %ld\n", before.it_value.tv_sec >= 998 && before.it_value.tv_sec <= 1000,
           before.it_interval.tv_nsec);
    say("delete", syscall(SYS_timer_delete, timer));
    say("deleted", syscall(SYS_timer_gettime, timer, &before));
    say("deleted", syscall(SYS_timer_delete, timer));
    /* blocked: what was missed is told with the one signal that waits */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &set, NULL);
    handled = 0;
    say("blocked", set_timer(other, 0, MS, MS, NULL));
    struct timespec moment = {0, 30 * MS};
    nanosleep(&moment, NULL);
    siginfo_t info;
    say("taken", sigwaitinfo(&set, &info) == SIGRTMIN + 3);
    printf("overrun told %d, asked %d\n", info.si_overrun > 3, (int)syscall(SYS_timer_getoverrun, other) > 3);
    say("delete 2", syscall(SYS_timer_delete, other));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    say("bad times", set_timer(other, 0, -1, 0, NULL));
}

/* ---- processor time ---- */

static void processor_time(void) {
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
    const struct itimerval often = {{0, 4000}, {0, 4000}}, never = {{0, 0}, {0, 0}};
    struct itimerval now;
    int timer;
    sigaction(SIGPROF, &action, NULL);
    sigaction(SIGVTALRM, &action, NULL);
    sigaction(SIGXCPU, &action, NULL);
    handled = 0;
    say("ITIMER_PROF", setitimer(ITIMER_PROF, &often, NULL));
    burn_until(2);
    say("ITIMER_PROF off", setitimer(ITIMER_PROF, &never, &now));
    printf("interval %d\n", now.it_interval.tv_usec == 4000);
    handled = 0;
    say("ITIMER_VIRTUAL", setitimer(ITIMER_VIRTUAL, &often, NULL));
    burn_until(2);
    say("ITIMER_VIRTUAL off", setitimer(ITIMER_VIRTUAL, &never, NULL));
    say("getitimer", getitimer(ITIMER_VIRTUAL, &now));
    printf("off: %ld\n", (long)now.it_value.tv_usec);
    handled = 0;
    say("timer of the process's time", create(CLOCK_PROCESS_CPUTIME_ID, 0, SIGUSR1, 5, &timer));
    say("settime", set_timer(timer, 0, 5 * MS, 0, NULL));
    burn_until(1);
    say("delete", syscall(SYS_timer_delete, timer));
    handled = 0;
    say("timer of the thread's time", create(CLOCK_THREAD_CPUTIME_ID, 4, SIGUSR1, 5, &timer));
    say("settime", set_timer(timer, 0, 5 * MS, 5 * MS, NULL));
    burn_until(2);
    say("delete", syscall(SYS_timer_delete, timer));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit second = {1, 2};
        setrlimit(RLIMIT_CPU, &second);
        handled = 0;
        burn_until(1);
        signal(SIGXCPU, SIG_IGN);
        for (;;)
            (void)getpid();
    }
    int status;
    waitpid(child, &status, 0);
    printf("RLIMIT_CPU: killed by %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

/* ---- files that run ---- */

static void running_files(const char *self) {
    say("write to what runs", open(self, O_WRONLY));
    say("cut what runs", truncate(self, 0));
    int file = open("text-busy", O_CREAT | O_RDWR, 0755);
    char name[] = "text-busy", *const arguments[] = {name, NULL};
    say("run what is written to", execve("text-busy", arguments, NULL));
    close(file);
    unlink("text-busy");
}

/* ---- how large files may be ---- */

static void size_limits(void) {
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
    const struct rlimit small = {10000, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
    char bytes[8192] = {0};
    int file = open("limited", O_CREAT | O_RDWR | O_TRUNC, 0644);
    sigaction(SIGXFSZ, &action, NULL);
    handled = 0;
    say("limit", setrlimit(RLIMIT_FSIZE, &small));
    say("within", write(file, bytes, sizeof(bytes)));
    say("in part", write(file, bytes, sizeof(bytes)));
    printf("signals %d\n", (int)handled);
    say("beyond", write(file, bytes, sizeof(bytes)));
    say("far beyond", pwrite(file, bytes, 1, 20000));
    say("truncate", ftruncate(file, 10001));
    say("truncate to it", ftruncate(file, 10000));
    say("truncate by name", truncate("limited", 20000));
    printf("signals %d\n", (int)handled);
    setrlimit(RLIMIT_FSIZE, &none);
    say("without limit", pwrite(file, bytes, 1, 20000));
    close(file);
    unlink("limited");
}

/* A hole in less than a page, in a file that this program has in its memory. */
static void small_holes(void) {
    int file = memfd_create("holes", 0);
    (void)!ftruncate(file, 8192);
    char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    memset(memory, 'x', 8192);
    say("hole", fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 50));
    printf("around %d %d, inside %d\n", memory[99], memory[150], memory[120]);
    say("hole at an edge", fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4000, 96));
    printf("before %d, behind %d\n", memory[3999], memory[4096]);
    char *again = mremap(memory, 0, 4096, MREMAP_MAYMOVE); /* nothing is moved, and mapped once more */
    printf("mapped again: %d\n", again != MAP_FAILED && again != memory && again[99] == 'x');
    munmap(again, 4096);
    munmap(memory, 8192);
    close(file);
}

/* ---- barriers ---- */

#define ROUNDS 2000

/* In each round both sides say that they are there and look for the other; only one of them passes a barrier. */
static struct { uint32_t round, mine, other, answered, saw_mine; } meeting;

static void *meet(void *unused) {
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        while (__atomic_load_n(&meeting.round, __ATOMIC_ACQUIRE) < round)
            sched_yield();
        __atomic_store_n(&meeting.other, round, __ATOMIC_RELAXED);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        meeting.saw_mine = __atomic_load_n(&meeting.mine, __ATOMIC_RELAXED);
        __atomic_store_n(&meeting.answered, round, __ATOMIC_RELEASE);
    }
    return unused;
}

static long barrier_of(int command) {
    return syscall(SYS_membarrier, command, 0, 0);
}

static int missed_rounds(void) {
    pthread_t thread;
    int missed = 0;
    pthread_create(&thread, NULL, meet, NULL);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        __atomic_store_n(&meeting.round, round, __ATOMIC_RELEASE);
        __atomic_store_n(&meeting.mine, round, __ATOMIC_RELAXED);
        (void)barrier_of(8);
        uint32_t other = __atomic_load_n(&meeting.other, __ATOMIC_RELAXED);
        while (__atomic_load_n(&meeting.answered, __ATOMIC_ACQUIRE) < round)
            sched_yield();
        missed += other != round && meeting.saw_mine != round;
    }
    pthread_join(thread, NULL);
    return missed;
}

static void barriers(void) {
    say("barriers that are there", barrier_of(0) & (1 | 8 | 16));
    say("barrier with flags", syscall(SYS_membarrier, 0, 1, 0));
    say("barrier of no kind", barrier_of(1 << 20));
    say("two kinds at once", barrier_of(1 | 8));
    say("barrier of all", barrier_of(1));
    say("barrier without asking", barrier_of(8));
    say("ask for it", barrier_of(16));
    say("barrier", barrier_of(8));
    printf("both missed each other %d times\n", missed_rounds());
    fflush(stdout);
    if (fork() == 0) {
        say("barrier of a child", barrier_of(8));
        _exit(0);
    }
    wait(NULL);
}

/* ---- what other processes have ---- */

static void take_files(pid_t child, int file, int others) {
    int handle = (int)syscall(SYS_pidfd_open, child, 0);
    char text[8] = "";
    say("take with flags", syscall(SYS_pidfd_getfd, handle, file, 1));
    say("take of no process", syscall(SYS_pidfd_getfd, file, file, 0));
    say("take what is not open", syscall(SYS_pidfd_getfd, handle, 999, 0));
    int taken = (int)syscall(SYS_pidfd_getfd, handle, others, 0);
    printf("taken: %d, closed by execve: %d\n", taken >= 0, fcntl(taken, F_GETFD));
    say("same position", lseek(taken, 0, SEEK_CUR));
    say("read", pread(taken, text, 5, 0));
    printf("it says %s\n", text);
    close(taken);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    say("take of one that is gone", syscall(SYS_pidfd_getfd, handle, others, 0));
    close(handle);
}

#define VECTOR(address, size) ((struct iovec){(void *)(uintptr_t)(address), (size)})

static void copy_memory(pid_t child, char *theirs, char *page) {
    char mine[3][16] = {"", "abcdefgh", ""};
    struct iovec local[3] = {VECTOR(mine[0], 4), VECTOR(mine[2], 8), VECTOR(mine[2], 0)};
    struct iovec remote[3] = {VECTOR(theirs + 4094, 8), VECTOR(theirs, 4), VECTOR(page, 8)};
    say("copy with flags", process_vm_readv(child, local, 2, remote, 2, 1));
    say("copy too many", process_vm_readv(child, local, 1025, remote, 1, 0));
    say("copy nothing", process_vm_readv(child, local, 0, remote, 1, 0));
    say("copy from nothing", process_vm_readv(child, local, 1, remote, 0, 0));
    say("copy of nobody", process_vm_readv(-5, local, 1, remote, 1, 0));
    say("copy of vectors nowhere", process_vm_readv(child, (void *)8, 1, remote, 1, 0));
    say("copy out", process_vm_readv(child, local, 2, remote, 2, 0));
    printf("got %.4s %.8s\n", mine[0], mine[2]);
    remote[0].iov_len = 4;
    remote[1] = VECTOR(page, 8);
    say("copy as far as it goes", process_vm_readv(child, local, 2, remote, 2, 0));
    say("copy from nowhere", process_vm_readv(child, local, 1, &remote[1], 1, 0));
    local[0] = VECTOR(8, 4);
    say("copy to nowhere", process_vm_readv(child, local, 1, remote, 1, 0));
    local[0] = VECTOR(mine[1], 8);
    remote[0] = VECTOR(theirs + 4092, 8);
    say("copy in", process_vm_writev(child, local, 1, remote, 1, 0));
    printf("not here: %.8s\n", theirs + 4092);
    remote[0] = VECTOR("constant", 8);
    say("copy into constants", process_vm_writev(child, local, 1, remote, 1, 0));
    remote[0].iov_len = (size_t)-1;
    say("copy a negative size", process_vm_writev(child, local, 1, remote, 1, 0));
    local[0] = VECTOR(mine[0], 8);
    remote[0] = VECTOR(theirs + 4092, 8);
    say("copy back", process_vm_readv(child, local, 1, remote, 1, 0));
    printf("there: %.8s\n", mine[0]);
}

/* A child that stands still, with memory and a file that its parent does not have. */
static void others(void) {
    char *theirs = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int ready[2];
    memset(theirs, '-', 8192);
    (void)!pipe(ready);
    pid_t child = fork();
    if (child == 0) {
        memcpy(theirs + 4092, "12345678", 8);
        int file = memfd_create("other", 0);
        (void)!write(file, "hello", 5);
        (void)!write(ready[1], &file, sizeof(file));
        for (;;)
            pause();
    }
    int file = -1;
    (void)!read(ready[0], &file, sizeof(file));
    copy_memory(child, theirs, page);
    take_files(child, ready[0], file);
    munmap(theirs, 12288);
    munmap(page, 4096);
    close(ready[0]);
    close(ready[1]);
}

/* ---- nice values of groups and users ---- */

static long nice_of(int whose, int who) {
    return syscall(SYS_getpriority, whose, who);
}

/* A child leads a group of its own, with another child in it. */
static void groups_are_nice(void) {
    int ready[2];
    char byte = 0;
    (void)!pipe(ready);
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        (void)fork();
        (void)!write(ready[1], &byte, 1);
        for (;;)
            pause();
    }
    for (int i = 0; i < 2; i++)
        (void)!read(ready[0], &byte, 1);
    setpriority(PRIO_PROCESS, (id_t)child, 5);
    say("nice of the best in a group", nice_of(PRIO_PGRP, child));
    say("make a group nice", setpriority(PRIO_PGRP, (id_t)child, 7));
    say("nice of the group", nice_of(PRIO_PGRP, child));
    say("nice of its leader", nice_of(PRIO_PROCESS, child));
    say("nice of my group", nice_of(PRIO_PGRP, 0));
    say("nice of no group", nice_of(PRIO_PGRP, 99999999));
    say("nice of a negative group", nice_of(PRIO_PGRP, -3));
    say("make no group nice", setpriority(PRIO_PGRP, 99999999, 7));
    say("nice of nobody's user", nice_of(PRIO_USER, 987654));
    say("nice of no kind", nice_of(3, 0));
    kill(-child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
}

/* ---- how the clock is adjusted: only what does not depend on whether somebody does ---- */

static void adjustments(void) {
    struct timex asked;
    struct timespec before;
    memset(&asked, 0xff, sizeof(asked));
    asked.modes = 0;
    clock_gettime(CLOCK_REALTIME, &before);
    int result = adjtimex(&asked);
    bool is_now = asked.time.tv_sec >= before.tv_sec && asked.time.tv_sec <= before.tv_sec + 60;
    printf("adjtimex: %d, now: %d, precision %ld, tolerance %ld\n", result >= 0 && result <= 5, is_now,
           (long)asked.precision, (long)asked.tolerance);
    printf("synchronised and so: %d\n", (result == 5) == ((asked.status & STA_UNSYNC) != 0));
    say("adjtimex nowhere", syscall(SYS_adjtimex, 8));
    asked.modes = 0x8000;
    say("adjtimex of no sense", syscall(SYS_adjtimex, &asked));
    asked.modes = 0xa001;
    say("what is left to adjust", syscall(SYS_adjtimex, &asked) < 0 ? -1 : asked.offset);
    asked.modes = 0;
    for (int clock = 0; clock < 13; clock++)
        say("adjust a clock", syscall(SYS_clock_adjtime, clock, &asked) < 0 ? -1 : 0);
}

/* ---- and may not be reached: user 0 only ---- */

static void strangers(void) {
    char bytes[4] = "";
    struct iovec vector = VECTOR(bytes, 4);
    pid_t parent = getpid();
    int handle = (int)syscall(SYS_pidfd_open, parent, 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        say("as another user", setresuid(77, 77, 77));
        say("memory of a stranger", process_vm_readv(parent, &vector, 1, &vector, 1, 0));
        say("into a stranger", process_vm_writev(parent, &vector, 1, &vector, 1, 0));
        say("file of a stranger", syscall(SYS_pidfd_getfd, handle, 0, 0));
        say("own memory", process_vm_readv(getpid(), &vector, 1, &vector, 1, 0));
        say("make a user nice", setpriority(PRIO_USER, 77, 4));
        say("nice of the user", nice_of(PRIO_USER, 0));
        say("nice of me", nice_of(PRIO_PROCESS, 0));
        struct timex asked = {.modes = ADJ_FREQUENCY};
        say("adjust as another user", adjtimex(&asked));
        asked.modes = 0x8001;
        say("adjust by an offset", syscall(SYS_adjtimex, &asked));
        say("make root nice", setpriority(PRIO_PROCESS, (id_t)parent, 4));
        _exit(0);
    }
    waitpid(child, NULL, 0);
    close(handle);
}

/* ---- mounts that are in use: user 0 only ---- */

static void mounts(void) {
    (void)unshare(CLONE_NEWNS);
    (void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    mkdir("place", 0755);
    say("mount", mount("tmpfs", "place", "tmpfs", 0, NULL));
    int file = open("place/file", O_CREAT | O_RDWR, 0644);
    say("umount in use", umount2("place", 0));
    close(file);
    say("umount", umount2("place", 0));
    say("umount again", umount2("place", 0));
    say("mount", mount("tmpfs", "place", "tmpfs", 0, NULL));
    mkdir("place/inner", 0755);
    say("mount inside", mount("tmpfs", "place/inner", "tmpfs", 0, NULL));
    file = open("place/inner/file", O_CREAT | O_RDWR, 0644);
    say("umount outer", umount2("place", 0));
    say("detach", umount2("place", MNT_DETACH));
    say("still there", write(file, "x", 1));
    close(file);
    say("gone", open("place/inner/file", O_RDONLY));
    say("detach again", umount2("place", MNT_DETACH));
    say("rmdir", rmdir("place"));
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count > 1 && strcmp(arguments[1], "mounts") == 0) {
        mounts();
        strangers();
        printf("abi: done\n");
        return 0;
    }
    size_limits();
    small_holes();
    several_words();
    timers();
    processor_time();
    running_files(arguments[0]);
    barriers();
    others();
    groups_are_nice();
    adjustments();
    printf("abi: done\n");
    return 0;
}
