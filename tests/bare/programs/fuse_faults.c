/* Servers that are slow, dead or lie, and what their clients see of it: parts of fuse.c. */
#include "fuse_client.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void wait_for(const uint32_t *word, uint32_t least) {
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < least)
        sched_yield();
}

static void on_alarm(int signal) {
    (void)signal;
}

/* A read that is never answered. */
static pid_t stick(int with_handler) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        char text[8];
        struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART */
        if (with_handler)
            sigaction(SIGUSR1, &action, NULL);
        int file = open("stuck", O_RDONLY);
        ssize_t bytes = read(file, text, sizeof(text));
        _exit(bytes < 0 ? errno : 0);
    }
    return child;
}

/* What a server that heeds interrupts does to who waits; and its death. */
void stuck(void) {
    int status;
    begin();
    orders->heeds_interrupts = 1;
    write_file("stuck", "never");
    pid_t child = stick(1);
    wait_for(&orders->stalled, 1);
    kill(child, SIGUSR1);
    waitpid(child, &status, 0);
    printf("interrupted: %s\n", strerror(WEXITSTATUS(status)));
    child = stick(0);
    wait_for(&orders->stalled, 2);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    printf("killed by %d\n", WTERMSIG(status));
    child = stick(0);
    wait_for(&orders->stalled, 3);
    kill(server, SIGKILL);
    waitpid(server, &status, 0);
    waitpid(child, &status, 0);
    printf("its server died: %s\n", strerror(WEXITSTATUS(status)));
    tell_status("stuck");
    tell_folder(".");
    tell("mkdir", mkdir("x", 0755));
    tell("umount", chdir("/") != 0 ? -1 : umount2(place, 0));
    begin();
    write_file("alive", "again");
    end();
}

/* A server that answers neither a read nor its interrupt: a kill ends the wait all the same. Linux waits for ever. */
void killed(void) {
    int status;
    begin();
    write_file("stuck", "never");
    pid_t child = stick(1);
    wait_for(&orders->stalled, 1);
    kill(child, SIGUSR1);
    wait_for(&orders->interrupts, 1);
    printf("still there: %d\n", waitpid(child, &status, WNOHANG) == 0);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    printf("killed by %d\n", WTERMSIG(status));
    tell_status("stuck");
    end();
}

void wrong(void) {
    static uint8_t bytes[5000];
    struct stat status;
    begin();
    write_file("file", "0123456789");
    tell("symlink", symlink("file", "link"));
    int file = open("file", O_RDWR);
    orders->wrong = WRONG_SIZE_OF_ATTRIBUTES;
    tell("attributes too short", fstat(file, &status));
    orders->wrong = WRONG_KIND;
    tell("no kind", fstat(file, &status));
    tell("no kind", stat("file", &status));
    orders->wrong = WRONG_NOTHING;
    close(file);
    file = open("file", O_RDWR);
    orders->wrong = WRONG_ROOT_AS_CHILD;
    tell("the root below", stat("file", &status));
    orders->wrong = WRONG_ERROR;
    tell("no error", stat("file", &status) == 0 ? 0 : 1);
    orders->wrong = WRONG_NAME_IN_FOLDER;
    tell_folder(".");
    orders->wrong = WRONG_EMPTY_NAME;
    tell_folder(".");
    orders->wrong = WRONG_READ;
    tell("read", (long)pread(file, bytes, sizeof(bytes), 0));
    orders->wrong = WRONG_WRITE;
    tell("write", (long)pwrite(file, bytes, 10, 0));
    orders->wrong = WRONG_NOTHING;
    close(file);
    end();
}
