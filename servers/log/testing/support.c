/* See support.h. */
#include "servers/log/testing/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return -1;
    *state = fixture;
    (void)snprintf(fixture->path, sizeof fixture->path, "/tmp/grove-kept-XXXXXX");
    if (mkdtemp(fixture->path) == NULL)
        return -1;
    fixture->limits.keep_bytes = KEPT_BYTES;
    fixture->parent = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return kept_open(&fixture->kept, fixture->parent, "p.service", &fixture->limits);
}

int tear_down(void **state) {
    struct fixture *fixture = *state;
    char command[128];
    kept_close(&fixture->kept);
    (void)close(fixture->parent);
    (void)snprintf(command, sizeof command, "rm -r %s", fixture->path);
    int status = system(command); /* NOLINT(cert-env33-c): a name made by mkdtemp */
    free(fixture);
    return status;
}

void open_again(struct fixture *fixture) {
    kept_close(&fixture->kept);
    assert_int_equal(kept_open(&fixture->kept, fixture->parent, "p.service", &fixture->limits), 0);
}

const char *path_of(const struct fixture *fixture, const char *file) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/p.service/%s", fixture->path, file);
    return path;
}

void say(struct fixture *fixture, uint64_t time_ns, const char *text) {
    assert_int_equal(
        kept_append(&fixture->kept, (struct order_stamp){time_ns, 0}, LOG_STREAM_OUT, text, (uint32_t)strlen(text)), 0);
}

/* Put the chunks of a page together behind `length` bytes of text; returns the new length. */
static size_t add_page(const struct page *page, char *text, size_t length, size_t text_bytes) {
    size_t offset = 0;
    for (uint32_t index = 0; index < page->count; index++) {
        struct log_chunk chunk;
        memcpy(&chunk, page->buffer + offset, sizeof chunk);
        assert_true(length + chunk.length_bytes < text_bytes);
        memcpy(text + length, page->buffer + offset + sizeof chunk, chunk.length_bytes);
        length += chunk.length_bytes;
        offset += sizeof chunk + ((chunk.length_bytes + 7u) & ~7u);
    }
    assert_int_equal(offset, page->used_bytes);
    return length;
}

unsigned collect(struct fixture *fixture, struct kept_position position, uint64_t since_ns, char *text,
                 size_t text_bytes) {
    static _Alignas(8) char buffer[LOG_PAGE_BYTES];
    size_t length = 0;
    unsigned pages = 0;
    for (bool is_end = false; !is_end; pages++) {
        struct page page = {.since_ns = since_ns, .buffer = buffer, .buffer_bytes = sizeof buffer};
        assert_int_equal(kept_read(&fixture->kept, &position, &page, &is_end), 0);
        assert_true(is_end || page.count > 0);
        length = add_page(&page, text, length, text_bytes);
    }
    text[length] = '\0';
    return pages;
}
