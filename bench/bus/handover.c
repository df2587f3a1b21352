/*
 * From an event to its handler in a service, everybody asleep in between: `bus-handover-bench`.
 *
 * Beside it the raw limit: one process wakes another by a futex in memory that both share. An event takes two such hand-overs, to
 * the bus and on to the service (`handler.c`), and one by a ring of the publisher's own. The next one follows when all have slept for a while.
 * A client of the kernel whose control socket $GROVE_SOCKET names. Prints one line of JSON, medians.
 */
#include <grove/bus.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/common/peer.h"

#define ROUNDS 1000u
#define BETWEEN_NS 300000 /* enough for all to be asleep again */

struct shared {
    _Atomic uint32_t word; /* what the raw one waits on */
    _Atomic uint64_t came_ns; /* when the waiting one ran; 0: it has not yet */
    _Atomic bool is_ready;
};
static struct shared *shared;

static void must(int is_true, const char *what) {
    if (is_true)
        return;
    fprintf(stderr, "bus-handover-bench: %s: %s\n", what, grove_last_error());
    exit(1);
}

static void rest(void) {
    const struct timespec between = {.tv_nsec = BETWEEN_NS};
    (void)nanosleep(&between, NULL);
}

/* ---- by the bus: a service of ours tells how long each event took ---- */

static double took_ns;

static int on_took(const struct grove_event *event, void *context) {
    (void)context;
    uint64_t told_ns;
    must(event->length_bytes == sizeof told_ns, "what the handler tells");
    memcpy(&told_ns, event->data, sizeof told_ns);
    took_ns = (double)told_ns;
    return 0;
}

static double once_by_bus(void) {
    struct grove_session *session;
    must(grove_session_default(&session) == 0, "session");
    uint64_t begin_ns = grove_now_ns();
    took_ns = 0;
    must(grove_bus_emit("bench.handover", &begin_ns, sizeof begin_ns) == 0, "emit");
    while (took_ns == 0)
        must(grove_session_dispatch(session, 5 * GROVE_SECOND) == 0, "the handler's answer");
    rest();
    return took_ns;
}

/* ---- by a futex ---- */

static void hear_raw(void) {
    uint32_t seen = 0;
    atomic_store(&shared->is_ready, true);
    for (;; seen = atomic_load(&shared->word)) {
        while (atomic_load(&shared->word) == seen)
            (void)syscall(SYS_futex, &shared->word, FUTEX_WAIT, seen, NULL, NULL, 0);
        atomic_store(&shared->came_ns, bench_now_ns());
    }
}

static void tell_raw(void) {
    atomic_fetch_add(&shared->word, 1);
    (void)syscall(SYS_futex, &shared->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static double once_raw(void) {
    atomic_store(&shared->came_ns, 0);
    uint64_t begin_ns = bench_now_ns(), came_ns;
    tell_raw();
    while ((came_ns = atomic_load(&shared->came_ns)) == 0) {
        must(bench_now_ns() - begin_ns < 5 * GROVE_SECOND, "it does not come");
        rest(); /* the other one may need this processor */
    }
    rest();
    return (double)(came_ns - begin_ns);
}

static double median_of(double (*once)(void)) {
    static double times[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++)
        times[round] = once();
    return bench_median(times, ROUNDS);
}

static double measure_raw(void) {
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        hear_raw();
    }
    while (!atomic_load(&shared->is_ready))
        rest();
    rest();
    double median = median_of(once_raw);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    return median;
}

static double measure_bus(void) {
    must(grove_bus_subscribe(NULL, &(struct grove_subscribe){.pattern = "bench.took"}, on_took, NULL, NULL) == 0,
         "subscribe");
    return median_of(once_by_bus);
}

/* The same publications, once the publisher has a ring. */
static double measure_direct(void) {
    struct grove_direct_metrics metrics;
    must(grove_bus_direct(&(struct grove_direct){.pattern = "bench.handover"}) == 0, "ring");
    double median = median_of(once_by_bus);
    must(grove_bus_direct_metrics(NULL, "bench.handover", &metrics) == 0 && metrics.by_bus == 0, "all by the ring");
    return median;
}

int main(void) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED, "memory");
    double raw = measure_raw(), bus = measure_bus(), direct = measure_direct();
    printf("{\"to_handler_ns\": %.0f, \"direct_ns\": %.0f, \"raw\": %.0f}\n", bus, direct, raw);
    return 0;
}
