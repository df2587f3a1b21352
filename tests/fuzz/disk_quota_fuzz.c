/*
 * Fuzz target: what the process between a container and a counted folder is asked over /dev/fuse. The input is a row of calls:
 *
 *     opcode (1 byte), node (1), file (1), bytes of the body (2, little-endian), body
 *
 * A container chooses all of that but the files: those Linux gives back as they were handed out, so `file` chooses one of them,
 * and Linux forgets no file that somebody has open. Each answer is well-formed; and when all is let go, what the account says
 * is what is counted anew in the folder, never more than the limit, and no descriptor is left.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/machine/linux/quota/server.h"

#define LIMIT_BYTES (64 * ACCOUNT_BLOCK_BYTES)
#define FILES_MAX 32u
#define NODES_MAX 256u
#define BODY_BYTES_MAX 8192u
#define HEAD_BYTES 5u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static struct server server;
static struct account account;
static char *room;
static struct open_file { uint64_t file, node; } files[FILES_MAX];
static unsigned file_count;

static void expect(bool is_true) {
    if (!is_true)
        abort();
}

/* Where a body of this call has the number of a file; 0 if it has none. */
static size_t file_offset(uint32_t opcode) {
    switch (opcode) {
    case FUSE_READ:
    case FUSE_READDIR:
        return offsetof(struct fuse_read_in, fh) + 1;
    case FUSE_WRITE:
        return offsetof(struct fuse_write_in, fh) + 1;
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
        return offsetof(struct fuse_release_in, fh) + 1;
    case FUSE_FSYNC:
    case FUSE_FSYNCDIR:
        return offsetof(struct fuse_fsync_in, fh) + 1;
    case FUSE_FALLOCATE:
        return offsetof(struct fuse_fallocate_in, fh) + 1;
    case FUSE_SETATTR:
        return offsetof(struct fuse_setattr_in, fh) + 1;
    default:
        return 0;
    }
}

static bool is_open(uint64_t node) {
    for (unsigned i = 0; i < file_count; i++)
        if (files[i].node == node)
            return true;
    return false;
}

/* What Linux would not ask. */
static bool is_never_asked(const struct fuse_in_header *header) {
    return header->opcode == FUSE_DESTROY || header->opcode == FUSE_BATCH_FORGET ||
           (header->opcode == FUSE_FORGET && is_open(header->nodeid)) ||
           (file_offset(header->opcode) != 0 && file_count == 0) ||
           ((header->opcode == FUSE_OPEN || header->opcode == FUSE_OPENDIR || header->opcode == FUSE_CREATE) &&
            file_count == FILES_MAX);
}

static void note_opened(const struct fuse_in_header *header, const char *answer, size_t bytes) {
    struct fuse_open_out open;
    struct fuse_entry_out entry = {.nodeid = header->nodeid};
    size_t at = sizeof(struct fuse_out_header);
    if (header->opcode == FUSE_CREATE) {
        expect(bytes == at + sizeof entry + sizeof open);
        memcpy(&entry, answer + at, sizeof entry);
        at += sizeof entry;
    }
    expect(bytes == at + sizeof open);
    memcpy(&open, answer + at, sizeof open);
    files[file_count++] = (struct open_file){.file = open.fh, .node = entry.nodeid};
}

/* The answer to a call, taken off the device. */
static void look_at_answer(const struct fuse_in_header *header) {
    static char answer[sizeof(struct fuse_out_header) + SERVER_WRITE_BYTES + 1];
    struct fuse_out_header out;
    ssize_t bytes = pread(server.device, answer, sizeof answer, 0);
    if (header->opcode == FUSE_FORGET || header->opcode == FUSE_INTERRUPT)
        expect(bytes == 0 || bytes == (ssize_t)sizeof out);
    if (bytes == 0)
        return;
    expect(bytes >= (ssize_t)sizeof out);
    memcpy(&out, answer, sizeof out);
    expect(out.len == (uint32_t)bytes && out.unique == header->unique && out.error <= 0 && out.error > -4096);
    expect(out.error == 0 || out.len == sizeof out);
    if (out.error == 0 &&
        (header->opcode == FUSE_OPEN || header->opcode == FUSE_OPENDIR || header->opcode == FUSE_CREATE))
        note_opened(header, answer, (size_t)bytes);
}

