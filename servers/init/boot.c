/*
 * Boot specs, and finding again what runs.
 *
 * The folder RUN/boot holds one binary spec for each system service; phases.c starts them. After a death of init the
 * kernel's table says which containers are ours; those keep running and are only taken over.
 */
#include "servers/init/init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPEC_SUFFIX ".spec"

/* ---- specs ---- */

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

static void load_file(struct init *init, int folder, const char *file) {
    const char *problem = "";
    const struct grove_notice_init *self = grove_session_identity(init->session);
    struct grove_spec *spec = read_spec(folder, file, &problem);
    if (spec == NULL) {
        (void)fprintf(stderr, "init: %s/%s is left out: %s\n", init->folder, file, problem);
        return;
    }
    const char *name = grove_spec_text(spec, spec->name);
    bool is_self = strcmp(name, self->name.text) == 0;
    if (is_self || boot_find(init, name) != NULL || init->count == INIT_SERVICES_MAX || spec->phase >= INIT_PHASES) {
        if (!is_self)
            (void)fprintf(stderr,
                          "init: %s/%s is left out: its name is taken, its phase is none or there are too many\n",
                          init->folder, file);
        free(spec);
        return;
    }
    init->units[init->count++] = (struct unit){.init = init, .spec = spec, .name = name};
}

static int by_phase_and_name(const void *a, const void *b) {
    const struct unit *one = a, *other = b;
    if (one->spec->phase != other->spec->phase)
        return one->spec->phase < other->spec->phase ? -1 : 1;
    return strcmp(one->name, other->name);
}

int boot_load(struct init *init) {
    int descriptor = open(init->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (folder == NULL) {
        (void)fprintf(stderr, "init: cannot read the boot specs in %s: %s\n", init->folder, strerror(errno));
        if (descriptor >= 0)
            (void)close(descriptor);
        return GROVE_NOT_FOUND;
    }
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL)
        if (is_spec_file(entry->d_name))
            load_file(init, dirfd(folder), entry->d_name);
    (void)closedir(folder);
    qsort(init->units, init->count, sizeof init->units[0], by_phase_and_name);
    return 0;
}

struct unit *boot_find(struct init *init, const char *name) {
    for (uint32_t index = 0; index < init->count; index++)
        if (strcmp(init->units[index].name, name) == 0)
            return &init->units[index];
    return NULL;
}

/* ---- after a death ---- */

int boot_recover(struct init *init) {
    struct grove_capability_entry entry;
    struct grove_container_record record;
    const struct grove_notice_init *self = grove_session_identity(init->session);
    uint32_t cursor = 0;
    int status;
    while ((status = grove_capability_list(init->session, &cursor, &entry)) == 0) {
        if (entry.capability.kind == GROVE_CAP_CONTAINER && entry.object != self->id &&
            grove_container_read(init->session, entry.handle, &record) == 0) {
            struct unit *unit = boot_find(init, record.name.text);
            if (unit != NULL) {
                unit->container = entry.handle;
                unit_adopt(unit, &record);
            }
        }
        if (cursor == 0)
            return 0;
    }
    return status == GROVE_NOT_FOUND ? 0 : status;
}
