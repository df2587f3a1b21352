/*
 * For the build of images: the boot specs of a machine that is not this one.
 *
 *     compile-boot-specs FOLDER RUN STATE NAME=VALUE... -- MANIFEST...
 *
 * Compiles manifests of system services to FOLDER/NAME.spec, as `grove up` does on the machine itself. RUN and STATE are the run
 * and state folder there, NAME=VALUE the variables. Nothing outside of the manifests is looked at. Exit status: 0; 1: a fault,
 * which is said.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/manifest/manifest.h"

#define VARIABLES_MAX 16u

static int write_file(const char *path, const void *bytes, size_t size_bytes) {
    FILE *file = fopen(path, "wb");
    bool is_written = file != NULL && fwrite(bytes, 1, size_bytes, file) == size_bytes;
    if (file != NULL && fclose(file) != 0)
        is_written = false;
    if (!is_written)
        perror(path);
    return is_written ? 0 : GROVE_IO;
}

/* "servers/bus.yaml" becomes "FOLDER/bus.spec". */
static void name_output(char path[PATH_MAX], const char *folder, const char *manifest) {
    const char *slash = strrchr(manifest, '/'), *name = slash != NULL ? slash + 1 : manifest;
    const char *dot = strrchr(name, '.');
    int length = (int)(dot != NULL ? dot - name : (long)strlen(name));
    (void)snprintf(path, PATH_MAX, "%s/%.*s.spec", folder, length, name);
}

static int compile(const char *path, const char *folder, const struct manifest_options *options) {
    struct manifest_errors errors = {0};
    struct manifest *manifest = NULL;
    char output[PATH_MAX];
    void *spec = NULL;
    size_t size_bytes = 0;
    int status = manifest_load(path, options, &manifest, &errors);
    if (status == 0)
        status = manifest_compile(manifest, &spec, &size_bytes, &errors);
    manifest_errors_print(&errors, stderr);
    manifest_errors_deinit(&errors);
    name_output(output, folder, path);
    if (status == 0)
        status = write_file(output, spec, size_bytes);
    free(spec);
    manifest_destroy(manifest);
    return status;
}

int main(int count, char **words) {
    struct manifest_variable variables[VARIABLES_MAX];
    struct manifest_options options = {
        .project = "system", .variables = variables, .no_drop_ins = true, .is_elsewhere = true, .no_resolve = true};
    int at = 4, status = 0;
    for (; at < count && strcmp(words[at], "--") != 0; at++) {
        char *sign = strchr(words[at], '=');
        if (sign == NULL || options.variable_count == VARIABLES_MAX) {
            (void)fprintf(stderr, "%s: a variable is NAME=VALUE, of which there are few\n", words[at]);
            return 1;
        }
        *sign = '\0';
        variables[options.variable_count++] = (struct manifest_variable){words[at], sign + 1};
    }
    if (at >= count) {
        (void)fprintf(stderr, "usage: compile-boot-specs FOLDER RUN STATE NAME=VALUE... -- MANIFEST...\n");
        return 1;
    }
    options.run_folder = words[2];
    options.state_folder = words[3];
    for (at++; at < count && status == 0; at++)
        status = compile(words[at], words[1], &options);
    return status == 0 ? 0 : 1;
}
