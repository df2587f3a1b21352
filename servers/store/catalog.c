/*
 * The catalog: what the store knows of namespaces, in the same database as the entries and changed in the same batches.
 *
 * None of it is in a hurry: statements are prepared when they are needed.
 */
#include <stdio.h>
#include <string.h>

#include "grove/abi/status.h"
#include "servers/store/database.h"

static int finish(struct database *database, sqlite3_stmt *statement, int result) {
    int status = database_status(database->connection, result);
    (void)sqlite3_finalize(statement);
    return status;
}

static int done(struct database *database, sqlite3_stmt *statement) {
    return finish(database, statement, sqlite3_step(statement));
}

static const char *text_at(sqlite3_stmt *statement, int column) {
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text != NULL ? text : "";
}

/* ---- meta ---- */

int catalog_revision(struct database *database, uint64_t *revision) {
    sqlite3_stmt *statement = NULL;
    int status = database_prepare(database, "SELECT revision FROM meta", &statement);
    if (status < 0)
        return status;
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *revision = (uint64_t)sqlite3_column_int64(statement, 0);
    return finish(database, statement, result == SQLITE_DONE ? SQLITE_CORRUPT : result);
}

int catalog_set_revision(struct database *database, uint64_t revision) {
    sqlite3_stmt *statement = database->statements[STATEMENT_REVISION];
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)revision);
    return database_step(database, statement);
}

int catalog_check(struct database *database, uint8_t *wrapped, size_t limit_bytes, size_t *wrapped_bytes) {
    sqlite3_stmt *statement = NULL;
    int status = database_prepare(database, "SELECT wrapped FROM meta WHERE wrapped IS NOT NULL", &statement);
    if (status < 0)
        return status;
    int result = sqlite3_step(statement);
    size_t bytes = result == SQLITE_ROW ? (size_t)sqlite3_column_bytes(statement, 0) : 0;
    if (bytes > 0 && bytes <= limit_bytes) {
        memcpy(wrapped, sqlite3_column_blob(statement, 0), bytes);
        *wrapped_bytes = bytes;
    }
    status = finish(database, statement, result);
    return status < 0 ? status : bytes == 0 ? GROVE_NOT_FOUND : bytes <= limit_bytes ? 0 : GROVE_CORRUPT;
}

int catalog_set_check(struct database *database, const uint8_t *wrapped, size_t wrapped_bytes) {
    sqlite3_stmt *statement = NULL;
    int status = database_prepare(database, "UPDATE meta SET wrapped = ?1", &statement);
    if (status < 0)
        return status;
    (void)sqlite3_bind_blob(statement, 1, wrapped, (int)wrapped_bytes, SQLITE_STATIC);
    return done(database, statement);
}

/* ---- namespaces ---- */

int catalog_each_namespace(struct database *database, catalog_namespace_handler *handler, void *context) {
    sqlite3_stmt *statement = NULL;
    int result = SQLITE_DONE, stopped = 0;
    int status = database_prepare(
        database, "SELECT id, name, provider, quota_bytes, quota_keys, flags FROM namespaces ORDER BY name",
        &statement);
    if (status < 0)
        return status;
    while (stopped == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct catalog_namespace found = {.id = (uint32_t)sqlite3_column_int64(statement, 0),
                                          .name = text_at(statement, 1),
                                          .provider = text_at(statement, 2),
                                          .quota_bytes = (uint64_t)sqlite3_column_int64(statement, 3),
                                          .quota_keys = (uint64_t)sqlite3_column_int64(statement, 4),
                                          .flags = (uint32_t)sqlite3_column_int64(statement, 5)};
        stopped = handler(&found, context);
    }
    status = finish(database, statement, result);
    return stopped != 0 ? stopped : status;
}

int catalog_put_namespace(struct database *database, const struct catalog_namespace *put) {
    sqlite3_stmt *statement = NULL;
    int status =
        database_prepare(database, "INSERT OR REPLACE INTO namespaces VALUES(?1, ?2, ?3, ?4, ?5, ?6)", &statement);
    if (status < 0)
        return status;
    (void)sqlite3_bind_int64(statement, 1, put->id);
    (void)sqlite3_bind_text(statement, 2, put->name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 3, put->provider, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 4, (sqlite3_int64)put->quota_bytes);
    (void)sqlite3_bind_int64(statement, 5, (sqlite3_int64)put->quota_keys);
    (void)sqlite3_bind_int64(statement, 6, put->flags);
    return done(database, statement);
}

