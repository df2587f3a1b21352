/*
 * Opening the database, and running statements.
 */
#include "servers/store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "grove/abi/status.h"

/* Pages of the cache in memory; the store has a cache of its own above. */
#define PRAGMAS \
    "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512;" \
    "PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 1000; PRAGMA trusted_schema = OFF;" \
    "PRAGMA journal_size_limit = 8388608;"

static const char schema[] =
    "BEGIN;"
    "CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1), format INTEGER NOT NULL, revision INTEGER NOT NULL,"
    " wrapped BLOB);"
    "INSERT INTO meta VALUES(1, 1, 0, NULL);"
    "CREATE TABLE namespaces(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, provider TEXT NOT NULL,"
    " quota_bytes INTEGER NOT NULL, quota_keys INTEGER NOT NULL, flags INTEGER NOT NULL);"
    "CREATE TABLE keys(namespace INTEGER NOT NULL, generation INTEGER NOT NULL, wrapped BLOB NOT NULL,"
    " PRIMARY KEY(namespace, generation)) WITHOUT ROWID;"
    "CREATE TABLE shares(name TEXT NOT NULL, prefix BLOB NOT NULL, with_ TEXT NOT NULL, rights INTEGER NOT NULL,"
    " PRIMARY KEY(name, prefix, with_)) WITHOUT ROWID;"
    "CREATE TABLE entries(namespace INTEGER NOT NULL, key BLOB NOT NULL, version INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY(namespace, key)) WITHOUT ROWID;"
    "CREATE INDEX entries_by_end ON entries(expires) WHERE expires > 0;"
    "COMMIT;";

static const char *const texts[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_REVISION] = "UPDATE meta SET revision = ?1",
    [STATEMENT_PUT] = ("INSERT INTO entries VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET"
                       " version = excluded.version, expires = excluded.expires, sealed = excluded.sealed"),
    [STATEMENT_ERASE] = "DELETE FROM entries WHERE namespace = ?1 AND key = ?2",
    [STATEMENT_GET] = "SELECT version, expires, sealed FROM entries WHERE namespace = ?1 AND key = ?2",
    [STATEMENT_DROP] = "DELETE FROM entries WHERE namespace = ?1",
    [STATEMENT_USAGE] = "SELECT count(*), sum(length(key) + length(sealed)) FROM entries WHERE namespace = ?1",
    [STATEMENT_EXPIRED] = ("SELECT namespace, key, version, expires, length(sealed) FROM entries"
                           " WHERE expires > 0 AND expires <= ?1 ORDER BY expires LIMIT 64"),
    [STATEMENT_NEXT_EXPIRY] = "SELECT min(expires) FROM entries WHERE expires > 0",
};

int database_status(sqlite3 *connection, int result) {
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return 0;
    case SQLITE_FULL:
        return GROVE_FULL;
    case SQLITE_NOMEM:
        return GROVE_NO_MEMORY;
    default:
        break;
    }
    bool is_full = sqlite3_system_errno(connection) == ENOSPC || sqlite3_system_errno(connection) == EDQUOT;
    if ((result & 0xff) == SQLITE_IOERR && is_full)
        return GROVE_FULL;
    (void)fprintf(stderr, "store: SQLite says %d: %s (%s)\n", sqlite3_extended_errcode(connection),
                  sqlite3_errmsg(connection), strerror(sqlite3_system_errno(connection)));
    return (result & 0xff) == SQLITE_CORRUPT || (result & 0xff) == SQLITE_NOTADB ? GROVE_CORRUPT : GROVE_IO;
}

int database_run(struct database *database, const char *text) {
    return database_status(database->connection, sqlite3_exec(database->connection, text, NULL, NULL, NULL));
}

int database_prepare(struct database *database, const char *text, sqlite3_stmt **statement) {
    return database_status(database->connection, sqlite3_prepare_v2(database->connection, text, -1, statement, NULL));
}

int database_step(struct database *database, sqlite3_stmt *statement) {
    int result = sqlite3_step(statement);
    int status = database_status(database->connection, result);
    (void)sqlite3_reset(statement);
    return status;
}

/* ---- opening ---- */

static int scalar(struct database *database, const char *text, int64_t *value) {
    sqlite3_stmt *statement = NULL;
    int status = database_prepare(database, text, &statement);
    if (status == 0) {
        int result = sqlite3_step(statement);
        status = result == SQLITE_ROW ? 0 : database_status(database->connection, result);
        *value = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static int check_schema(struct database *database) {
    int64_t tables = 0, format = 0;
    int status = scalar(database, "SELECT count(*) FROM sqlite_schema", &tables);
    if (status == 0 && tables == 0)
        return database_run(database, schema);
    if (status == 0)
        status = scalar(database, "SELECT format FROM meta", &format);
    if (status == 0 && format != DATABASE_FORMAT) {
        (void)fprintf(stderr, "store: %s has format %lld; this store reads %d\n", database->path, (long long)format,
                      DATABASE_FORMAT);
        return GROVE_VERSION;
    }
    return status;
}

static int prepare_all(struct database *database) {
    int status = 0;
    for (int index = 0; status == 0 && index < STATEMENT_COUNT; index++)
        status = database_status(database->connection,
                                 sqlite3_prepare_v3(database->connection, texts[index], -1, SQLITE_PREPARE_PERSISTENT,
                                                    &database->statements[index], NULL));
    return status;
}

/* SQLite keeps the log from the first transaction on and removes it when the last connection is closed. */
static int open_log(struct database *database) {
    char path[sizeof database->path + 8];
    (void)snprintf(path, sizeof path, "%s-wal", database->path);
    int64_t ignored;
    int status = scalar(database, "SELECT count(*) FROM meta", &ignored);
    database->log = status == 0 ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (database->log < 0)
        (void)fprintf(stderr, "store: the log %s cannot be opened: %s\n", path, strerror(errno));
    return database->log < 0 ? GROVE_IO : 0;
}

int database_open(struct database *database, const char *folder) {
    *database = (struct database){.provider.operations = &sqlite_operations, .log = -1};
    (void)snprintf(database->path, sizeof database->path, "%s/%s", folder, DATABASE_FILE);
    int result = sqlite3_open_v2(database->path, &database->connection,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, DATABASE_VFS);
    int status = database_status(database->connection, result);
    if (status == 0)
        status = database_run(database, PRAGMAS);
    if (status == 0)
        status = check_schema(database);
    if (status == 0)
        status = prepare_all(database);
    if (status == 0)
        status = open_log(database);
    if (status == 0)
        status = database_synchronise(database); /* what an earlier instance committed and did not get to do */
    if (status < 0)
        database_close(database);
    return status;
}

void database_close(struct database *database) {
    for (int index = 0; index < STATEMENT_COUNT; index++)
        (void)sqlite3_finalize(database->statements[index]);
    (void)sqlite3_close(database->connection);
    if (database->log >= 0)
        (void)close(database->log);
    *database = (struct database){.log = -1};
}

int database_synchronise(const struct database *database) {
    int result;
    do
        result = fdatasync(database->log);
    while (result < 0 && errno == EINTR);
    return result < 0 ? GROVE_IO : 0;
}
