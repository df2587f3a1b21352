/*
 * Durable publication: events of 64 bytes, each acknowledged when it is on disk, by one publisher and with 64 under way.
 *
 *     bus-durable-bench FOLDER      beside the raw limit: 64 bytes appended to a preallocated file of that folder, and fdatasync
 *
 * A client of the kernel whose control socket $GROVE_SOCKET names; the bus's folder must be on the same file system. The disk's
 * speed changes while we look, so both are measured in turn. Prints one line of JSON.
 */
#include <fcntl.h>
#include <grove/bus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/common/peer.h"

#define EVENT_BYTES 64u
#define PUBLISHERS 64u
#define ROUNDS 5u
#define ROUND_NS UINT64_C(200000000)
#define RAW_FILE_BYTES (64u << 20)

static char data[EVENT_BYTES];
static struct grove_session *session;
static uint64_t acknowledged, under_way;

static void must(int is_true, const char *what) {
    if (is_true)
        return;
    fprintf(stderr, "bus-durable-bench: %s: %s\n", what, grove_last_error());
    exit(1);
}

static struct grove_publish publication(void) {
    return (struct grove_publish){.session = session,
                                  .subject = "bench.durable",
                                  .data = data,
                                  .length_bytes = sizeof data,
                                  .quality = GROVE_BUS_DURABLE};
}

static double by_one(void) {
    const struct grove_publish publish = publication();
    uint64_t begin_ns = bench_now_ns(), count = 0;
    for (; bench_now_ns() - begin_ns < ROUND_NS; count++)
        must(grove_bus_publish(&publish) == 0, "publish");
    return (double)count * 1e9 / (double)(bench_now_ns() - begin_ns);
}

static void published(int status, const struct grove_published *receipt, void *context) {
    (void)receipt;
    (void)context;
    must(status == 0, "acknowledge");
    acknowledged++;
    under_way--;
}

static double by_many(void) {
    const struct grove_publish publish = publication();
    uint64_t begin_ns = bench_now_ns(), first = acknowledged;
    while (bench_now_ns() - begin_ns < ROUND_NS || under_way > 0) {
        for (; under_way < PUBLISHERS && bench_now_ns() - begin_ns < ROUND_NS; under_way++)
            must(grove_bus_publish_start(&publish, published, NULL) == 0, "publish");
        must(grove_session_dispatch(session, GROVE_SECOND) >= 0, "dispatch");
    }
    return (double)(acknowledged - first) * 1e9 / (double)(bench_now_ns() - begin_ns);
}

static int open_raw(const char *folder) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/raw", folder);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char *zeros = calloc(1, RAW_FILE_BYTES);
    must(file >= 0 && zeros != NULL && pwrite(file, zeros, RAW_FILE_BYTES, 0) == (ssize_t)RAW_FILE_BYTES &&
             fsync(file) == 0,
         "raw file");
    free(zeros);
    return file;
}

static double by_hand(int file) {
    static off_t offset;
    uint64_t begin_ns = bench_now_ns(), count = 0;
    for (; bench_now_ns() - begin_ns < ROUND_NS; count++) {
        must(pwrite(file, data, sizeof data, offset) == (ssize_t)sizeof data && fdatasync(file) == 0, "append");
        offset = (offset + (off_t)sizeof data) % (off_t)RAW_FILE_BYTES;
    }
    return (double)count * 1e9 / (double)(bench_now_ns() - begin_ns);
}

int main(int argc, char **argv) {
    double one[ROUNDS], many[ROUNDS], raw[ROUNDS];
    if (argc != 2)
        return 2;
    int file = open_raw(argv[1]);
    must(grove_session_default(&session) == 0, "session");
    for (unsigned round = 0; round < ROUNDS; round++) {
        raw[round] = by_hand(file);
        one[round] = by_one();
        many[round] = by_many();
    }
    printf("{\"one_writer\": %.0f, \"many_writers\": %.0f, \"raw\": %.0f}\n", bench_median(one, ROUNDS),
           bench_median(many, ROUNDS), bench_median(raw, ROUNDS));
    return 0;
}
