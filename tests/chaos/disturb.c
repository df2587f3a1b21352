/*
 * Disturbs one process from outside, by ptrace, until it is told to stop (SIGTERM) or the process has ended:
 *
 *     disturb PROCESS disk-error FOLDER      its calls on regular files of that folder's file system fail with EIO
 *     disturb PROCESS disk-slow FOLDER MS    they take so much longer
 *     disturb PROCESS wake-drop EVERY        of its wake-ups (futex, event descriptors) each EVERYth is not done
 *     disturb PROCESS wake-delay MS          they come so much later
 *     disturb PROCESS clock SECONDS          its wall clock jumps by that, to and fro: every other half second it is right
 *
 * Says "ready" when it has begun, and how many calls it disturbed at its end. The process need not know and needs no
 * library: the services are static programs. For the wall clock the two functions of the vDSO that tell it are written over
 * with the system call in this process's own copy of that page, and written back at the end.
 *
 * A crash of this program detaches; a process whose vDSO stays written over asks the kernel for the time, which is slower and
 * right.
 */
#include "processor.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum kind { DISK_ERROR, DISK_SLOW, WAKE_DROP, WAKE_DELAY, CLOCK };

static const char *const kinds[] = {"disk-error", "disk-slow", "wake-drop", "wake-delay", "clock"};

static pid_t process;
static enum kind kind;
static dev_t device; /* of the disk that is disturbed */
static long argument;
static unsigned long disturbed, wakes;
static volatile sig_atomic_t is_asked_to_end;

/* One system call under way: the tracee is single-threaded, as every system service is. */
static struct {
    bool is_skipped;
    long result; /* of a skipped one */
    long number;
    uint64_t arguments[6];
    bool is_entered; /* the last stop was at its begin */
    uint64_t place; /* of the instruction */
} call;

static int fail(const char *what) {
    fprintf(stderr, "disturb: %s: %s\n", what, strerror(errno));
    return 1;
}

static void on_end(int signal) {
    (void)signal;
    is_asked_to_end = 1;
    (void)ptrace(PTRACE_INTERRUPT, process, NULL, NULL); /* so that the wait under way returns */
}

static void wait_ms(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

/* ---- what is disturbed ---- */

static bool is_of_disk(void) {
    static const long numbers[] = {SYS_read,     SYS_pread64, SYS_preadv,    SYS_readv, SYS_write,     SYS_writev,
                                   SYS_pwrite64, SYS_pwritev, SYS_ftruncate, SYS_fsync, SYS_fdatasync, SYS_fallocate};
    char path[64];
    struct stat facts;
    bool is_call = false;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        is_call |= numbers[i] == call.number;
    if (!is_call)
        return false;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)process, (int)call.arguments[0]);
    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_dev == device;
}

static bool is_event_descriptor(int descriptor) {
    char path[64], target[64] = "";
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)process, descriptor);
    return readlink(path, target, sizeof target - 1) > 0 && strcmp(target, "anon_inode:[eventfd]") == 0;
}

static bool is_wake(void) {
    int operation = (int)call.arguments[1] & FUTEX_CMD_MASK;
    if (call.number == SYS_futex)
        return operation == FUTEX_WAKE || operation == FUTEX_WAKE_BITSET;
    return call.number == SYS_write && is_event_descriptor((int)call.arguments[0]);
}

static void skip(long result) {
    if (skip_call(process) < 0)
        return;
    call.is_skipped = true;
    call.result = result;
    disturbed++;
}

static void enter(void) {
    if ((kind == DISK_ERROR || kind == DISK_SLOW) && is_of_disk()) {
        if (kind == DISK_ERROR) {
            skip(-EIO);
        } else {
            wait_ms(argument);
            disturbed++;
        }
    } else if (kind == WAKE_DROP && is_wake() && ++wakes % (unsigned long)argument == 0) {
        skip(call.number == SYS_futex ? 0 : (long)call.arguments[2]);
    } else if (kind == WAKE_DELAY && is_wake()) {
        wait_ms(argument);
        disturbed++;
    }
}

/* ---- the clock ---- */

/* The seconds stand first in both structures. */
static void shift_seconds(uint64_t place) {
    struct timespec now;
    errno = 0;
    long seconds = ptrace(PTRACE_PEEKDATA, process, (void *)(uintptr_t)place, NULL);
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    if (errno != 0 || now.tv_nsec >= 500000000)
        return;
    if (ptrace(PTRACE_POKEDATA, process, (void *)(uintptr_t)place, (void *)(seconds + argument)) == 0)
        disturbed++;
}

static void leave(void) {
    if (call.is_skipped)
        (void)set_result(process, call.result);
    call.is_skipped = false;
    if (kind != CLOCK)
        return;
    bool is_wall = (int)call.arguments[0] == CLOCK_REALTIME || (int)call.arguments[0] == CLOCK_REALTIME_COARSE;
    if (call.number == SYS_clock_gettime && is_wall)
        shift_seconds(call.arguments[1]);
    else if (call.number == SYS_gettimeofday && call.arguments[0] != 0)
        shift_seconds(call.arguments[0]);
}

static struct written_over {
    const char *symbol;
    const unsigned char *code;
    unsigned char before[sizeof clock_code];
    uint64_t place; /* 0: not written over */
} functions[] = {{.symbol = CLOCK_SYMBOL, .code = clock_code}, {.symbol = DAY_SYMBOL, .code = day_code}};

static uint64_t find_vdso(void) {
    char path[64], line[256];
    uint64_t place = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)process);
    FILE *maps = fopen(path, "re");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "[vdso]") != NULL)
            place = strtoull(line, NULL, 16);
    if (maps != NULL)
        fclose(maps);
    return place;
}

