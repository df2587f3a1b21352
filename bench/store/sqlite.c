/*
 * SQLite alone, in this process, and the raw limit below it: what a durable transaction costs without a store around it.
 *
 *     bench-store-sqlite FOLDER
 *
 * WAL, synchronous FULL, a prepared statement, one transaction for each of 1,000 keys set to 64 bytes. The raw limit is 64
 * bytes appended to a preallocated file and fdatasync. Prints one line of JSON.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/common/peer.h"

#define KEYS 1000u
#define VALUE_BYTES 64u
#define ROUNDS 5u
#define ROUND_NS UINT64_C(200000000)
#define RAW_FILE_BYTES (64u << 20)

static char value[VALUE_BYTES];

static void must(int is_true, const char *what) {
    if (!is_true)
        peer_fail(what);
}

static double sqlite(const char *folder) {
    char path[512];
    double rates[ROUNDS];
    sqlite3 *connection;
    sqlite3_stmt *statement;
    uint64_t number = 0;
    (void)snprintf(path, sizeof path, "%s/alone.db", folder);
    must(sqlite3_open(path, &connection) == SQLITE_OK, "open");
    must(sqlite3_exec(connection,
                      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                      "CREATE TABLE entries(key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID",
                      NULL, NULL, NULL) == SQLITE_OK,
         "table");
    must(sqlite3_prepare_v2(connection, "INSERT OR REPLACE INTO entries VALUES(?1, ?2)", -1, &statement, NULL) ==
             SQLITE_OK,
         "prepare");
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin_ns = bench_now_ns(), count = 0;
        for (; bench_now_ns() - begin_ns < ROUND_NS; count++) {
            char key[16];
            int bytes = snprintf(key, sizeof key, "key/%04u", (unsigned)(number++ * 7919u % KEYS));
            (void)sqlite3_bind_blob(statement, 1, key, bytes, SQLITE_STATIC);
            (void)sqlite3_bind_blob(statement, 2, value, sizeof value, SQLITE_STATIC);
            must(sqlite3_step(statement) == SQLITE_DONE, "insert");
            (void)sqlite3_reset(statement);
        }
        rates[round] = (double)count * 1e9 / (double)(bench_now_ns() - begin_ns);
    }
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(connection);
    return bench_median(rates, ROUNDS);
}

static double raw(const char *folder) {
    char path[512];
    double rates[ROUNDS];
    off_t offset = 0;
    (void)snprintf(path, sizeof path, "%s/raw", folder);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    must(file >= 0 && posix_fallocate(file, 0, RAW_FILE_BYTES) == 0, "file");
    char *zeros = calloc(1, RAW_FILE_BYTES);
    must(zeros != NULL && pwrite(file, zeros, RAW_FILE_BYTES, 0) == (ssize_t)RAW_FILE_BYTES && fsync(file) == 0,
         "fill");
    free(zeros);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin_ns = bench_now_ns(), count = 0;
        for (; bench_now_ns() - begin_ns < ROUND_NS; count++) {
            must(pwrite(file, value, sizeof value, offset) == (ssize_t)sizeof value && fdatasync(file) == 0, "append");
            offset = (offset + (off_t)sizeof value) % (off_t)RAW_FILE_BYTES;
        }
        rates[round] = (double)count * 1e9 / (double)(bench_now_ns() - begin_ns);
    }
    (void)close(file);
    return bench_median(rates, ROUNDS);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    memset(value, 'v', sizeof value);
    double alone = sqlite(argv[1]), limit = raw(argv[1]);
    printf("{\"one_writer\": %.0f, \"raw\": %.0f}\n", alone, limit);
    return 0;
}
