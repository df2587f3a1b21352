/*
 * LMDB, as a store of configuration that is read through a memory map: a read that sees what was committed before it needs
 * a read transaction, which is renewed here for each read and not made anew.
 *
 *     config-lmdb FOLDER
 */
#include <lmdb.h>
#include <stdio.h>
#include <string.h>

#include "bench/common/peer.h"

#define BATCHES 31u
#define BATCH_READS 20000u

static void must(int status) {
    if (status != 0)
        peer_fail(mdb_strerror(status));
}

static void fill(MDB_env *environment, MDB_dbi *table) {
    MDB_txn *transaction;
    char key[32];
    must(mdb_txn_begin(environment, NULL, 0, &transaction));
    must(mdb_dbi_open(transaction, NULL, 0, table));
    for (unsigned index = 0; index < 12; index++) {
        int64_t number = index;
        (void)snprintf(key, sizeof key, index == 0 ? "left" : "key-%u", index);
        MDB_val name = {strlen(key), key}, value = {sizeof number, &number};
        must(mdb_put(transaction, *table, &name, &value, 0));
    }
    must(mdb_txn_commit(transaction));
}

int main(int argument_count, char **arguments) {
    MDB_env *environment;
    MDB_txn *reader;
    MDB_dbi table;
    double times[BATCHES];
    int64_t sum = 0, number;
    if (argument_count != 2)
        peer_fail("usage: config-lmdb FOLDER");
    must(mdb_env_create(&environment));
    must(mdb_env_open(environment, arguments[1], 0, 0600));
    fill(environment, &table);
    must(mdb_txn_begin(environment, NULL, MDB_RDONLY, &reader));
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        uint64_t begin_ns = bench_now_ns();
        for (unsigned index = 0; index < BATCH_READS; index++) {
            char left[] = "left";
            MDB_val name = {4, left}, value;
            mdb_txn_reset(reader);
            must(mdb_txn_renew(reader));
            must(mdb_get(reader, table, &name, &value));
            memcpy(&number, value.mv_data, sizeof number);
            sum += number;
        }
        times[batch] = (double)(bench_now_ns() - begin_ns) / BATCH_READS;
    }
    printf("{\"read_ns\": %.1f, \"sum\": %lld}\n", bench_median(times, BATCHES), (long long)sum);
    return 0;
}
