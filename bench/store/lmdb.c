/*
 * LMDB in this process: durable transactions by one writer (it has room for one only: its transactions exclude each other).
 *
 *     bench-store-lmdb FOLDER
 *
 * Synchronous, as it comes; 1,000 keys set to 64 bytes, one in a transaction. Prints one line of JSON.
 */
#include <lmdb.h>
#include <stdio.h>
#include <string.h>

#include "bench/common/peer.h"

#define KEYS 1000u
#define VALUE_BYTES 64u
#define ROUNDS 5u
#define ROUND_NS UINT64_C(200000000)

static void must(int result, const char *what) {
    if (result != 0)
        peer_fail(what);
}

static void set(MDB_env *environment, MDB_dbi database, uint64_t number) {
    char name[16], bytes[VALUE_BYTES];
    MDB_txn *transaction;
    memset(bytes, 'v', sizeof bytes);
    int length = snprintf(name, sizeof name, "key/%04u", (unsigned)(number * 7919u % KEYS));
    MDB_val key = {.mv_size = (size_t)length, .mv_data = name}, value = {.mv_size = sizeof bytes, .mv_data = bytes};
    must(mdb_txn_begin(environment, NULL, 0, &transaction), "begin");
    must(mdb_put(transaction, database, &key, &value, 0), "put");
    must(mdb_txn_commit(transaction), "commit");
}

int main(int argc, char **argv) {
    MDB_env *environment;
    MDB_txn *transaction;
    MDB_dbi database;
    double rates[ROUNDS];
    uint64_t number = 0;
    if (argc != 2)
        return 2;
    must(mdb_env_create(&environment), "create");
    must(mdb_env_set_mapsize(environment, 64u << 20), "size");
    must(mdb_env_open(environment, argv[1], 0, 0600), "open");
    must(mdb_txn_begin(environment, NULL, 0, &transaction), "begin");
    must(mdb_dbi_open(transaction, NULL, 0, &database), "database");
    must(mdb_txn_commit(transaction), "commit");
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin_ns = bench_now_ns(), count = 0;
        for (; bench_now_ns() - begin_ns < ROUND_NS; count++)
            set(environment, database, number++);
        rates[round] = (double)count * 1e9 / (double)(bench_now_ns() - begin_ns);
    }
    printf("{\"one_writer\": %.0f}\n", bench_median(rates, ROUNDS));
    mdb_env_close(environment);
    return 0;
}
