/*
 * Fuzzes a kernel's system calls: see README.md.
 *
 *     fuzz seed=N [calls=N] [seconds=N] [workers=N] [only=N] [show] [rows]
 *
 * Workers are made one after the other, a few at a time, until so many calls were made or the time is over. `only` makes one
 * worker again, `show` tells each call before it is made, `rows` at the end how often each call succeeded.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE 3u
#define WORKER_CALLS 400u
#define PATIENCE_S 5 /* far longer than a worker takes */
#define FOLDER_BYTES 32u

struct options {
    uint64_t seed, calls, seconds;
    int64_t only;
    bool shows, shows_rows;
};

struct slot {
    pid_t process; /* 0: free */
    uint32_t worker;
    uint64_t begun_s;
};

static struct options options = {.calls = 20000, .seconds = 60, .only = -1};
static struct tally *tally;
static struct slot slots[AT_ONCE];
static uint32_t ended, killed;

static uint64_t now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

/* ---- folders: one for each worker, and nothing of it left ---- */

static void name_folder(char *name, uint32_t worker) {
    (void)snprintf(name, FOLDER_BYTES, "/fuzz-%u", worker);
}

static void remove_all(int folder) {
    DIR *entries = fdopendir(folder);
    struct dirent *entry;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            unlinkat(folder, entry->d_name, 0) == 0)
            continue;
        int inner = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (inner >= 0)
            remove_all(inner);
        (void)unlinkat(folder, entry->d_name, AT_REMOVEDIR);
    }
    if (entries != NULL)
        closedir(entries);
}

/* Mounts of the worker's lie in its folder, possibly on each other, or on the folder itself. */
static void unmount_all(const char *name) {
    static const char *const places[] = {"d/g/h", "d/e", "d/f", "d", "a", "b", "c", "l", "s", ""};
    char place[64];
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        (void)snprintf(place, sizeof(place), "%s/%s", name, places[i]);
        while (umount2(place, MNT_DETACH) == 0)
            i = 0;
    }
}

static void forget_folder(uint32_t worker) {
    char name[FOLDER_BYTES];
    name_folder(name, worker);
    unmount_all(name);
    int folder = open(name, O_RDONLY | O_DIRECTORY);
    if (folder >= 0)
        remove_all(folder);
    if (rmdir(name) < 0)
        printf("fuzz: the folder of worker %u stays: %s\n", worker, strerror(errno));
}

/* ---- workers ---- */

static void begin_worker(struct slot *slot, uint32_t worker) {
    char name[FOLDER_BYTES];
    const struct plan plan = {.seed = options.seed,
                              .worker = worker,
                              .calls = WORKER_CALLS,
                              .threads = 1 + worker % 4,
                              .is_root = worker % 3 == 0,
                              .shows = options.shows,
                              .tally = tally};
    name_folder(name, worker);
    (void)mkdir(name, 0777);
    (void)chmod(name, 0777);
    pid_t made = fork();
    if (made == 0) {
        if (chdir(name) < 0)
            _exit(92);
        worker_run(&plan);
    }
    if (made < 0) {
        forget_folder(worker);
        return;
    }
    *slot = (struct slot){.process = made, .worker = worker, .begun_s = now_s()};
}

/* Whatever a worker left behind (children, its threads' children) is a child of ours now, or of a session that ends. */
static void end_worker(struct slot *slot, int status) {
    ended++;
    killed += WIFSIGNALED(status);
    if (options.shows)
        printf("fuzz: worker %u ended with %#x\n", slot->worker, (unsigned)status);
    forget_folder(slot->worker);
    *slot = (struct slot){0};
}

static void reap(void) {
    const struct timespec moment = {0, 50000000};
    sigset_t children;
    int status;
    pid_t process;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    while ((process = waitpid(-1, &status, WNOHANG)) > 0)
        for (unsigned i = 0; i < AT_ONCE; i++)
            if (slots[i].process == process)
                end_worker(&slots[i], status);
    for (unsigned i = 0; i < AT_ONCE; i++)
        if (slots[i].process != 0 && now_s() - slots[i].begun_s > PATIENCE_S)
            (void)kill(slots[i].process, SIGKILL);
    (void)sigtimedwait(&children, NULL, &moment);
}

static unsigned running(void) {
    unsigned count = 0;
    for (unsigned i = 0; i < AT_ONCE; i++)
        count += slots[i].process != 0;
    return count;
}

/* Process 1 has all orphans; whoever is left after the workers is ended. */
static void end_orphans(void) {
    const uint64_t until = now_s() + PATIENCE_S;
    while (now_s() < until && (waitpid(-1, NULL, WNOHANG) >= 0 || errno == EINTR)) {
        (void)kill(-1, SIGKILL);
        (void)kill(-1, SIGCONT);
    }
}

static void run(void) {
    const uint64_t until = now_s() + options.seconds;
    uint32_t next = options.only >= 0 ? (uint32_t)options.only : 0, last = options.only >= 0 ? next : UINT32_MAX;
    bool is_over = false;
    while (!is_over || running() > 0) {
        is_over = is_over || next > last || now_s() >= until ||
                  __atomic_load_n(&tally->calls, __ATOMIC_RELAXED) >= options.calls;
        for (unsigned i = 0; i < AT_ONCE && !is_over; i++)
            if (slots[i].process == 0 && next <= last)
                begin_worker(&slots[i], next++);
        reap();
    }
    end_orphans();
}

static void read_options(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        const char *text = arguments[i];
        if (strncmp(text, "seed=", 5) == 0)
            options.seed = strtoull(text + 5, NULL, 10);
        else if (strncmp(text, "calls=", 6) == 0)
            options.calls = strtoull(text + 6, NULL, 10);
        else if (strncmp(text, "seconds=", 8) == 0)
            options.seconds = strtoull(text + 8, NULL, 10);
        else if (strncmp(text, "only=", 5) == 0)
            options.only = strtoll(text + 5, NULL, 10);
        else if (strcmp(text, "show") == 0)
            options.shows = true;
        else if (strcmp(text, "rows") == 0)
            options.shows_rows = true;
    }
}

static void show_rows(void) {
    for (size_t i = 0; i < row_count; i++)
        printf("fuzz: row %s %llu of %llu\n", rows[i].name, (unsigned long long)tally->successes_by_row[i],
               (unsigned long long)tally->by_row[i]);
}

int main(int count, char **arguments) {
    sigset_t children;
    setvbuf(stdout, NULL, _IOLBF, 0);
    read_options(count, arguments);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        return 93;
    printf("fuzz: seed %llu\n", (unsigned long long)options.seed);
    run();
    if (options.shows_rows)
        show_rows();
    printf("fuzz: %llu calls, %llu successes, %u workers, %u killed\n", (unsigned long long)tally->calls,
           (unsigned long long)tally->successes, ended, killed);
    printf("fuzz: done\n");
    return 0;
}
