/* Taking more than its share: processes, memory, processor, descriptors, room in files. See hostile.c. */
#include "tests/confinement/hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int fork_bomb(void) {
    for (int i = 0; i < 64; i++) {
        pid_t child = fork();
        if (child < 0)
            return judge(child, EAGAIN, EAGAIN);
        if (child == 0)
            for (;;)
                (void)pause();
    }
    return WORKED;
}

/* Being killed for it is seen from outside. */
int memory_hog(void) {
    size_t size = (size_t)96 << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return judge(-1, ENOMEM, ENOMEM);
    for (size_t i = 0; i < size; i += 4096)
        ((volatile char *)memory)[i] = 1;
    return WORKED;
}

/* ---- greed that says how far it came, and stays ---- */

static _Noreturn void stay(void) {
    (void)fflush(stdout);
    for (;;)
        (void)pause();
}

/* How much it is told to take. */
static size_t amount(void) {
    return strtoul(hostile_parameter, NULL, 10);
}

static char *take_memory(size_t mebibytes) {
    size_t size = mebibytes << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        exit(STRANGE);
    for (size_t i = 0; i < size; i += 4096)
        ((volatile char *)memory)[i] = 1;
    return memory;
}

static void say(const char *word) {
    (void)printf("%s\n", word);
    (void)fflush(stdout);
}

/* So many MiB. */
int hold_memory(void) {
    (void)take_memory(amount());
    say("held");
    stay();
}

/* Most of it for good, and a little more and less of it a hundred times. */
int sway_memory(void) {
    size_t most = amount(), some = most / 10;
    (void)take_memory(most - some);
    for (unsigned i = 0; i < 100; i++)
        (void)munmap(take_memory(some), some << 20);
    (void)take_memory(some);
    say("swayed");
    stay();
}

/* High, low, high and so on, one step for each signal. */
int breathe_memory(void) {
    sigset_t wanted;
    int number;
    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL);
    for (unsigned turn = 0; turn < 1000; turn++) {
        char *memory = take_memory(amount());
        say("high");
        (void)sigwait(&wanted, &number);
        (void)munmap(memory, amount() << 20);
        say("low");
        (void)sigwait(&wanted, &number);
    }
    return WORKED;
}

int hold_processes(void) {
    size_t wanted = amount(), made = 0;
    while (made < wanted) {
        pid_t child = fork();
        if (child == 0)
            stay();
        if (child < 0)
            break;
        made++;
    }
    (void)printf("made %zu\n", made);
    stay();
}

int spin(void) {
    static volatile bool is_over;
    say("spinning");
    while (!is_over)
        continue;
    return WORKED;
}

int descriptors(void) {
    for (int i = 0; i < 2000; i++)
        if (dup(0) < 0)
            return judge(-1, EMFILE, EMFILE);
    return WORKED;
}

int large_file(void) {
    int file = open(in_folder("large"), O_WRONLY | O_CREAT, 0600);
    (void)signal(SIGXFSZ, SIG_IGN);
    return file < 0 ? STRANGE : judge(ftruncate(file, 1 << 20), EFBIG, EFBIG);
}
