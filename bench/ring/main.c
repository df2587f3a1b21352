/*
 * ring-bench: the channel protocol by itself against the raw limit of the machine, in one run.
 *
 *     ring-bench           everything, as JSON: raw, grove, ratios
 *     ring-bench --raw     the raw figures only, as bench/run wants them
 */
#include "bench/ring/bench.h"

#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 25
#define CONTESTS_MAX 12

struct result {
    const struct contest *contest;
    double ns[BATCHES]; /* for one operation */
};

void *bench_shared(uint64_t size_bytes) {
    void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("ring-bench: shared memory");
        exit(1);
    }
    return memory;
}

void bench_futex_wait(uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

void bench_futex_wake(uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void pin(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)processor, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void meet(uint32_t *arrived) {
    __atomic_add_fetch(arrived, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(arrived, __ATOMIC_SEQ_CST) != 2u)
        sched_yield();
}

static double run_batch(const struct contest *contest, const int processors[2]) {
    static uint32_t *arrived;
    if (arrived == NULL)
        arrived = bench_shared(sizeof *arrived);
    *arrived = 0;
    contest->prepare();
    pid_t other = fork();
    if (other < 0) {
        perror("ring-bench: fork");
        exit(1);
    }
    pin(processors[other == 0 && contest->is_across ? 1 : 0]);
    meet(arrived);
    uint64_t start = now_ns();
    contest->side(other == 0, contest->operations);
    double ns = (double)(now_ns() - start) / contest->operations;
    if (other == 0)
        _exit(0);
    waitpid(other, NULL, 0);
    return ns;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double figure_of(const struct result *result, bool is_best) {
    double ns = result->ns[is_best ? 0 : BATCHES / 2];
    return strstr(result->contest->figure, "_per_s") != NULL ? 1e9 / ns : ns;
}

/* The first two processors that this process may use; one twice if it has no more. */
static void find_processors(int processors[2]) {
    cpu_set_t set;
    int count = 0;
    sched_getaffinity(0, sizeof set, &set);
    for (int i = 0; i < CPU_SETSIZE && count < 2; i++)
        if (CPU_ISSET((unsigned)i, &set))
            processors[count++] = i;
    if (count == 1)
        processors[1] = processors[0];
}

static void print_raw(const struct result *results, unsigned count) {
    printf("{\"peer\": \"raw\"");
    for (unsigned i = 0; i < count; i++)
        printf(", \"%s\": %.1f", results[i].contest->figure, figure_of(&results[i], false));
    printf("}\n");
}

static void print_all(const struct result *results, unsigned count) {
    printf("{");
    for (unsigned i = 0; i < count; i++) {
        const struct result *result = &results[i];
        printf("%s\n  \"%s %s\": {\"median\": %.1f, \"best\": %.1f", i == 0 ? "" : ",", result->contest->who,
               result->contest->figure, figure_of(result, false), figure_of(result, true));
        for (unsigned raw = 0; raw < raw_contest_count && i >= raw_contest_count; raw++)
            if (strcmp(results[raw].contest->figure, result->contest->figure) == 0)
                printf(", \"of raw\": %.2f, \"best of raw\": %.2f",
                       figure_of(result, false) / figure_of(&results[raw], false),
                       figure_of(result, true) / figure_of(&results[raw], true));
        printf("}");
    }
    printf("\n}\n");
}

int main(int argc, char **argv) {
    bool is_raw = argc > 1 && strcmp(argv[1], "--raw") == 0;
    static struct result results[CONTESTS_MAX];
    int processors[2];
    unsigned count = 0;
    find_processors(processors);
    for (unsigned i = 0; i < raw_contest_count; i++)
        results[count++].contest = &raw_contests[i];
    for (unsigned i = 0; i < grove_contest_count && !is_raw; i++)
        results[count++].contest = &grove_contests[i];
    for (unsigned batch = 0; batch < BATCHES; batch++)
        for (unsigned i = 0; i < count; i++)
            results[i].ns[batch] = run_batch(results[i].contest, processors);
    for (unsigned i = 0; i < count; i++)
        qsort(results[i].ns, BATCHES, sizeof results[i].ns[0], compare);
    if (is_raw)
        print_raw(results, count);
    else
        print_all(results, count);
    return 0;
}
