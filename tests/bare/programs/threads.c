/*
 * A program of many threads. What it prints is the same on every machine that keeps POSIX's promises, so the test runs it on
 * Linux too and compares. Each part is a function; the arguments name the parts to run, none: all of them.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define ROUNDS 2000
#define NS_PER_SECOND 1000000000L

static void check(int status, const char *what) {
    if (status == 0)
        return;
    printf("%s: %s\n", what, strerror(status));
    exit(1);
}

static void start(pthread_t *thread, void *(*function)(void *), void *argument) {
    check(pthread_create(thread, NULL, function, argument), "pthread_create");
}

static struct timespec in_ms(clockid_t clock, long ms) {
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += ms * 1000000;
    time.tv_sec += time.tv_nsec / NS_PER_SECOND;
    time.tv_nsec %= NS_PER_SECOND;
    return time;
}

/* Run THREADS of them, each with its number, to their end. */
static void run_all(void *(*function)(void *)) {
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        start(&threads[i], function, (void *)i);
    for (int i = 0; i < THREADS; i++)
        check(pthread_join(threads[i], NULL), "pthread_join");
}

/* ---- mutexes of all kinds ---- */

static pthread_mutex_t mutex;
static long counter;

static void *count(void *argument) {
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        if (i % 64 == 0)
            sched_yield();
        pthread_mutex_unlock(&mutex);
    }
    return argument;
}

static void try_mutex(const char *name, int kind, int protocol, int robust) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    check(pthread_mutexattr_settype(&attributes, kind), "settype");
    check(pthread_mutexattr_setprotocol(&attributes, protocol), "setprotocol");
    check(pthread_mutexattr_setrobust(&attributes, robust), "setrobust");
    check(pthread_mutex_init(&mutex, &attributes), "pthread_mutex_init");
    counter = 0;
    run_all(count);
    printf("%s mutex: counted %ld\n", name, counter);
    pthread_mutex_destroy(&mutex);
}

static void mutexes(void) {
    try_mutex("normal", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED);
    try_mutex("recursive", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED);
    try_mutex("inheriting", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED);
    try_mutex("robust", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST);
    try_mutex("robust inheriting", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ROBUST);
}

/* ---- an owner that ends ---- */

static void *lock_and_end(void *argument) {
    pthread_mutex_lock(argument);
    return NULL;
}

static void robust(void) {
    for (int protocol = PTHREAD_PRIO_NONE; protocol <= PTHREAD_PRIO_INHERIT; protocol++) {
        pthread_mutexattr_t attributes;
        pthread_t thread;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        pthread_mutexattr_setprotocol(&attributes, protocol);
        pthread_mutex_init(&mutex, &attributes);
        start(&thread, lock_and_end, &mutex);
        pthread_join(thread, NULL);
        printf("owner ended: %s\n", strerror(pthread_mutex_lock(&mutex)));
        check(pthread_mutex_consistent(&mutex), "pthread_mutex_consistent");
        check(pthread_mutex_unlock(&mutex), "unlock");
        check(pthread_mutex_lock(&mutex), "lock after it");
        check(pthread_mutex_unlock(&mutex), "unlock after it");
        pthread_mutex_destroy(&mutex);
    }
}

/* ---- condition variables ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;

static void *take_turns(void *argument) {
    int self = (int)(intptr_t)argument;
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&gate);
        while (turn % THREADS != self)
            pthread_cond_wait(&changed, &gate);
        turn++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&gate);
    }
    return NULL;
}

static void conditions(void) {
    turn = 0;
    run_all(take_turns);
    printf("turns: %d\n", turn);
    struct timespec until = in_ms(CLOCK_REALTIME, 20);
    pthread_mutex_lock(&gate);
    int status;
    do {
        status = pthread_cond_timedwait(&changed, &gate, &until);
    } while (status == 0);
    pthread_mutex_unlock(&gate);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    bool is_early = now.tv_sec < until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec < until.tv_nsec);
    printf("timed wait: %s, %s\n", strerror(status), is_early ? "early" : "not early");
}

/* ---- barriers, semaphores, read-write locks ---- */

static pthread_barrier_t barrier;
static atomic_int serial, inside, most;
static void *pass_barrier(void *argument) {
    for (int i = 0; i < 50; i++) {
        inside++;
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
            serial++;
            if (inside != THREADS)
                most++;
            inside = 0;
        }
        pthread_barrier_wait(&barrier);
    }
    return argument;
}

