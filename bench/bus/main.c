/* bus-bench PEER [ADDRESS]: prints one line of JSON. See fanout.h. */
#include "bench/bus/fanout.h"
#include "bench/common/peer.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 7u
#define ROUND_NS UINT64_C(400000000)

struct shared {
    struct {
        _Alignas(64) _Atomic uint64_t count;
        _Atomic bool is_ready;
    } readers[READERS];
};

void fanout_fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t slowest(struct shared *shared) {
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < READERS; i++)
        least = shared->readers[i].count < least ? shared->readers[i].count : least;
    return least;
}

static void wait_for(struct shared *shared, uint64_t least) {
    uint64_t end_ns = bench_now_ns() + UINT64_C(20000000000);
    while (slowest(shared) < least) {
        sched_yield();
        if (bench_now_ns() > end_ns) {
            fprintf(stderr, "events were lost: %llu came of %llu\n", (unsigned long long)slowest(shared),
                    (unsigned long long)least);
            exit(1);
        }
    }
}

static double round_of(const struct fanout *fanout, void *publisher, struct shared *shared, uint64_t *published) {
    uint64_t begin_ns = bench_now_ns(), first = *published;
    while (bench_now_ns() - begin_ns < ROUND_NS) {
        fanout->publish(publisher, BATCH);
        *published += BATCH;
        if (*published > WINDOW)
            wait_for(shared, *published - WINDOW);
    }
    wait_for(shared, *published);
    return (double)((*published - first) * READERS) * 1e9 / (double)(bench_now_ns() - begin_ns);
}

int main(int argument_count, char **arguments) {
    static const struct fanout *const all[] = {
#define FANOUT(name) &fanout_##name,
        FANOUT(raw) FANOUT(grove) FANOUT(direct) FANOUT(redis) FANOUT(nats) FANOUT(mosquitto)
#ifdef WITH_ZEROMQ
            FANOUT(zeromq)
#endif
    };
    const struct fanout *fanout = NULL;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (argument_count > 1 && strcmp(arguments[1], all[i]->name) == 0)
            fanout = all[i];
    if (fanout == NULL) {
        fprintf(stderr, "usage: bus-bench PEER [ADDRESS]\n");
        return 2;
    }
    const char *address = argument_count > 2 ? arguments[2] : "";
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    void *publisher = fanout->dials_first ? fanout->dial(address) : NULL;
    for (unsigned i = 0; i < READERS; i++)
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            fanout->read(address, i, &shared->readers[i].count, &shared->readers[i].is_ready);
            exit(1);
        }
    for (unsigned i = 0; i < READERS; i++)
        while (!shared->readers[i].is_ready) {
            usleep(1000);
            if (waitpid(-1, NULL, WNOHANG) > 0)
                return 1;
        }
    if (publisher == NULL)
        publisher = fanout->dial(address);
    usleep(200000); /* subscriptions that are not acknowledged have arrived by then, or the first wait fails */
    uint64_t published = 0;
    double rates[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++)
        rates[i] = round_of(fanout, publisher, shared, &published);
    printf("{\"fan_out_8_per_s\": %.0f}\n", bench_median(rates, ROUNDS));
    return 0;
}
