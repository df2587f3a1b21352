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
    sigset_t before, set;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, &before); /* none comes between the look and the wait */
    while (handled < count)
        sigsuspend(&before);
    sigprocmask(SIG_SETMASK, &before, NULL);
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
    handled = 0;
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
    struct timespec begun, now;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    do /* until thirty of its periods are over */
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - begun.tv_sec) * NS_PER_SECOND + now.tv_nsec - begun.tv_nsec < 30L * MS);
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
        printf("abi: done\n");
        return 0;
    }
    size_limits();
    small_holes();
    several_words();
    timers();
    processor_time();
    running_files(arguments[0]);
    printf("abi: done\n");
    return 0;
}
