/* Rows of processes and threads that come and go: see rows.h. */
#include "rows.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const char *rows_program;

int row_fork_exec_wait(uint32_t count, uint64_t *cycles) {
    char *const arguments[] = {(char *)(uintptr_t)rows_program, (char *)(uintptr_t)ROWS_END_AT_ONCE, NULL};
    char *const environment[] = {NULL};
    uint64_t begin = cycles_now();
    for (uint32_t i = 0; i < count; i++) {
        int ended = 0;
        pid_t child = fork();
        if (child == 0) {
            execve(rows_program, arguments, environment);
            _exit(errno);
        }
        if (child < 0 || waitpid(child, &ended, 0) != child)
            return -errno;
        if (ended != 0)
            return WIFEXITED(ended) ? -WEXITSTATUS(ended) : -EIO;
    }
    *cycles = cycles_now() - begin;
    return 0;
}

static void *end_at_once(void *nothing) {
    return nothing;
}

int row_thread(uint32_t count, uint64_t *cycles) {
    /* The C library says EAGAIN whatever is wrong. */
    if (syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0) < 0 && errno == ENOSYS)
        return -ENOSYS;
    uint64_t begin = cycles_now();
    for (uint32_t i = 0; i < count; i++) {
        pthread_t thread;
        int status = pthread_create(&thread, NULL, end_at_once, NULL);
        if (status == 0)
            status = pthread_join(thread, NULL);
        if (status != 0)
            return -status;
    }
    *cycles = cycles_now() - begin;
    return 0;
}
