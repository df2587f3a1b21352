/* Calls about other threads and processes, and small ones that no other program here tries, each by a line that Linux prints as well. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long result) {
    printf("%s: %ld%s%s\n", what, result < 0 ? -1L : result, result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
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

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count > 1 && strcmp(arguments[1], "strangers") == 0) {
        strangers();
    } else {
        barriers();
        others();
        groups_are_nice();
        adjustments();
    }
    printf("others: done\n");
    return 0;
}
