/*
 * What a kernel's calls cost, from a program's side: the same static program under Grove's kernel and under Linux, where it is
 * the first process.
 *
 *     kernel-bench [first] [batches=N] [deadline] [rows=NAME,...]
 *
 * `first` says only that it has begun. A line for each row: its name, and the cycles and the number of operations of the
 * batch that was over soonest; or "not yet" and the number of the error. What disturbs a batch (a tick, another program on
 * the computer below) makes it longer and never shorter, so the shortest is the one to compare.
 */
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 40u
#define LATENESS_COUNT 400u

static const struct {
    const char *name;
    row_function *measure;
    uint32_t count; /* operations in a batch, some hundred thousand instructions */
} rows[] = {
    {"null-call", row_null_call, 1000},
    {"signal", row_signal, 100},
    {"page-fault", row_page_fault, 256},
    {"mmap", row_mmap, 100},
    {"open-close", row_open_close, 100},
    {"stat", row_stat, 200},
    {"create-write-unlink", row_create, 50},
    {"pipe", row_pipe, 100},
    {"socket", row_socket, 100},
    {"tcp", row_tcp, 100},
    {"futex", row_futex, 100},
    {"channel", row_channel, 100},
    {"context-switch", row_switch, 200},
    {"thread-create", row_thread, 20},
    {"fork-exec-wait", row_fork_exec_wait, 5},
};

struct options {
    const char *wanted; /* names between commas; NULL for all */
    uint32_t batches;
    int with_deadline;
};

static int is_wanted(const struct options *options, const char *name) {
    size_t length = strlen(name);
    for (const char *at = options->wanted; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == 0 || at[length] == ','))
            return 1;
    }
    return options->wanted == NULL;
}

static void tell_failure(const char *name, int status) {
    printf("kernel-bench: %s not yet %d\n", name, -status);
}

static void measure_row(size_t index, const struct options *options) {
    uint64_t best = UINT64_MAX;
    for (uint32_t batch = 0; batch < options->batches; batch++) {
        uint64_t cycles = 0;
        int status = rows[index].measure(rows[index].count, &cycles);
        if (status < 0) {
            tell_failure(rows[index].name, status);
            return;
        }
        best = cycles < best ? cycles : best;
    }
    printf("kernel-bench: %s %llu %u\n", rows[index].name, (unsigned long long)best, rows[index].count);
}

static void measure_lateness(const struct options *options) {
    static uint64_t late_ns[LATENESS_COUNT];
    int status = lateness_measure(late_ns, LATENESS_COUNT, options->with_deadline);
    if (status < 0)
        tell_failure("lateness", status);
    else
        printf("kernel-bench: lateness %llu 1\n", (unsigned long long)late_ns[LATENESS_COUNT * 99 / 100]);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void measure(const struct options *options) {
    uint64_t cycles = cycles_now(), ns = now_ns();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (is_wanted(options, rows[i].name))
            measure_row(i, options);
    if (is_wanted(options, "lateness"))
        measure_lateness(options);
    printf("kernel-bench: clock %llu %llu\n", (unsigned long long)(cycles_now() - cycles),
           (unsigned long long)(now_ns() - ns));
}

/* The first process of Linux must not end: it leaves by a reset, which QEMU was told to take for the end. */
static _Noreturn void leave(void) {
    printf("kernel-bench: done\n");
    fflush(stdout);
    if (getpid() == 1)
        (void)reboot(RB_AUTOBOOT);
    _exit(0);
}

int main(int count, char **arguments) {
    struct options options = {.batches = BATCHES};
    if (count == 2 && strcmp(arguments[1], ROWS_END_AT_ONCE) == 0)
        _exit(0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    rows_program = arguments[0];
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "first") == 0)
            leave();
        if (strcmp(arguments[i], "deadline") == 0)
            options.with_deadline = 1;
        else if (strncmp(arguments[i], "batches=", 8) == 0)
            options.batches = (uint32_t)strtoul(arguments[i] + 8, NULL, 10);
        else if (strncmp(arguments[i], "rows=", 5) == 0)
            options.wanted = arguments[i] + 5;
    }
    measure(&options);
    leave();
}
