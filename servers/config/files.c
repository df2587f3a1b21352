/*
 * Files of configuration: FOLDER/NAME.yaml, weaker to stronger in the order of their names. A change in the folder is
 * noticed by inotify and read a moment later, as editors and scripts write several times; all files together are then one
 * change. What does not satisfy a schema does not count: what counted before stays, and the reason is kept for people.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/config/yaml_source.h"
#include "servers/config/config.h"

#define SETTLE_NS (20 * GROVE_MILLISECOND)
#define SUFFIX ".yaml"

void files_path(const struct config *config, const struct source *source, char *path, size_t path_bytes) {
    if (source->kind == GROVE_CONFIG_SOURCE_FILE)
        (void)snprintf(path, path_bytes, "%s/%s", config->files_path, source->name);
    else if (source->kind == GROVE_CONFIG_SOURCE_PROJECT)
        (void)snprintf(path, path_bytes, "config.yaml of project %s", source->name);
    else
        (void)snprintf(path, path_bytes, "%s",
                       source->kind == GROVE_CONFIG_SOURCE_STORE ? "namespace system.config" : "");
}

void files_place(const struct config *config, const struct source *source, uint32_t line, char *place, size_t bytes) {
    char path[SOURCE_NAME_BYTES + 256];
    files_path(config, source, path, sizeof path);
    if (line > 0)
        (void)snprintf(place, bytes, "%s:%u: ", path, line);
    else
        (void)snprintf(place, bytes, "%s%s", path, path[0] != '\0' ? ": " : "");
}

/* ---- reading ---- */

static int explain(struct change *change, const char *file, const char *what) {
    (void)snprintf(change->problem, sizeof change->problem, "%s/%s: %s", change->config->files_path, file, what);
    return GROVE_IO;
}

static int read_text(struct change *change, int folder, const char *file, char *text, size_t *length) {
    struct stat facts;
    int descriptor = openat(folder, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        return explain(change, file, strerror(errno));
    int status =
        fstat(descriptor, &facts) < 0 || !S_ISREG(facts.st_mode) ? explain(change, file, "it is not a file") : 0;
    *length = 0;
    while (status == 0 && *length <= YAML_SOURCE_BYTES_MAX) {
        ssize_t count = read(descriptor, text + *length, YAML_SOURCE_BYTES_MAX + 1 - *length);
        if (count < 0 && errno != EINTR)
            status = explain(change, file, strerror(errno));
        if (count == 0)
            break;
        *length += count > 0 ? (size_t)count : 0;
    }
    (void)close(descriptor);
    return status;
}

static int read_source(struct change *change, int folder, const char *file) {
    char path[SOURCE_NAME_BYTES + 256];
    size_t length = 0;
    struct source *source = source_create(GROVE_CONFIG_SOURCE_FILE, file);
    char *text = malloc(YAML_SOURCE_BYTES_MAX + 1);
    int status = source == NULL || text == NULL ? explain(change, file, "memory is exhausted")
                                                : read_text(change, folder, file, text, &length);
    if (status == 0) {
        files_path(change->config, source, path, sizeof path);
        status =
            yaml_source_parse(text, length, path, NULL, &source->settings, change->problem, sizeof change->problem);
    }
    if (text != NULL)
        explicit_bzero(text, length);
    free(text);
    const struct source *old = state_source(&change->config->state, GROVE_CONFIG_SOURCE_FILE, file);
    bool is_same = status == 0 && old != NULL && settings_are_same(&old->settings, &source->settings);
    bool is_nothing = status == 0 && old == NULL && source->settings.count == 0;
    if (status == 0 && !is_same && !is_nothing)
        return change_add(change, source);
    source_destroy(source);
    return status;
}

static bool is_ours(const char *file) {
    size_t length = strlen(file), suffix = strlen(SUFFIX);
    return file[0] != '.' && length > suffix && length < SOURCE_NAME_BYTES &&
           strcmp(file + length - suffix, SUFFIX) == 0;
}

static int read_folder(struct change *change, DIR *listing, char (*seen)[SOURCE_NAME_BYTES], uint32_t *seen_count) {
    const struct dirent *entry;
    int status = 0;
    while (status == 0 && (entry = readdir(listing)) != NULL) {
        if (!is_ours(entry->d_name))
            continue;
        if (*seen_count == SOURCES_MAX / 2)
            return explain(change, entry->d_name, "there are more than 128 files");
        (void)snprintf(seen[(*seen_count)++], SOURCE_NAME_BYTES, "%s", entry->d_name);
        status = read_source(change, dirfd(listing), entry->d_name);
    }
    return status;
}

/* Files that are gone: an empty source takes each away. */
static int forget_missing(struct change *change, char (*seen)[SOURCE_NAME_BYTES], uint32_t seen_count) {
    const struct state *state = &change->config->state;
    for (uint32_t index = 0; index < state->source_count; index++) {
        const struct source *source = state->sources[index];
        bool is_there = source->kind != GROVE_CONFIG_SOURCE_FILE;
        for (uint32_t file = 0; file < seen_count && !is_there; file++)
            is_there = strcmp(seen[file], source->name) == 0;
        struct source *none = is_there ? NULL : source_create(GROVE_CONFIG_SOURCE_FILE, source->name);
        if (!is_there && (none == NULL || change_add(change, none) < 0))
            return explain(change, source->name, "memory is exhausted");
    }
    return 0;
}

static int read_all(struct change *change) {
    static char seen[SOURCES_MAX][SOURCE_NAME_BYTES];
    uint32_t seen_count = 0;
    DIR *listing = opendir(change->config->files_path);
    if (listing == NULL)
        return explain(change, "", strerror(errno));
    int status = read_folder(change, listing, seen, &seen_count);
    (void)closedir(listing);
    return status < 0 ? status : forget_missing(change, seen, seen_count);
}

void files_rescan(struct config *config, struct change *change) {
    if (change == NULL)
        change = change_create(config, NULL, GROVE_CONFIG_SOURCE_FILE, 0);
    if (change == NULL)
        return;
    change->reads_files = true;
    change_submit(change);
}

int change_read_files(struct change *change) {
    return read_all(change);
}

/* ---- noticing ---- */

static void settled(struct grove_service *service, void *context) {
    struct config *config = context;
    (void)service;
    config->is_rescan_due = false;
    files_rescan(config, NULL);
}

static void noticed(struct grove_service *service, int descriptor, short events, void *context) {
    struct config *config = context;
    char buffer[4096] __attribute__((aligned(8)));
    uint32_t timer;
    (void)events;
    while (read(descriptor, buffer, sizeof buffer) > 0)
        continue; /* which file it was does not matter: all are read */
    if (!config->is_rescan_due)
        config->is_rescan_due = grove_service_after(service, SETTLE_NS, settled, config, &timer) == 0;
}

int files_open(struct config *config) {
    if (mkdir(config->files_path, 0700) < 0 && errno != EEXIST) {
        (void)fprintf(stderr, "config: the folder %s cannot be made: %s\n", config->files_path, strerror(errno));
        return GROVE_IO;
    }
    config->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int watch = config->notify < 0
                    ? -1
                    : inotify_add_watch(config->notify, config->files_path,
                                        IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
    if (watch < 0) {
        (void)fprintf(stderr, "config: the folder %s cannot be watched (%s); `grove config reload` reads it\n",
                      config->files_path, strerror(errno));
        return 0;
    }
    return grove_service_watch(config->service, config->notify, POLLIN, noticed, config);
}
