/*
 * Fuzz target: a segment of the log, of the format before the journal. Of whatever stands in it the intact records are read, in bounded memory; what is
 * appended afterwards is read back as the last.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "servers/log/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static const char last_words[] = "appended";
static char path[] = "/tmp/grove-fuzz-XXXXXX";
static int parent = -1;
static const struct kept_limits limits = {.keep_bytes = KEPT_BYTES};

static void expect(int is_true) {
    if (!is_true)
        abort();
}

static void remove_segments(void) {
    (void)unlinkat(parent, "a/00000001.log", 0);
    (void)unlinkat(parent, "a/0000000001.journal", 0);
    (void)unlinkat(parent, "a", AT_REMOVEDIR);
}

static void remove_parent(void) {
    remove_segments();
    (void)close(parent);
    (void)rmdir(path);
}

static void open_parent(void) {
    if (parent >= 0)
        return;
    expect(mkdtemp(path) != NULL);
    parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    expect(parent >= 0);
    expect(atexit(remove_parent) == 0);
}

static void write_segment(const uint8_t *data, size_t size_bytes) {
    struct kept kept;
    expect(kept_open(&kept, parent, "a", &limits) == 0);
    int descriptor = openat(kept.folder, "00000001.log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    expect(descriptor >= 0);
    expect(write(descriptor, data, size_bytes) == (ssize_t)size_bytes);
    (void)close(descriptor);
    kept_close(&kept);
}

/* Returns the number of records; the bytes of the last one read are left in `last`. */
static uint32_t read_all(struct kept *kept, struct kept_position position, char *last, size_t bytes) {
    static _Alignas(8) char buffer[65536];
    uint32_t total = 0;
    for (bool is_end = false; !is_end;) {
        struct page page = {.buffer = buffer, .buffer_bytes = sizeof buffer};
        expect(kept_read(kept, &position, &page, &is_end) == 0);
        expect(page.used_bytes <= sizeof buffer && (is_end || page.count > 0));
        total += page.count;
        for (size_t offset = 0; offset < page.used_bytes;) {
            struct log_chunk chunk;
            memcpy(&chunk, buffer + offset, sizeof chunk);
            offset += sizeof chunk;
            expect(chunk.length_bytes <= KEPT_CHUNK_MAX && offset + chunk.length_bytes <= page.used_bytes);
            memset(last, 0, bytes);
            memcpy(last, buffer + offset, chunk.length_bytes < bytes ? chunk.length_bytes : bytes);
            offset += ((size_t)chunk.length_bytes + 7u) / 8 * 8;
        }
    }
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct kept kept;
    struct kept_position position;
    char last[sizeof last_words] = "";
    open_parent();
    if (size_bytes > OLD_SEGMENT_BYTES)
        return 0;
    write_segment(data, size_bytes);
    expect(kept_open(&kept, parent, "a", &limits) == 0);
    uint32_t before = read_all(&kept, (struct kept_position){0}, last, sizeof last);
    expect(kept_tail(&kept, 3, &position) == 0);
    (void)read_all(&kept, position, last, sizeof last);
    expect(kept_append(&kept, (struct order_stamp){1, 0}, LOG_STREAM_LOG, last_words, sizeof last_words) == 0);
    expect(read_all(&kept, (struct kept_position){0}, last, sizeof last) == before + 1);
    expect(memcmp(last, last_words, sizeof last_words) == 0);
    kept_close(&kept);
    remove_segments();
    return 0;
}
