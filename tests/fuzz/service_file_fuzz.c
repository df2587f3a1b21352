/*
 * Fuzz target: the registry's files. Whatever stands in one is either taken, and is then a spec that was once written, or
 * put aside and not read again. The input is a file as it is, and once more the body of one whose header fits it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grove/abi/spec.h"
#include "servers/common/spec_limits.h"
#include "servers/common/spec_tags.h"
#include "servers/registry/files.h"

#define MAGIC 0x53524547u
#define PLACE "a.b.service"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static int folder = -1;
static unsigned taken;

static void expect(int is_true) {
    if (!is_true)
        abort();
}

static const char *fault_of(const struct file_header *header, const void *body) {
    const char *fault = "";
    if (grove_spec_check(body, header->body_bytes, &fault) < 0)
        return fault;
    return spec_tags_fault(body) != NULL ? spec_tags_fault(body) : spec_limits_fault(body);
}

static int take(void *context, const struct file_header *header, const void *body) {
    const struct grove_spec *spec = body;
    (void)context;
    expect(header->body_bytes >= sizeof *spec);
    expect(strlen(grove_spec_text(spec, spec->name)) == spec->name.length_bytes);
    unsigned tags = 0;
    for (const char *tag = spec_tags_next(spec, NULL); tag != NULL; tag = spec_tags_next(spec, tag))
        expect(spec_tag_is_valid(tag) && ++tags <= GROVE_TAGS_MAX);
    for (uint32_t resource = 0; resource < 10; resource++) {
        struct grove_limit limit = spec_limit(spec, resource);
        expect(limit.policy == GROVE_LIMIT_TELL || limit_is_valid(&limit));
    }
    taken++;
    return 0;
}

static const struct file_kind kind = {
    .suffix = ".service", .magic = MAGIC, .body_min = sizeof(struct grove_spec), .fault_of = fault_of, .take = take};

static char path[] = "/tmp/grove-fuzz-XXXXXX";

static void remove_folder(void) {
    (void)unlinkat(folder, PLACE, 0);
    (void)unlinkat(folder, PLACE ".damaged", 0);
    (void)close(folder);
    (void)rmdir(path);
}

static void open_folder(void) {
    if (folder >= 0)
        return;
    expect(mkdtemp(path) != NULL);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    expect(folder >= 0);
    expect(atexit(remove_folder) == 0);
}

static int is_there(const char *file) {
    return faccessat(folder, file, F_OK, 0) == 0;
}

static void load_and_look(int must_be_taken) {
    taken = 0;
    expect(file_each(folder, &kind, NULL) == 0);
    expect(is_there(PLACE) == (taken == 1));
    expect(is_there(PLACE ".damaged") == (taken == 0));
    expect(must_be_taken < 0 || (unsigned)must_be_taken == taken);
    (void)unlinkat(folder, PLACE ".damaged", 0);
}

static void as_file(const uint8_t *data, size_t size_bytes) {
    int descriptor = openat(folder, PLACE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    expect(descriptor >= 0);
    expect(write(descriptor, data, size_bytes) == (ssize_t)size_bytes);
    (void)close(descriptor);
    load_and_look(-1);
}

static void as_body(const uint8_t *data, size_t size_bytes) {
    const char *fault;
    void *copy = malloc(size_bytes == 0 ? 1 : size_bytes);
    if (copy == NULL || size_bytes > FILE_BODY_MAX) {
        free(copy);
        return;
    }
    memcpy(copy, data, size_bytes);
    int is_spec = size_bytes >= sizeof(struct grove_spec) && grove_spec_check(copy, size_bytes, &fault) == 0 &&
                  spec_tags_fault(copy) == NULL && spec_limits_fault(copy) == NULL;
    expect(file_prepare(folder, PLACE, MAGIC, 1, copy, (uint32_t)size_bytes) == 0);
    expect(file_commit(folder, PLACE) == 0);
    load_and_look(is_spec);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    open_folder();
    as_file(data, size_bytes);
    as_body(data, size_bytes);
    return 0;
}
