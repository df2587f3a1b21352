/*
 * The harness of bench/common/peer.h. Figures, each the median over batches, in nanoseconds or messages a second:
 *   round_trip_same_ns    64 B call and reply, both ends on one processor
 *   round_trip_across_ns  the same, on two processors
 *   round_trip_1m_ns      1 MiB call and reply, on two processors
 *   one_way_per_s         64 B one way, on two processors, until the receiver has confirmed the last one
 */
#include "bench/common/peer.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BATCHES = 21, SMALL_BYTES = 64, LARGE_BYTES = 1 << 20, ONE_WAY_BATCH = 20000 };

void peer_fail(const char *what) {
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

uint64_t bench_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void bench_settle(void) {
    (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

void bench_pin(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)processor, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0) {
        peer_fail("pin to a processor");
    }
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double bench_median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static double round_trip(const struct peer *peer, void *client, char *buffer, size_t bytes, int calls) {
    double batches[BATCHES];
    buffer[0] = 'c';
    peer->call(client, buffer, bytes);
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t start = bench_now_ns();
        for (int i = 0; i < calls; i++) {
            peer->call(client, buffer, bytes);
        }
        batches[batch] = (double)(bench_now_ns() - start) / calls;
    }
    return bench_median(batches, BATCHES);
}

static double one_way(const struct peer *peer, void *client, char *buffer) {
    double batches[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t start = bench_now_ns();
        buffer[0] = 'o';
        for (int i = 0; i < ONE_WAY_BATCH; i++) {
            peer->send(client, buffer, SMALL_BYTES);
        }
        buffer[0] = 'c';
        peer->call(client, buffer, SMALL_BYTES);
        batches[batch] = ONE_WAY_BATCH * 1e9 / (double)(bench_now_ns() - start);
    }
    return bench_median(batches, BATCHES);
}

struct server {
    pid_t process;
    void *client;
};

static struct server server_start(const struct peer *peer, const char *address, int processor) {
    int ready[2];
    char byte;
    if (peer->serve == NULL) {
        struct server running = {.client = peer->dial(address)};
        peer->place(running.client, processor);
        return running;
    }
    if (pipe(ready) < 0) {
        peer_fail("pipe");
    }
    struct server server = {.process = fork()};
    if (server.process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bench_pin(processor);
        peer->serve(address, ready[1]);
        _exit(0);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) {
        peer_fail("the server did not start");
    }
    close(ready[0]);
    server.client = peer->dial(address);
    return server;
}

static void server_stop(const struct peer *peer, struct server *server, char *buffer) {
    if (peer->serve == NULL) {
        return;
    }
    buffer[0] = 'q';
    peer->call(server->client, buffer, SMALL_BYTES);
    waitpid(server->process, NULL, 0);
}

struct figures {
    double same_ns, across_ns, large_ns, per_second;
};

static void measure_same(const struct peer *peer, const char *address, char *buffer, struct figures *figures) {
    struct server server = server_start(peer, address, 0);
    figures->same_ns = round_trip(peer, server.client, buffer, SMALL_BYTES, 400);
    server_stop(peer, &server, buffer);
}

static void measure_across(const struct peer *peer, const char *address, char *buffer, struct figures *figures) {
    struct server server = server_start(peer, address, 1);
    figures->across_ns = round_trip(peer, server.client, buffer, SMALL_BYTES, 200);
    if (peer->largest_bytes >= LARGE_BYTES) {
        figures->large_ns = round_trip(peer, server.client, buffer, LARGE_BYTES, 4);
    }
    if (peer->send != NULL) {
        figures->per_second = one_way(peer, server.client, buffer);
    }
    server_stop(peer, &server, buffer);
}

/* Each part in a process of its own: some libraries cannot be used again after a fork. */
static void in_child(void (*part)(const struct peer *, const char *, char *, struct figures *), const struct peer *peer,
                     const char *address, struct figures *figures) {
    int results[2];
    if (pipe(results) < 0) {
        peer_fail("pipe");
    }
    pid_t child = fork();
    if (child == 0) {
        char *buffer = calloc(1, LARGE_BYTES);
        if (buffer == NULL) {
            peer_fail("memory");
        }
        bench_pin(0);
        part(peer, address, buffer, figures);
        _exit(write(results[1], figures, sizeof *figures) == sizeof *figures ? 0 : 1);
    }
    close(results[1]);
    if (read(results[0], figures, sizeof *figures) != sizeof *figures) {
        peer_fail("a part of the measurement failed");
    }
    close(results[0]);
    waitpid(child, NULL, 0);
}

int peer_main(const struct peer *peer, int argc, char **argv) {
    const char *address = argc > 1 ? argv[1] : "";
    struct figures figures = {0};
    in_child(measure_same, peer, address, &figures);
    in_child(measure_across, peer, address, &figures);
    printf("{\"peer\": \"%s\", \"round_trip_same_ns\": %.0f, \"round_trip_across_ns\": %.0f, "
           "\"round_trip_1m_ns\": %.0f, \"one_way_per_s\": %.0f}\n",
           peer->name, figures.same_ns, figures.across_ns, figures.large_ns, figures.per_second);
    return 0;
}