static sem_t semaphore;

static void *use_semaphore(void *argument) {
    for (int i = 0; i < ROUNDS; i++) {
        while (sem_wait(&semaphore) != 0) {
        }
        int now = ++inside, seen = most;
        while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now)) {
        }
        inside--;
        sem_post(&semaphore);
    }
    return argument;
}

static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
static long pair[2];

static void *read_and_write(void *argument) {
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 8 == 0) {
            pthread_rwlock_wrlock(&shared);
            pair[0]++;
            pair[1]++;
        } else {
            pthread_rwlock_rdlock(&shared);
            if (pair[0] != pair[1])
                serial++;
        }
        pthread_rwlock_unlock(&shared);
    }
    return argument;
}

static void meetings(void) {
    pthread_barrier_init(&barrier, NULL, THREADS);
    serial = inside = most = 0;
    run_all(pass_barrier);
    printf("barrier: %d rounds, %d wrong\n", serial, most);
    sem_init(&semaphore, 0, 3);
    inside = most = 0;
    run_all(use_semaphore);
    printf("semaphore: %s\n", most <= 3 ? "never more than three" : "too many");
    serial = 0;
    run_all(read_and_write);
    printf("read-write lock: %ld writes, %d torn\n", pair[0], serial);
}

/* ---- thread-local memory, vector registers, processors ---- */

static __thread int local;

static void *keep_own(void *argument) {
    static char local_fault[] = "thread-local memory was changed", sum_fault[] = "a sum changed";
    int self = (int)(intptr_t)argument;
    double sum = 0;
    local = self;
    for (int i = 1; i < 20000; i++) {
        sum += (double)self / i;
        if (i % 500 == 0)
            sched_yield();
        if (local != self)
            return local_fault;
    }
    double again = 0;
    for (int i = 1; i < 20000; i++)
        again += (double)self / i;
    return memcmp(&again, &sum, sizeof(sum)) == 0 ? NULL : sum_fault;
}

static void own(void) {
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        start(&threads[i], keep_own, (void *)i);
    for (int i = 0; i < THREADS; i++) {
        void *fault;
        pthread_join(threads[i], &fault);
        printf("thread %d: %s\n", i, fault != NULL ? (char *)fault : "kept its own");
    }
    cpu_set_t all, one;
    check(sched_getaffinity(0, sizeof(all), &all), "sched_getaffinity");
    int count = CPU_COUNT(&all), visited = 0;
    for (int i = 0; i < CPU_SETSIZE && i < 64; i++) {
        if (!CPU_ISSET(i, &all))
            continue;
        CPU_ZERO(&one);
        CPU_SET(i, &one);
        check(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
        visited += sched_getcpu() == i;
    }
    check(sched_setaffinity(0, sizeof(all), &all), "sched_setaffinity");
    printf("affinity: %s\n", visited == count ? "was on each processor" : "was not where it should be");
}

/* ---- time ---- */

static void times(void) {
    struct timespec before, after, left = {0}, pause = {.tv_nsec = 15000000}, wrong = {.tv_nsec = NS_PER_SECOND};
    clock_gettime(CLOCK_MONOTONIC, &before);
    printf("nanosleep: %d\n", nanosleep(&pause, &left));
    clock_gettime(CLOCK_MONOTONIC, &after);
    long slept = (after.tv_sec - before.tv_sec) * NS_PER_SECOND + after.tv_nsec - before.tv_nsec;
    printf("slept: %s\n", slept >= pause.tv_nsec ? "long enough" : "too short");
    struct timespec until = in_ms(CLOCK_MONOTONIC, 10);
    printf("clock_nanosleep: %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
    clock_gettime(CLOCK_MONOTONIC, &after);
    bool is_early = after.tv_sec < until.tv_sec || (after.tv_sec == until.tv_sec && after.tv_nsec < until.tv_nsec);
    printf("woke: %s\n", is_early ? "early" : "not early");
    printf("wrong time: %s\n", nanosleep(&wrong, NULL) == 0 ? "taken" : strerror(errno));
    printf("wrong clock: %s\n", strerror(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &pause, NULL)));
    printf("no clock: %s\n", clock_gettime(1000, &after) == 0 ? "read" : strerror(errno));
    for (clockid_t clock = CLOCK_REALTIME; clock <= CLOCK_BOOTTIME; clock++)
        printf("clock %d: %d\n", clock, clock_gettime(clock, &after));
    clockid_t own_clock;
    check(pthread_getcpuclockid(pthread_self(), &own_clock), "pthread_getcpuclockid");
    printf("own clock: %d\n", clock_gettime(own_clock, &after));
    struct timespec first, last;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &first);
    do {
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &last);
    } while (last.tv_sec == first.tv_sec && last.tv_nsec < first.tv_nsec + 1000000 && last.tv_nsec >= first.tv_nsec);
    printf("processor time goes on\n");
}