static void ask(uint32_t opcode, uint64_t node, unsigned file, const void *body, size_t bytes) {
    static _Alignas(64) char request[sizeof(struct fuse_in_header) + BODY_BYTES_MAX];
    struct fuse_in_header header = {
        .len = (uint32_t)(sizeof header + bytes), .opcode = opcode, .unique = 4711, .nodeid = node};
    size_t offset = file_offset(opcode);
    if (is_never_asked(&header))
        return;
    memcpy(request, &header, sizeof header);
    if (bytes > 0)
        memcpy(request + sizeof header, body, bytes);
    if (offset != 0 && bytes >= offset - 1 + sizeof files->file)
        memcpy(request + sizeof header + offset - 1, &files[file % file_count].file, sizeof files->file);
    expect(ftruncate(server.device, 0) == 0 && lseek(server.device, 0, SEEK_SET) == 0);
    server_serve(&server, request, header.len, room);
    look_at_answer(&header);
    bool is_released = (opcode == FUSE_RELEASE || opcode == FUSE_RELEASEDIR) && bytes >= sizeof(struct fuse_release_in);
    if (is_released)
        files[file % file_count] = files[file_count - 1];
    file_count -= is_released;
    expect(account.used_bytes <= LIMIT_BYTES);
}

static void let_all_go(void) {
    const struct fuse_release_in release = {0};
    const struct fuse_forget_in forget = {.nlookup = UINT64_MAX};
    while (file_count > 0)
        ask(FUSE_RELEASE, NODES_ROOT, 0, &release, sizeof release);
    for (uint64_t node = NODES_ROOT + 1; node < NODES_MAX; node++)
        ask(FUSE_FORGET, node, 0, &forget, sizeof forget);
}

static void count_anew(void) {
    struct account counted = {.limit_bytes = LIMIT_BYTES};
    struct server other = server;
    other.account = &counted;
    if (measure(&other)) /* a folder that its owner may not read cannot be counted */
        expect(counted.used_bytes == account.used_bytes);
}

static unsigned descriptors(void) {
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        (void)closedir(folder);
    return count;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static void begin(char *path) {
    expect(mkdtemp(path) != NULL);
    account = (struct account){.limit_bytes = LIMIT_BYTES};
    server = (struct server){.name = "fuzz", .account = &account, .user = 1000, .group = 1000};
    server.folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    server.device = memfd_create("device", MFD_CLOEXEC);
    server.bell = open("/dev/null", O_WRONLY | O_CLOEXEC);
    server.owner_user = getuid();
    server.owner_group = getgid();
    file_count = 0;
    expect(server.folder >= 0 && server.device >= 0 && server.bell >= 0 && server_begin(&server));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    unsigned before = descriptors();
    char path[] = "/tmp/grove-disk-quota-XXXXXX";
    if (room == NULL)
        room = aligned_alloc(64, SERVER_WRITE_BYTES);
    begin(path);
    while (size_bytes >= HEAD_BYTES) {
        size_t bytes = (size_t)(data[3] | data[4] << 8);
        const uint8_t *head = data;
        data += HEAD_BYTES;
        size_bytes -= HEAD_BYTES;
        bytes = bytes < size_bytes ? bytes : size_bytes;
        bytes = bytes < BODY_BYTES_MAX ? bytes : BODY_BYTES_MAX;
        ask(head[0], head[1], head[2], data, bytes);
        data += bytes;
        size_bytes -= bytes;
    }
    let_all_go();
    count_anew();
    nodes_close(&server.nodes);
    (void)close(server.device);
    (void)close(server.bell);
    expect(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    expect(descriptors() == before);
    return 0;
}
