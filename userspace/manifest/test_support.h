/* What the unit tests of the compiler share: loading from a text, and asking what was found. */
#ifndef GROVE_MANIFEST_TEST_SUPPORT_H
#define GROVE_MANIFEST_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "userspace/manifest/manifest.h"

static inline struct manifest_options test_options(void) {
    return (struct manifest_options){
        .project = "grid", .state_folder = "/state", .run_folder = "/run/test", .no_resolve = true};
}

/* The manifest, which must be without fault. */
static inline struct manifest *test_load(const char *text) {
    struct manifest_options options = test_options();
    struct manifest_errors errors = {0};
    struct manifest *manifest = NULL;
    if (manifest_load_text(text, strlen(text), "/test/a.yaml", &options, &manifest, &errors) < 0) {
        manifest_errors_print(&errors, stderr);
        fail_msg("refused:\n%s", text);
    }
    return manifest;
}

/* The text must be refused with one error in this line and field whose sentence holds `part`. */
static inline void test_refused(const char *text, size_t text_bytes, unsigned line, const char *field,
                                const char *part) {
    struct manifest_options options = test_options();
    struct manifest_errors errors = {0};
    struct manifest *manifest = NULL;
    bool is_found = false;
    if (manifest_load_text(text, text_bytes, "/test/a.yaml", &options, &manifest, &errors) >= 0)
        fail_msg("accepted:\n%s", text);
    assert_null(manifest);
    for (unsigned i = 0; i < errors.count; i++)
        is_found |= errors.list[i].line == line && !strcmp(errors.list[i].field, field) &&
                    strstr(errors.list[i].sentence, part) && !strcmp(errors.list[i].file, "/test/a.yaml");
    if (!is_found) {
        manifest_errors_print(&errors, stderr);
        fail_msg("no error in line %u, field %s, that says \"%s\", for:\n%s", line, field, part, text);
    }
    manifest_errors_deinit(&errors);
}

/* The spec of a manifest, which must compile. */
static inline struct grove_spec *test_compile(const char *text) {
    struct manifest_errors errors = {0};
    struct manifest *manifest = test_load(text);
    void *spec = NULL;
    size_t spec_bytes;
    if (manifest_compile(manifest, &spec, &spec_bytes, &errors) < 0) {
        manifest_errors_print(&errors, stderr);
        fail_msg("not compiled:\n%s", text);
    }
    manifest_destroy(manifest);
    return spec;
}

#endif
