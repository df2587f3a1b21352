/*
 * Backup and restore, while the store runs.
 *
 *     backup    BEGIN: a thread copies the database into backup.copy, as it is at one moment; then it is read in pieces
 *     restore   BEGIN, pieces into restore.copy; END: a thread checks it, and it becomes restore.db; the store ends, and its
 *               next instance puts restore.db in the place of store.db before it opens it
 *
 * A copy is a database of SQLite with the same tables, and a checksum behind it (struct copy_end): values and keys in it are
 * encrypted as they were, so it takes the same master key to read it, which is not in it. Versions do not go back: the restored database gets a number above all
 * that were given out.
 *
 * Crash: before the rename to restore.db the restore has not happened. After it, it happens at the next start: the old log
 * is removed first, then the rename; a crash in between finds restore.db still there, and does both again. What was
 * committed meanwhile belongs to the state that the restore throws away.
 */
#include "servers/store/copies.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKUP_FILE "backup.copy"
#define RESTORE_COPY "restore.copy"
#define RESTORE_FILE "restore.db"
#define COPY_MAGIC 0x50435347u /* "GSCP" */
#define COPY_FORMAT 1u
#define PIECE_BYTES (256u << 10)
/* Numbers between the newest version and the first after a restore: more than can be given out until the store ends. */
#define VERSIONS_SKIPPED (1u << 20)

/* Behind the database: BLAKE2b over it. */
struct copy_end {
    uint32_t magic, format;
    uint8_t checksum[SEAL_KEY_BYTES];
};

struct copies {
    struct store *store;
    pthread_t thread;
    int done; /* eventfd */
    bool is_running;
    struct grove_request *request; /* waits for the thread */
    int (*work)(struct copies *copies); /* in the thread */
    int status; /* its result */
    char sentence[ENGINE_SENTENCE_BYTES];
    char database[4096], copy[4096];
    uint64_t version_from; /* of a restore */
    uint8_t check[MASTER_WRAPPED_MAX]; /* of a restore: the copy's wrapped check */
    size_t check_bytes;
    int file; /* of a backup being read, or a restore being written; -1: none */
    uint64_t bytes;
    grove_object_id client; /* whose it is */
};

/* ---- in the thread ---- */

static int say(struct copies *copies, sqlite3 *connection, const char *what, int result) {
    (void)snprintf(copies->sentence, sizeof copies->sentence, "%s: %s", what, sqlite3_errmsg(connection));
    return database_status(connection, result);
}