static int delete_by_number(struct database *database, const char *text, uint32_t first, uint32_t second) {
    sqlite3_stmt *statement = NULL;
    int status = database_prepare(database, text, &statement);
    if (status < 0)
        return status;
    (void)sqlite3_bind_int64(statement, 1, first);
    if (sqlite3_bind_parameter_count(statement) > 1)
        (void)sqlite3_bind_int64(statement, 2, second);
    return done(database, statement);
}

int catalog_drop_namespace(struct database *database, uint32_t id) {
    int status = delete_by_number(database, "DELETE FROM keys WHERE namespace = ?1", id, 0);
    if (status == 0)
        status = delete_by_number(database,
                                  "DELETE FROM shares WHERE name = (SELECT name FROM namespaces WHERE id = ?1)", id, 0);
    return status == 0 ? delete_by_number(database, "DELETE FROM namespaces WHERE id = ?1", id, 0) : status;
}

/* ---- keys ---- */

int catalog_each_key(struct database *database, uint32_t id, catalog_key_handler *handler, void *context) {
    sqlite3_stmt *statement = NULL;
    int result = SQLITE_DONE, stopped = 0;
    int status = database_prepare(
        database, "SELECT generation, wrapped FROM keys WHERE namespace = ?1 ORDER BY generation DESC", &statement);
    if (status < 0)
        return status;
    (void)sqlite3_bind_int64(statement, 1, id);
    while (stopped == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct catalog_key key = {.generation = (uint32_t)sqlite3_column_int64(statement, 0),
                                  .wrapped = sqlite3_column_blob(statement, 1),
                                  .wrapped_bytes = (size_t)sqlite3_column_bytes(statement, 1)};
        stopped = handler(&key, context);
    }
    status = finish(database, statement, result);
    return stopped != 0 ? stopped : status;
}

int catalog_put_key(struct database *database, uint32_t id, const struct catalog_key *key) {
    sqlite3_stmt *statement = NULL;
    int status = database_prepare(database, "INSERT OR REPLACE INTO keys VALUES(?1, ?2, ?3)", &statement);
    if (status < 0)
        return status;
    (void)sqlite3_bind_int64(statement, 1, id);
    (void)sqlite3_bind_int64(statement, 2, key->generation);
    (void)sqlite3_bind_blob(statement, 3, key->wrapped, (int)key->wrapped_bytes, SQLITE_STATIC);
    return done(database, statement);
}

int catalog_drop_key(struct database *database, uint32_t id, uint32_t generation) {
    return delete_by_number(database, "DELETE FROM keys WHERE namespace = ?1 AND generation = ?2", id, generation);
}

/* ---- shares ---- */

int catalog_each_share(struct database *database, catalog_share_handler *handler, void *context) {
    sqlite3_stmt *statement = NULL;
    int result = SQLITE_DONE, stopped = 0;
    int status = database_prepare(database, "SELECT name, prefix, with_, rights FROM shares ORDER BY name", &statement);
    if (status < 0)
        return status;
    while (stopped == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct catalog_share share = {.name = text_at(statement, 0),
                                      .prefix = sqlite3_column_blob(statement, 1),
                                      .prefix_bytes = (uint8_t)sqlite3_column_bytes(statement, 1),
                                      .with = text_at(statement, 2),
                                      .rights = (uint32_t)sqlite3_column_int64(statement, 3)};
        stopped = handler(&share, context);
    }
    status = finish(database, statement, result);
    return stopped != 0 ? stopped : status;
}

int catalog_put_share(struct database *database, const struct catalog_share *share) {
    sqlite3_stmt *statement = NULL;
    const char *text = share->rights != 0 ? "INSERT OR REPLACE INTO shares VALUES(?1, ?2, ?3, ?4)"
                                          : "DELETE FROM shares WHERE name = ?1 AND prefix = ?2 AND with_ = ?3";
    int status = database_prepare(database, text, &statement);
    if (status < 0)
        return status;
    (void)sqlite3_bind_text(statement, 1, share->name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(statement, 2, share->prefix_bytes > 0 ? share->prefix : (const uint8_t *)"",
                            share->prefix_bytes, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 3, share->with, -1, SQLITE_STATIC);
    if (share->rights != 0)
        (void)sqlite3_bind_int64(statement, 4, share->rights);
    return done(database, statement);
}
