/* See boot_specs.h. Nothing is kept: whoever asks twice reads twice. */
#include "servers/common/boot_specs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grove/abi/status.h"

#define SPEC_SUFFIX ".spec"

static struct grove_spec *read_spec(int folder, const char *file, const char **problem) {
    struct stat facts;
    struct grove_spec *spec = NULL;
    int descriptor = openat(folder, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    *problem = "it cannot be read";
    if (descriptor < 0)
        return NULL;
    if (fstat(descriptor, &facts) == 0 && facts.st_size > 0 && (uint64_t)facts.st_size <= GROVE_SPEC_BYTES_MAX)
        spec = malloc((size_t)facts.st_size);
    if (spec != NULL && (read(descriptor, spec, (size_t)facts.st_size) != facts.st_size ||
                         grove_spec_check(spec, (size_t)facts.st_size, problem) < 0)) {
        free(spec);
        spec = NULL;
    }
    (void)close(descriptor);
    return spec;
}

static bool is_spec_file(const char *file) {
    size_t length = strlen(file), suffix = strlen(SPEC_SUFFIX);
    return length > suffix && strcmp(file + length - suffix, SPEC_SUFFIX) == 0;
}

int boot_specs_each(const char *path, boot_spec_handler *handler, void *context) {
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = descriptor < 0 ? NULL : fdopendir(descriptor);
    const struct dirent *entry;
    bool goes_on = true;
    if (folder == NULL) {
        if (descriptor >= 0)
            (void)close(descriptor);
        return GROVE_NOT_FOUND;
    }
    while (goes_on && (entry = readdir(folder)) != NULL) {
        const char *problem = "";
        if (!is_spec_file(entry->d_name))
            continue;
        struct grove_spec *spec = read_spec(dirfd(folder), entry->d_name, &problem);
        goes_on = handler(entry->d_name, spec, problem, context);
    }
    (void)closedir(folder);
    return 0;
}

/* ---- one of them ---- */

struct wanted {
    const char *service;
    struct grove_spec *spec;
};

static bool take_wanted(const char *file, struct grove_spec *spec, const char *problem, void *context) {
    struct wanted *wanted = context;
    (void)file;
    (void)problem;
    if (spec == NULL)
        return true;
    if (strcmp(grove_spec_text(spec, spec->name), wanted->service) != 0) {
        free(spec);
        return true;
    }
    wanted->spec = spec;
    return false;
}

int boot_spec_find(const char *path, const char *service, struct grove_spec **spec) {
    struct wanted wanted = {.service = service};
    int status = boot_specs_each(path, take_wanted, &wanted);
    if (status < 0 || wanted.spec == NULL)
        return GROVE_NOT_FOUND;
    *spec = wanted.spec;
    return 0;
}