static int open_memory(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)process);
    return open(path, O_RDWR | O_CLOEXEC);
}

/* The page is the same in every process of this machine, so a function stands where it stands in this one. */
static int write_over_clock(void) {
    void *own = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
    uint64_t base = find_vdso();
    int memory = open_memory();
    if (own == NULL || base == 0 || memory < 0)
        return -1;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        struct written_over *function = &functions[i];
        uint64_t address = (uint64_t)(uintptr_t)dlsym(own, function->symbol);
        if (address == 0)
            continue;
        off_t place = (off_t)(base + address - getauxval(AT_SYSINFO_EHDR));
        if (pread(memory, function->before, sizeof function->before, place) == (ssize_t)sizeof function->before &&
            pwrite(memory, function->code, sizeof function->before, place) == (ssize_t)sizeof function->before)
            function->place = (uint64_t)place;
    }
    close(memory);
    return functions[0].place != 0 ? 0 : -1;
}

static void write_back_clock(void) {
    int memory = open_memory();
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (functions[i].place != 0)
            (void)!pwrite(memory, functions[i].before, sizeof functions[i].before, (off_t)functions[i].place);
    if (memory >= 0)
        close(memory);
}

/* ---- tracing ---- */

static void at_call(void) {
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, process, (void *)sizeof info, &info) <= 0)
        return;
    call.is_entered = info.op == PTRACE_SYSCALL_INFO_ENTRY;
    call.place = info.instruction_pointer;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        call.number = (long)info.entry.nr;
        call.is_skipped = false;
        for (size_t i = 0; i < 6; i++)
            call.arguments[i] = info.entry.args[i];
        enter();
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        leave();
    }
}

/* Go on after a stop. A signal is passed on; a stop by a signal is left to last. */
static int go_on(int status) {
    int signal = WSTOPSIG(status);
    bool is_event = status >> 16 != 0;
    if (status >> 16 == PTRACE_EVENT_STOP && (signal == SIGSTOP || signal == SIGTSTP))
        return (int)ptrace(PTRACE_LISTEN, process, NULL, NULL);
    bool is_signal = !is_event && signal != (SIGTRAP | 0x80);
    return (int)ptrace(PTRACE_SYSCALL, process, NULL, (void *)(intptr_t)(is_signal ? signal : 0));
}

/* False: it has ended. */
static bool next_stop(int *status) {
    pid_t got;
    do
        got = waitpid(process, status, __WALL);
    while (got < 0 && errno == EINTR);
    return got == process && WIFSTOPPED(*status);
}

static bool is_in_written_code(uint64_t place) {
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (functions[i].place != 0 && place >= functions[i].place &&
            place <= functions[i].place + sizeof functions[i].before)
            return true;
    return false;
}

/* A function may be written back only while the process is in none of them: at the begin of a call of its own. */
static bool can_end(bool is_call) {
    if (call.is_skipped)
        return false;
    return kind != CLOCK || (is_call && call.is_entered && !is_in_written_code(call.place));
}

static int trace(void) {
    int status;
    bool is_ready = false;
    while (next_stop(&status)) {
        bool is_call = status >> 16 == 0 && WSTOPSIG(status) == (SIGTRAP | 0x80);
        if (is_ready && is_call)
            at_call();
        if (is_ready && is_asked_to_end && can_end(is_call)) {
            if (kind == CLOCK)
                write_back_clock();
            (void)ptrace(PTRACE_DETACH, process, NULL, NULL);
            break;
        }
        if (!is_ready && (is_call || kind != CLOCK)) {
            if (kind == CLOCK && write_over_clock() < 0)
                return fail("its clock cannot be written over");
            is_ready = true;
            puts("ready");
            fflush(stdout);
        }
        if (go_on(status) < 0 && errno != ESRCH)
            return fail("it cannot be continued");
    }
    printf("disturbed %lu\n", disturbed);
    return 0;
}

static int usage(void) {
    fprintf(stderr,
            "usage: disturb PROCESS disk-error FOLDER | disk-slow FOLDER MS | wake-drop EVERY | wake-delay MS | "
            "clock SECONDS\n");
    return 2;
}

static bool read_arguments(int count, char **words) {
    struct stat facts;
    size_t wanted = 0;
    if (count < 4)
        return false;
    process = (pid_t)strtol(words[1], NULL, 10);
    while (wanted < sizeof kinds / sizeof kinds[0] && strcmp(kinds[wanted], words[2]) != 0)
        wanted++;
    kind = (enum kind)wanted;
    bool is_of_folder = kind == DISK_ERROR || kind == DISK_SLOW;
    if (is_of_folder && stat(words[3], &facts) < 0)
        return false;
    device = is_of_folder ? facts.st_dev : 0;
    if (kind == DISK_SLOW && count < 5)
        return false;
    argument = strtol(words[kind == DISK_SLOW ? 4 : 3], NULL, 10);
    return process > 0 && kind <= CLOCK && (kind != WAKE_DROP || argument > 0);
}

int main(int count, char **words) {
    struct sigaction end = {.sa_handler = on_end};
    if (!read_arguments(count, words))
        return usage();
    if (ptrace(PTRACE_SEIZE, process, NULL, (void *)PTRACE_O_TRACESYSGOOD) < 0)
        return fail("the process cannot be traced");
    (void)sigaction(SIGTERM, &end, NULL);
    (void)sigaction(SIGINT, &end, NULL);
    if (ptrace(PTRACE_INTERRUPT, process, NULL, NULL) < 0)
        return fail("the process cannot be stopped");
    return trace();
}
