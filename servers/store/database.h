/*
 * The database: one SQLite file in the state folder, in WAL mode, and what the store keeps in it.
 *
 *     sqlite.c    the provider "sqlite": entries       catalog.c   namespaces, their keys, shares, the revision
 *
 * Commits do not wait for the disk (synchronous = NORMAL): the store synchronises the log itself before it acknowledges,
 * from another thread and once for a whole batch. With that a commit is as durable as under FULL, which does the same at
 * the same place. SQLite still orders log and database at its checkpoints.
 *
 * The connection belongs to the run loop's thread; views, and copies, have connections of their own. All of them are of
 * this process (DATABASE_VFS): the file is locked once, not for each transaction, and the log's index is ordinary memory.
 * Without it half of a transaction's time is six calls to fcntl. Another process cannot open the file meanwhile.
 */
#ifndef SERVERS_STORE_DATABASE_H
#define SERVERS_STORE_DATABASE_H

#include <sqlite3.h>

#include "servers/store/provider.h"

#define DATABASE_FILE "store.db"
#define DATABASE_VFS "unix-excl"
#define DATABASE_FORMAT 1

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_REVISION,
    STATEMENT_PUT,
    STATEMENT_ERASE,
    STATEMENT_GET,
    STATEMENT_DROP,
    STATEMENT_USAGE,
    STATEMENT_EXPIRED,
    STATEMENT_NEXT_EXPIRY,
    STATEMENT_COUNT
};

struct database {
    struct provider provider; /* first: the provider "sqlite" is this */
    sqlite3 *connection;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    char path[4096];
    int log; /* descriptor of the write-ahead log, for synchronising it */
};

/* Open or make it. GROVE_IO, GROVE_CORRUPT, GROVE_VERSION; says why on standard error. */
int database_open(struct database *database, const char *folder);
void database_close(struct database *database);
/* From any one thread: what was committed outlives the machine when it returns. GROVE_IO. */
int database_synchronise(const struct database *database);
/* SQLite's result as a status; says on standard error what SQLite says, unless it is a full disk. */
int database_status(sqlite3 *connection, int result);
/* Run text without results. */
int database_run(struct database *database, const char *text);
/* Prepare, at the price of parsing it each time: for what is rare. */
int database_prepare(struct database *database, const char *text, sqlite3_stmt **statement);
/* Step a statement without rows, and make it ready for the next time. */
int database_step(struct database *database, sqlite3_stmt *statement);
extern const struct provider_operations sqlite_operations; /* sqlite.c */

/* ---- catalog.c ---- */

struct catalog_namespace {
    uint32_t id, flags;
    const char *name, *provider;
    uint64_t quota_bytes, quota_keys;
};
struct catalog_key {
    uint32_t generation;
    const uint8_t *wrapped;
    size_t wrapped_bytes;
};
struct catalog_share {
    const char *name, *with;
    const uint8_t *prefix;
    uint8_t prefix_bytes;
    uint32_t rights;
};
/* Anything but 0 ends the walk, which returns it. */
typedef int catalog_namespace_handler(const struct catalog_namespace *found, void *context);
typedef int catalog_key_handler(const struct catalog_key *key, void *context);
typedef int catalog_share_handler(const struct catalog_share *share, void *context);

int catalog_revision(struct database *database, uint64_t *revision);
int catalog_set_revision(struct database *database, uint64_t revision); /* part of a batch */
/* A random key that the master wrapped, by which a wrong master is found out. GROVE_NOT_FOUND: a new database. */
int catalog_check(struct database *database, uint8_t *wrapped, size_t limit_bytes, size_t *wrapped_bytes);
int catalog_set_check(struct database *database, const uint8_t *wrapped, size_t wrapped_bytes);
int catalog_each_namespace(struct database *database, catalog_namespace_handler *handler, void *context);
int catalog_put_namespace(struct database *database, const struct catalog_namespace *put);
int catalog_drop_namespace(struct database *database, uint32_t id);
int catalog_each_key(struct database *database, uint32_t id, catalog_key_handler *handler, void *context);
int catalog_put_key(struct database *database, uint32_t id, const struct catalog_key *key);
int catalog_drop_key(struct database *database, uint32_t id, uint32_t generation);
int catalog_each_share(struct database *database, catalog_share_handler *handler, void *context);
int catalog_put_share(struct database *database, const struct catalog_share *share); /* no rights: removes it */

#endif