static int copy_database(struct copies *copies) {
    sqlite3 *connection = NULL;
    sqlite3_stmt *statement = NULL;
    int result =
        sqlite3_open_v2(copies->database, &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, DATABASE_VFS);
    if (result == SQLITE_OK)
        result = sqlite3_prepare_v2(connection, "VACUUM INTO ?1", -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_bind_text(statement, 1, copies->copy, -1, SQLITE_STATIC);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    int status = result == SQLITE_DONE ? 0 : say(copies, connection, "the database cannot be copied", result);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(connection);
    return status;
}

static int say_file(struct copies *copies, const char *what) {
    int status = errno == ENOSPC ? GROVE_FULL : GROVE_IO;
    (void)snprintf(copies->sentence, sizeof copies->sentence, "%s: %s", what, strerror(errno));
    return status;
}

/* The checksum of a copy goes behind it. */
static int end_copy(struct copies *copies) {
    struct copy_end end = {.magic = COPY_MAGIC, .format = COPY_FORMAT};
    int file = open(copies->copy, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    int status = file < 0 || seal_checksum(file, UINT64_MAX, end.checksum) < 0 ||
                         write(file, &end, sizeof end) != (ssize_t)sizeof end
                     ? say_file(copies, "the copy cannot be ended")
                     : 0;
    if (file >= 0)
        (void)close(file);
    return status;
}

static int make_copy(struct copies *copies) {
    int status = copy_database(copies);
    return status < 0 ? status : end_copy(copies);
}

/* Take the checksum off a copy again. GROVE_CORRUPT: it is not the one of what stands before it. */
static int begin_copy(struct copies *copies) {
    struct copy_end end;
    uint8_t checksum[sizeof end.checksum];
    uint64_t bytes = copies->bytes > sizeof end ? copies->bytes - sizeof end : 0;
    if (bytes == 0 || pread(copies->file, &end, sizeof end, (off_t)bytes) != (ssize_t)sizeof end ||
        end.magic != COPY_MAGIC || end.format != COPY_FORMAT || seal_checksum(copies->file, bytes, checksum) < 0 ||
        memcmp(checksum, end.checksum, sizeof checksum) != 0) {
        (void)snprintf(copies->sentence, sizeof copies->sentence,
                       "this is no whole backup of a store: its checksum is not the one of its bytes");
        return GROVE_CORRUPT;
    }
    return ftruncate(copies->file, (off_t)bytes) < 0 ? say_file(copies, "the copy cannot be prepared") : 0;
}

/* One row of text, number or blob; false: there is none. */
static bool row_of(sqlite3 *connection, const char *text, sqlite3_stmt **statement) {
    return sqlite3_prepare_v2(connection, text, -1, statement, NULL) == SQLITE_OK &&
           sqlite3_step(*statement) == SQLITE_ROW;
}

static bool is_whole(sqlite3 *connection) {
    sqlite3_stmt *statement = NULL;
    bool is_ok = row_of(connection, "PRAGMA integrity_check(1)", &statement) &&
                 strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
    (void)sqlite3_finalize(statement);
    return is_ok;
}

static bool take_meta(struct copies *copies, sqlite3 *connection) {
    sqlite3_stmt *statement = NULL;
    bool is_ok = row_of(connection, "SELECT format, revision, wrapped FROM meta", &statement) &&
                 sqlite3_column_int(statement, 0) == DATABASE_FORMAT;
    size_t bytes = is_ok ? (size_t)sqlite3_column_bytes(statement, 2) : 0;
    is_ok = bytes > 0 && bytes <= sizeof copies->check;
    if (is_ok) {
        uint64_t revision = (uint64_t)sqlite3_column_int64(statement, 1);
        memcpy(copies->check, sqlite3_column_blob(statement, 2), bytes);
        copies->check_bytes = bytes;
        copies->version_from = revision > copies->version_from ? revision : copies->version_from;
    }
    (void)sqlite3_finalize(statement);
    return is_ok;
}

static int check_copy(struct copies *copies) {
    sqlite3 *connection = NULL;
    char text[128];
    int status = begin_copy(copies);
    if (status < 0)
        return status;
    int result = sqlite3_open_v2(copies->copy, &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    status = result == SQLITE_OK ? 0 : say(copies, connection, "it cannot be opened", result);
    if (status == 0 && (!is_whole(connection) || !take_meta(copies, connection))) {
        status = GROVE_CORRUPT;
        (void)snprintf(copies->sentence, sizeof copies->sentence, "this is no whole backup of a store: %s",
                       sqlite3_errmsg(connection));
    }
    (void)snprintf(text, sizeof text, "PRAGMA journal_mode = DELETE; UPDATE meta SET revision = %" PRIu64,
                   copies->version_from + VERSIONS_SKIPPED);
    if (status == 0) {
        result = sqlite3_exec(connection, text, NULL, NULL, NULL);
        status = result == SQLITE_OK ? 0 : say(copies, connection, "it cannot be prepared", result);
    }
    (void)sqlite3_close(connection);
    return status;
}

static void *thread(void *context) {
    struct copies *copies = context;
    uint64_t one = 1;
    copies->status = copies->work(copies);
    while (write(copies->done, &one, sizeof one) < 0 && errno == EINTR)
        continue;
    return NULL;
}

/* ---- the thread's life ---- */

static struct copies *copies_of(struct store *store) {
    if (store->copies != NULL)
        return store->copies;
    struct copies *copies = calloc(1, sizeof *copies);
    if (copies == NULL)
        return NULL;
    copies->store = store;
    copies->file = -1;
    copies->done = eventfd(0, EFD_CLOEXEC);
    (void)snprintf(copies->database, sizeof copies->database, "%s/%s", store->folder, DATABASE_FILE);
    if (copies->done < 0) {
        free(copies);
        return NULL;
    }
    store->copies = copies;
    return copies;
}

static void let_go(struct copies *copies) {
    if (copies->file >= 0)
        (void)close(copies->file);
    copies->file = -1;
    copies->client = 0;
    copies->bytes = 0;
    (void)unlinkat(copies->store->folder_descriptor, BACKUP_FILE, 0);
    (void)unlinkat(copies->store->folder_descriptor, RESTORE_COPY, 0);
}

static int run(struct copies *copies, struct grove_request *request, int (*work)(struct copies *),
               grove_descriptor_handler *handler) {
    struct store *store = copies->store;
    copies->work = work;
    copies->request = request;
    copies->sentence[0] = '\0';
    int status = grove_service_watch(store->service, copies->done, POLLIN, handler, copies);
    if (status == 0 && pthread_create(&copies->thread, NULL, thread, copies) != 0)
        status = GROVE_NO_MEMORY;
    if (status == 0)
        status = grove_request_defer(request);
    if (status < 0) {
        (void)grove_service_watch(store->service, copies->done, 0, NULL, NULL);
        return grove_fail(request, status, "no thread can be made for the copy");
    }
    copies->is_running = true;
    return 0;
}

static void join(struct copies *copies) {
    uint64_t count;
    (void)read(copies->done, &count, sizeof count);
    (void)pthread_join(copies->thread, NULL);
    (void)grove_service_watch(copies->store->service, copies->done, 0, NULL, NULL);
    copies->is_running = false;
}

static int reply(struct grove_request *request, uint64_t total_bytes) {
    struct grove_store_copy_reply reply = {.version = GROVE_STORE_PROTOCOL_VERSION, .total_bytes = total_bytes};
    return grove_reply(request, &reply, sizeof reply);
}

/* The head of a request, with the rights and the memory that both directions need. Answers on failure. */
static int take_copy(struct store *store, struct grove_request *request, struct grove_store_copy_request *wanted,
                     struct copies **copies) {
    int status = take_head(request, wanted, sizeof *wanted);
    if (status == 0)
        status = access_administer(store, request, "system.store");
    if (status < 0)
        return status;
    *copies = copies_of(store);
    if (*copies == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "there is no memory for a copy");
    if ((*copies)->is_running)
        return grove_fail(request, GROVE_WRONG_STATE,
                          "another backup or restore is at work; try again when it is done");
    bool begins = (wanted->flags & GROVE_STORE_COPY_BEGIN) != 0;
    if (!begins && (*copies)->client != grove_request_client_id(request))
        return grove_fail(
            request, GROVE_STALE_HANDLE,
            "this copy was not begun, or somebody began another, or the store was restarted; begin again");
    if (begins) {
        let_go(*copies);
        (*copies)->client = grove_request_client_id(request);
    }
    return 0;
}

/* ---- backup ---- */

static void on_copied(struct grove_service *service, int descriptor, short events, void *context) {
    struct copies *copies = context;
    struct stat facts = {0};
    (void)service;
    (void)descriptor;
    (void)events;
    join(copies);
    if (copies->status == 0)
        copies->file = openat(copies->store->folder_descriptor, BACKUP_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (copies->status == 0 && (copies->file < 0 || fstat(copies->file, &facts) < 0)) {
        copies->status = GROVE_IO;
        (void)snprintf(copies->sentence, sizeof copies->sentence, "the copy cannot be read: %s", strerror(errno));
    }
    copies->bytes = (uint64_t)facts.st_size;
    if (copies->status < 0)
        (void)grove_fail(copies->request, copies->status, "%s", copies->sentence);
    else
        (void)reply(copies->request, copies->bytes);
    grove_request_finish(copies->request);
}

static int reply_piece(struct copies *copies, struct grove_request *request, uint64_t offset_bytes) {
    size_t head_bytes = sizeof(struct grove_store_copy_reply);
    uint8_t *piece = malloc(head_bytes + PIECE_BYTES);
    if (piece == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "there is no memory for a copy");
    ssize_t length = pread(copies->file, piece + head_bytes, PIECE_BYTES, (off_t)offset_bytes);
    struct grove_store_copy_reply reply = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                           .total_bytes = copies->bytes,
                                           .data_bytes = length > 0 ? (uint64_t)length : 0};
    memcpy(piece, &reply, head_bytes);
    int status = length < 0 ? grove_fail(request, GROVE_IO, "the copy cannot be read: %s", strerror(errno))
                            : reply_bytes(request, piece, head_bytes + (size_t)length);
    free(piece);
    return status;
}

int on_backup(struct grove_request *request, void *context) {
    struct store *store = context;
    struct grove_store_copy_request wanted;
    struct copies *copies = NULL;
    int status = take_copy(store, request, &wanted, &copies);
    if (status < 0)
        return status;
    if ((wanted.flags & GROVE_STORE_COPY_BEGIN) != 0) {
        (void)snprintf(copies->copy, sizeof copies->copy, "%s/%s", store->folder, BACKUP_FILE);
        return run(copies, request, make_copy, on_copied);
    }
    if ((wanted.flags & GROVE_STORE_COPY_END) != 0 || copies->file < 0) {
        let_go(copies);
        return 0;
    }
    return reply_piece(copies, request, wanted.offset_bytes);
}

/* ---- restore ---- */

static int put_in_place(struct copies *copies) {
    int folder = copies->store->folder_descriptor;
    if (fsync(copies->file) < 0 || renameat(folder, RESTORE_COPY, folder, RESTORE_FILE) < 0 || fsync(folder) < 0) {
        (void)snprintf(copies->sentence, sizeof copies->sentence, "the copy cannot be put in place: %s",
                       strerror(errno));
        return GROVE_IO;
    }
    return 0;
}

static int check_master(struct copies *copies) {
    struct seal_key key = {.generation = 1};
    int status = master_unwrap(copies->store->engine.master, "check", copies->check, copies->check_bytes, &key);
    seal_forget(&key, sizeof key);
    if (status < 0)
        (void)snprintf(
            copies->sentence, sizeof copies->sentence,
            "this backup was made under another master key than the store has now; put that one in place first");
    return status;
}

static void on_checked(struct grove_service *service, int descriptor, short events, void *context) {
    struct copies *copies = context;
    (void)descriptor;
    (void)events;
    join(copies);
    if (copies->status == 0)
        copies->status = check_master(copies);
    if (copies->status == 0)
        copies->status = put_in_place(copies);
    if (copies->status < 0)
        (void)grove_fail(copies->request, copies->status, "%s", copies->sentence);
    else
        (void)reply(copies->request, copies->bytes);
    grove_request_finish(copies->request);
    let_go(copies);
    if (copies->status == 0)
        grove_service_stop(service); /* the next instance takes it */
}

static int write_piece(struct copies *copies, struct grove_request *request,
                       const struct grove_store_copy_request *wanted) {
    size_t bytes = 0;
    const uint8_t *message = message_of(request, &bytes);
    if (wanted->data_bytes > bytes - sizeof *wanted || wanted->offset_bytes > copies->bytes)
        return grove_fail(request, GROVE_INVALID, "the pieces of a restore follow one another");
    ssize_t length = pwrite(copies->file, message + sizeof *wanted, wanted->data_bytes, (off_t)wanted->offset_bytes);
    if (length != (ssize_t)wanted->data_bytes)
        return grove_fail(request, errno == ENOSPC ? GROVE_FULL : GROVE_IO, "the copy cannot be written: %s",
                          strerror(errno));
    copies->bytes = wanted->offset_bytes + wanted->data_bytes;
    return reply(request, copies->bytes);
}

int on_restore(struct grove_request *request, void *context) {
    struct store *store = context;
    struct grove_store_copy_request wanted;
    struct copies *copies = NULL;
    int status = take_copy(store, request, &wanted, &copies);
    if (status < 0)
        return status;
    if ((wanted.flags & GROVE_STORE_COPY_BEGIN) != 0)
        copies->file =
            openat(store->folder_descriptor, RESTORE_COPY, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (copies->file < 0)
        return grove_fail(request, GROVE_IO, "the copy cannot be made: %s", strerror(errno));
    if ((wanted.flags & GROVE_STORE_COPY_END) == 0)
        return write_piece(copies, request, &wanted);
    copies->version_from = store->engine.revision;
    (void)snprintf(copies->copy, sizeof copies->copy, "%s/%s", store->folder, RESTORE_COPY);
    return run(copies, request, check_copy, on_checked);
}

int restore_adopt(int folder) {
    struct stat facts;
    (void)unlinkat(folder, BACKUP_FILE, 0);
    (void)unlinkat(folder, RESTORE_COPY, 0);
    if (fstatat(folder, RESTORE_FILE, &facts, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : GROVE_IO;
    static const char *const old[] = {DATABASE_FILE "-wal", DATABASE_FILE "-shm"};
    for (size_t index = 0; index < sizeof old / sizeof old[0]; index++)
        if (unlinkat(folder, old[index], 0) < 0 && errno != ENOENT)
            return GROVE_IO;
    if (fsync(folder) < 0 || renameat(folder, RESTORE_FILE, folder, DATABASE_FILE) < 0 || fsync(folder) < 0)
        return GROVE_IO;
    (void)fprintf(stderr, "store: a backup was restored\n");
    return 0;
}