/* ---- futexes as such ---- */

static _Atomic uint32_t word, second_word;

static long futex(_Atomic uint32_t *address, int operation, uint32_t value, const void *time, _Atomic uint32_t *other,
                  uint32_t third) {
    long result = syscall(SYS_futex, address, operation, value, time, other, third);
    return result < 0 ? -errno : result;
}

static atomic_int waiting;

static void *wait_on_word(void *argument) {
    waiting++;
    while (word == 0)
        futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, (uint32_t)(uintptr_t)argument);
    while (second_word == 0)
        futex(&second_word, FUTEX_WAIT, 0, NULL, NULL, 0);
    return NULL;
}

/* Until so many could be moved or woken; each is in the kernel sooner or later. */
static void collect(int operation, uint32_t wake, uintptr_t move, _Atomic uint32_t *to, uint32_t third, long sum) {
    long done = 0;
    while (done < sum)
        done += futex(&word, operation, wake, (void *)move, to, third);
    printf("operation %d: %s\n", operation, done < sum ? "too few" : "done");
}

static void words(void) {
    pthread_t threads[THREADS];
    struct timespec soon = {.tv_nsec = 5000000}, wrong = {.tv_nsec = -1};
    printf("other value: %s\n", strerror((int)-futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0)));
    printf("timed out: %s\n", strerror((int)-futex(&word, FUTEX_WAIT, 0, &soon, NULL, 0)));
    printf("wrong time: %s\n", strerror((int)-futex(&word, FUTEX_WAIT, 0, &wrong, NULL, 0)));
    printf("no bits: %s\n", strerror((int)-futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0)));
    printf("not aligned: %s\n",
           strerror((int)-futex((_Atomic uint32_t *)((uintptr_t)&word + 1), FUTEX_WAKE, 1, NULL, NULL, 0)));
    printf("no word: %s\n", strerror((int)-futex((_Atomic uint32_t *)8, FUTEX_WAIT, 0, NULL, NULL, 0)));
    printf("nobody waits: %ld\n", futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
    printf("no operation: %s\n", strerror((int)-futex(&word, 99, 0, NULL, NULL, 0)));
    for (uintptr_t i = 0; i < THREADS; i++)
        start(&threads[i], wait_on_word, (void *)(i < 3 ? (uintptr_t)1 : 2));
    while (waiting < THREADS)
        sched_yield();
    printf("changed meanwhile: %s\n", strerror((int)-futex(&word, FUTEX_CMP_REQUEUE, 0, (void *)1, &second_word, 1)));
    collect(FUTEX_CMP_REQUEUE, 0, 2, &second_word, 0, 2);
    word = 1;
    collect(FUTEX_WAKE_OP, INT_MAX, INT_MAX, &second_word, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0), 2);
    printf("set: %u\n", second_word);
    for (int i = 0; i < THREADS; i++) {
        futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
        futex(&second_word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    _Atomic uint32_t lock = 0;
    printf("lock: %ld, again: %s\n", futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0),
           strerror((int)-futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0)));
    printf("try: %s\n", strerror((int)-futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0)));
    printf("unlock: %ld, again: %s\n", futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0),
           strerror((int)-futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0)));
    lock = 0x3ffffff;
    printf("no such owner: %s\n", strerror((int)-futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0)));
}

/* ---- how threads are scheduled ---- */

