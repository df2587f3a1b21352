/*
 * grove store backup and restore: a copy of everything, in pieces, into a file and back.
 *
 * A backup is written under another name and renamed when it is whole and on the disk, so that FILE is never half a backup.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "userspace/grove/commands/store_verbs.h"

#define COPY_TIMEOUT_NS (600 * GROVE_SECOND)
#define PIECE_BYTES (256u << 10)

static int ask(const struct invocation *invocation, uint32_t method, uint32_t flags, uint64_t offset_bytes,
               const void *data, size_t data_bytes, struct grove_answer *answer) {
    struct grove_store_copy_request request = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                               .flags = flags,
                                               .offset_bytes = offset_bytes,
                                               .data_bytes = data_bytes};
    return store_call_raw(invocation, method, &request, sizeof request, data, data_bytes, COPY_TIMEOUT_NS, answer);
}

static int take(const struct invocation *invocation, const struct grove_answer *answer,
                struct grove_store_copy_reply *reply, const uint8_t **data) {
    size_t bytes;
    int status = store_answer_bytes(invocation, answer, sizeof *reply, data, &bytes);
    if (status != 0)
        return status;
    memcpy(reply, *data, sizeof *reply);
    *data += sizeof *reply;
    return reply->data_bytes > bytes - sizeof *reply ? command_fail(invocation, "the store answered with too little")
                                                     : 0;
}

static int finish(const struct invocation *invocation, const char *file, uint64_t bytes) {
    if (invocation->json)
        output_json(json_pack("{s:s, s:I}", "file", file, "bytes", (json_int_t)bytes));
    return COMMAND_OK;
}

/* ---- backup ---- */

static int copy_piece(const struct invocation *invocation, int file, uint64_t *offset_bytes, bool *is_end) {
    struct grove_answer answer;
    struct grove_store_copy_reply reply;
    const uint8_t *data;
    int status = ask(invocation, GROVE_STORE_BACKUP, 0, *offset_bytes, NULL, 0, &answer);
    if (status != 0)
        return status;
    status = take(invocation, &answer, &reply, &data);
    if (status == 0 && write(file, data, reply.data_bytes) != (ssize_t)reply.data_bytes)
        status = command_fail(invocation, "the file cannot be written: %s", strerror(errno));
    if (status == 0) {
        *offset_bytes += reply.data_bytes;
        *is_end = reply.data_bytes == 0 || *offset_bytes >= reply.total_bytes;
    }
    grove_answer_release(&answer);
    return status;
}

static int copy_all(const struct invocation *invocation, int file, uint64_t *bytes) {
    struct grove_answer answer;
    bool is_end = false;
    int status = ask(invocation, GROVE_STORE_BACKUP, GROVE_STORE_COPY_BEGIN, 0, NULL, 0, &answer);
    if (status != 0)
        return status;
    grove_answer_release(&answer);
    while (status == 0 && !is_end)
        status = copy_piece(invocation, file, bytes, &is_end);
    if (status == 0)
        status = ask(invocation, GROVE_STORE_BACKUP, GROVE_STORE_COPY_END, 0, NULL, 0, &answer);
    if (status == 0)
        grove_answer_release(&answer);
    return status;
}

int store_backup(struct invocation *invocation, const char **operands, unsigned count) {
    char path[PATH_MAX];
    uint64_t bytes = 0;
    (void)count;
    (void)snprintf(path, sizeof path, "%s.part", operands[0]);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return command_fail(invocation, "%s cannot be made: %s", path, strerror(errno));
    int status = copy_all(invocation, file, &bytes);
    if (status == 0 && (fsync(file) < 0 || rename(path, operands[0]) < 0))
        status = command_fail(invocation, "%s cannot be written: %s", operands[0], strerror(errno));
    (void)close(file);
    if (status != 0)
        (void)unlink(path);
    return status == 0 ? finish(invocation, operands[0], bytes) : status;
}

/* ---- restore ---- */

static int send_all(const struct invocation *invocation, int file, uint8_t *piece, uint64_t *bytes) {
    struct grove_answer answer;
    uint32_t flags = GROVE_STORE_COPY_BEGIN;
    ssize_t length;
    int status = 0;
    while (status == 0 && (length = read(file, piece, PIECE_BYTES)) > 0) {
        status = ask(invocation, GROVE_STORE_RESTORE, flags, *bytes, piece, (size_t)length, &answer);
        if (status == 0)
            grove_answer_release(&answer);
        *bytes += (uint64_t)length;
        flags = 0;
    }
    if (status == 0 && (length < 0 || *bytes == 0))
        return command_fail(invocation, "the file cannot be read: %s", length < 0 ? strerror(errno) : "it is empty");
    if (status == 0)
        status = ask(invocation, GROVE_STORE_RESTORE, GROVE_STORE_COPY_END, 0, NULL, 0, &answer);
    if (status == 0)
        grove_answer_release(&answer);
    return status;
}

int store_restore(struct invocation *invocation, const char **operands, unsigned count) {
    uint64_t bytes = 0;
    (void)count;
    int file = open(operands[0], O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return command_fail(invocation, "%s cannot be opened: %s", operands[0], strerror(errno));
    uint8_t *piece = malloc(PIECE_BYTES);
    int status = piece == NULL ? command_fail(invocation, "there is no memory for a copy")
                               : send_all(invocation, file, piece, &bytes);
    free(piece);
    (void)close(file);
    return status == 0 ? finish(invocation, operands[0], bytes) : status;
}
