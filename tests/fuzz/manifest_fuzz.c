/*
 * The manifest compiler on any bytes: whatever is accepted compiles, prints as a manifest that is accepted again, and
 * compiles to the same spec; whatever is refused has an error. Host names are not looked up.
 */
#include <stdlib.h>
#include <string.h>

#include "userspace/manifest/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct manifest_options options = {
    .project = "grid", .state_folder = "/state", .run_folder = "/run/grove", .no_drop_ins = true, .no_resolve = true};

static int load(const char *text, size_t size, struct manifest **manifest, struct manifest_errors *errors) {
    return manifest_load_text(text, size, "/fuzz/manifest.yaml", &options, manifest, errors);
}

/* What was printed, as it compiles; NULL if it does not. A "${" in it has been replaced and would be once more. */
static void check_printed(const struct manifest *manifest, const void *spec, size_t spec_bytes) {
    char *text = NULL;
    size_t size;
    struct manifest *again;
    struct manifest_errors errors = {0};
    void *second;
    size_t second_bytes;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return;
    manifest_print(manifest, true, stream);
    fclose(stream);
    if (!strstr(text, "${") && size < 200000) {
        if (load(text, size, &again, &errors) < 0 || manifest_compile(again, &second, &second_bytes, &errors) < 0 ||
            second_bytes != spec_bytes || memcmp(second, spec, spec_bytes) != 0)
            abort();
        free(second);
        manifest_destroy(again);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct manifest *manifest;
    struct manifest_errors errors = {0};
    void *spec;
    size_t spec_bytes;
    if (load((const char *)data, size, &manifest, &errors) < 0) {
        if (!errors.count)
            abort();
    } else {
        if (manifest_compile(manifest, &spec, &spec_bytes, &errors) == 0) {
            if (grove_spec_check(spec, spec_bytes, NULL) < 0)
                abort();
            check_printed(manifest, spec, spec_bytes);
            free(spec);
        } else if (!errors.count) {
            abort();
        }
        free(manifest_print_json(manifest));
        manifest_destroy(manifest);
    }
    manifest_errors_deinit(&errors);
    return 0;
}