static void schedules(void) {
    struct sched_param parameter = {.sched_priority = 7};
    static const int policies[] = {SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_OTHER, 77};
    for (unsigned i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        parameter.sched_priority = policies[i] == SCHED_FIFO || policies[i] == SCHED_RR ? 7 : 0;
        long status = syscall(SYS_sched_setscheduler, 0, policies[i], &parameter);
        printf("policy %d: %s, is %ld\n", policies[i], status == 0 ? "set" : strerror(errno),
               syscall(SYS_sched_getscheduler, 0));
    }
    parameter.sched_priority = 100;
    printf("priority 100: %s\n",
           syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &parameter) == 0 ? "set" : strerror(errno));
    printf("most %d, least %d\n", sched_get_priority_max(SCHED_RR), sched_get_priority_min(SCHED_RR));
    errno = 0;
    long status = syscall(SYS_setpriority, 0, 0, 5);
    printf("nice: %ld, is %ld\n", status, 20 - syscall(SYS_getpriority, 0, 0));
    printf("no thread: %s\n", syscall(SYS_sched_getscheduler, 30000) >= 0 ? "found" : strerror(errno));
}

/* ---- thousands of them ---- */

static void *add_one(void *argument) {
    atomic_fetch_add((atomic_int *)argument, 1);
    return NULL;
}

static void storm(void) {
    atomic_int sum = 0;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 16384);
    for (int i = 0; i < 1000; i++) {
        pthread_t thread;
        start(&thread, add_one, &sum);
        pthread_join(thread, NULL);
    }
    for (int i = 0; i < 1000; i++) {
        pthread_t thread;
        while (pthread_create(&thread, &attributes, add_one, &sum) != 0)
            sched_yield();
    }
    while (sum < 2000)
        sched_yield();
    for (int round = 0; round < 10; round++) {
        pthread_t threads[100];
        for (int i = 0; i < 100; i++)
            start(&threads[i], add_one, &sum);
        for (int i = 0; i < 100; i++)
            pthread_join(threads[i], NULL);
    }
    printf("storm: %d\n", sum);
}

/* ---- processes that make threads beside each other, as stress-ng's pthread and mutex do ---- */

#define CROWD_PROCESSES 4
#define CROWD_THREADS 10
#define CROWD_ROUNDS 20 /* even */

static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static bool are_to_end;

static void *wait_until_told(void *argument) {
    pthread_mutex_lock(&mutex);
    while (!are_to_end)
        pthread_cond_wait(&told, &mutex);
    pthread_mutex_unlock(&mutex);
    return argument;
}

/* Of real time as far as it may be, and higher while it waits. */
static void *change_priority(void *argument) {
    const struct sched_param low = {.sched_priority = 1};
    for (int i = 0; i < CROWD_ROUNDS; i++) {
        const struct sched_param high = {.sched_priority = 2 + i};
        (void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &high);
        pthread_mutex_lock(&mutex);
        (void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &low);
        sched_yield();
        pthread_mutex_unlock(&mutex);
    }
    return argument;
}

/* All of them are there before the first goes on. The last of the last round is left to the end of the process. */
static void make_crowd(int round) {
    pthread_t threads[CROWD_THREADS];
    bool is_last = round == CROWD_ROUNDS - 1;
    pthread_mutex_lock(&mutex);
    are_to_end = false;
    for (int i = 0; i < CROWD_THREADS; i++)
        start(&threads[i], round % 2 == 0 ? wait_until_told : change_priority, NULL);
    are_to_end = true;
    pthread_cond_broadcast(&told);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < CROWD_THREADS - is_last; i++)
        check(pthread_join(threads[i], NULL), "pthread_join");
}

static void crowd(void) {
    pid_t children[CROWD_PROCESSES];
    pthread_mutex_init(&mutex, NULL);
    for (int i = 0; i < CROWD_PROCESSES; i++) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        for (int round = 0; round < CROWD_ROUNDS; round++)
            make_crowd(round);
        _exit(0);
    }
    for (int i = 0; i < CROWD_PROCESSES; i++) {
        int status = -1;
        waitpid(children[i], &status, 0);
        printf("crowd %d: %#x\n", i, (unsigned)status);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {
    {"mutexes", mutexes}, {"robust", robust}, {"conditions", conditions}, {"meetings", meetings}, {"own", own},
    {"times", times},     {"words", words},   {"schedules", schedules},   {"storm", storm},       {"crowd", crowd},
};

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        bool is_wanted = count == 1;
        for (int j = 1; j < count; j++)
            is_wanted = is_wanted || strcmp(arguments[j], parts[i].name) == 0;
        if (is_wanted)
            parts[i].run();
    }
    return 0;
}
