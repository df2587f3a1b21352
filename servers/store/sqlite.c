/*
 * The provider "sqlite": entries in the database. A view is a connection of its own with a read transaction open.
 */
#include <stdio.h>
#include <stdlib.h>

#include "grove/abi/status.h"
#include "servers/store/database.h"

struct provider_view {
    sqlite3 *connection;
    sqlite3_stmt *get;
};

static struct database *database_of(struct provider *provider) {
    return (struct database *)provider;
}

static sqlite3_stmt *bind_key(sqlite3_stmt *statement, uint32_t namespace, const uint8_t *key, uint8_t key_bytes) {
    (void)sqlite3_bind_int64(statement, 1, namespace);
    (void)sqlite3_bind_blob(statement, 2, key, key_bytes, SQLITE_STATIC);
    return statement;
}

/* ---- batches ---- */

static int begin(struct provider *provider) {
    struct database *database = database_of(provider);
    return database_step(database, database->statements[STATEMENT_BEGIN]);
}

static int put(struct provider *provider, uint32_t namespace, const struct stored *stored) {
    struct database *database = database_of(provider);
    sqlite3_stmt *statement = bind_key(database->statements[STATEMENT_PUT], namespace, stored->key, stored->key_bytes);
    (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)stored->version);
    (void)sqlite3_bind_int64(statement, 4, (sqlite3_int64)stored->expires_ms);
    (void)sqlite3_bind_blob(statement, 5, stored->sealed, (int)stored->sealed_bytes, SQLITE_STATIC);
    return database_step(database, statement);
}

static int erase(struct provider *provider, uint32_t namespace, const uint8_t *key, uint8_t key_bytes) {
    struct database *database = database_of(provider);
    return database_step(database, bind_key(database->statements[STATEMENT_ERASE], namespace, key, key_bytes));
}

static int commit(struct provider *provider) {
    struct database *database = database_of(provider);
    return database_step(database, database->statements[STATEMENT_COMMIT]);
}

static void rollback(struct provider *provider) {
    struct database *database = database_of(provider);
    if (sqlite3_get_autocommit(database->connection) == 0)
        (void)database_step(database, database->statements[STATEMENT_ROLLBACK]);
}

static int drop(struct provider *provider, uint32_t namespace) {
    struct database *database = database_of(provider);
    sqlite3_stmt *statement = database->statements[STATEMENT_DROP];
    (void)sqlite3_bind_int64(statement, 1, namespace);
    return database_step(database, statement);
}

/* ---- reading ---- */

static void take_row(sqlite3_stmt *statement, int first, struct stored *stored) {
    stored->version = (uint64_t)sqlite3_column_int64(statement, first);
    stored->expires_ms = (uint64_t)sqlite3_column_int64(statement, first + 1);
    stored->sealed = sqlite3_column_blob(statement, first + 2);
    stored->sealed_bytes = (uint32_t)sqlite3_column_bytes(statement, first + 2);
}

/* The row is let go at once: one that is held would keep the log from being checkpointed. */
static int get(struct provider *provider, struct provider_view *view, uint32_t namespace, const uint8_t *key,
               uint8_t key_bytes, provider_handler *handler, void *context) {
    struct database *database = database_of(provider);
    sqlite3_stmt *statement = view != NULL ? view->get : database->statements[STATEMENT_GET];
    int result = sqlite3_step(bind_key(statement, namespace, key, key_bytes)), status = GROVE_NOT_FOUND;
    if (result == SQLITE_ROW) {
        struct stored stored = {.key = key, .key_bytes = key_bytes};
        take_row(statement, 0, &stored);
        status = handler(namespace, &stored, context);
    } else if (result != SQLITE_DONE) {
        status = database_status(sqlite3_db_handle(statement), result);
    }
    (void)sqlite3_reset(statement);
    return status;
}

static int walk(sqlite3_stmt *statement, const struct provider_range *range, provider_handler *handler, void *context) {
    int result, status = 0;
    while (status == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct stored stored = {.key = sqlite3_column_blob(statement, 0),
                                .key_bytes = (uint8_t)sqlite3_column_bytes(statement, 0)};
        if (range->keys_only) {
            stored.version = (uint64_t)sqlite3_column_int64(statement, 1);
            stored.expires_ms = (uint64_t)sqlite3_column_int64(statement, 2);
            stored.sealed_bytes = (uint32_t)sqlite3_column_int64(statement, 3);
        } else {
            take_row(statement, 1, &stored);
        }
        status = handler(range->namespace, &stored, context);
    }
    return status != 0 || result == SQLITE_DONE ? 0 : database_status(sqlite3_db_handle(statement), result);
}

static int scan(struct provider *provider, struct provider_view *view, const struct provider_range *range,
                provider_handler *handler, void *context) {
    struct database *database = database_of(provider);
    sqlite3 *connection = view != NULL ? view->connection : database->connection;
    sqlite3_stmt *statement = NULL;
    char text[256];
    (void)snprintf(text, sizeof text,
                   "SELECT key, version, expires, %s FROM entries WHERE namespace = ?1 AND key %s ?2%s ORDER BY key%s",
                   range->keys_only ? "length(sealed)" : "sealed",
                   range->is_after ? ">" : ">=", range->has_end ? " AND key < ?3" : "",
                   range->is_backward ? " DESC" : "");
    int status = database_status(connection, sqlite3_prepare_v2(connection, text, -1, &statement, NULL));
    if (status == 0) {
        (void)bind_key(statement, range->namespace, range->from != NULL ? range->from : (const uint8_t *)"",
                       range->from_bytes);
        if (range->has_end)
            (void)sqlite3_bind_blob(statement, 3, range->to, range->to_bytes, SQLITE_STATIC);
        status = walk(statement, range, handler, context);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static int usage(struct provider *provider, uint32_t namespace, uint64_t *keys, uint64_t *bytes) {
    struct database *database = database_of(provider);
    sqlite3_stmt *statement = database->statements[STATEMENT_USAGE];
    (void)sqlite3_bind_int64(statement, 1, namespace);
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        *keys = (uint64_t)sqlite3_column_int64(statement, 0);
        *bytes = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    (void)sqlite3_reset(statement);
    return result == SQLITE_ROW ? 0 : database_status(database->connection, result);
}

/* ---- views ---- */

static void view_close(struct provider *provider, struct provider_view *view) {
    (void)provider;
    (void)sqlite3_finalize(view->get);
    (void)sqlite3_close(view->connection);
    free(view);
}

static int view_open(struct provider *provider, struct provider_view **view) {
    struct database *database = database_of(provider);
    struct provider_view *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return GROVE_NO_MEMORY;
    int result =
        sqlite3_open_v2(database->path, &opened->connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, DATABASE_VFS);
    if (result == SQLITE_OK) /* the read is what takes the state; begin alone does not */
        result = sqlite3_exec(opened->connection,
                              "PRAGMA query_only = ON; PRAGMA cache_size = -128; BEGIN; SELECT revision FROM meta",
                              NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_prepare_v2(opened->connection,
                                    "SELECT version, expires, sealed FROM entries WHERE namespace = ?1 AND key = ?2",
                                    -1, &opened->get, NULL);
    int status = database_status(opened->connection, result);
    if (status < 0)
        view_close(provider, opened);
    else
        *view = opened;
    return status;
}

/* ---- ends ---- */

static int expired(struct provider *provider, uint64_t until_ms, provider_handler *handler, void *context) {
    struct database *database = database_of(provider);
    sqlite3_stmt *statement = database->statements[STATEMENT_EXPIRED];
    int result, status = 0;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)until_ms);
    while (status == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct stored stored = {.key = sqlite3_column_blob(statement, 1),
                                .key_bytes = (uint8_t)sqlite3_column_bytes(statement, 1),
                                .version = (uint64_t)sqlite3_column_int64(statement, 2),
                                .expires_ms = (uint64_t)sqlite3_column_int64(statement, 3),
                                .sealed_bytes = (uint32_t)sqlite3_column_int64(statement, 4)};
        status = handler((uint32_t)sqlite3_column_int64(statement, 0), &stored, context);
    }
    (void)sqlite3_reset(statement);
    return status != 0 || result == SQLITE_DONE ? 0 : database_status(database->connection, result);
}

static int next_expiry(struct provider *provider, uint64_t *next_ms) {
    struct database *database = database_of(provider);
    sqlite3_stmt *statement = database->statements[STATEMENT_NEXT_EXPIRY];
    int result = sqlite3_step(statement);
    *next_ms = UINT64_MAX;
    if (result == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *next_ms = (uint64_t)sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    return database_status(database->connection, result);
}

const struct provider_operations sqlite_operations = {
    .name = "sqlite",
    .is_durable = true,
    .begin = begin,
    .put = put,
    .erase = erase,
    .commit = commit,
    .rollback = rollback,
    .get = get,
    .scan = scan,
    .usage = usage,
    .view_open = view_open,
    .view_close = view_close,
    .expired = expired,
    .next_expiry = next_expiry,
    .drop = drop,
};
