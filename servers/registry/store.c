/*
 * One file for each service, and what is on disk when a call is answered.
 *
 *     NAME.service: struct file_header (flags: 1 wanted, 2 owned) | the spec | if owned: struct grove_name of the owner
 *
 * A file is damaged by a broken disk or a person; it then counts as absent (files.h).
 *
 * All writes of one turn of the event loop are committed together (commits.c), so registering a project costs one
 * synchronisation of the folder.
 */
#include "servers/registry/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "servers/common/names.h"
#include "servers/common/spec_limits.h"
#include "servers/common/spec_tags.h"
#include "servers/registry/files.h"

#define STORE_MAGIC 0x53524547u /* "GERS" */
#define STORE_WANTED 1u
#define STORE_OWNED 2u
#define STORE_SUFFIX ".service"

static const char *place_of(char path[FILE_PATH_BYTES], const char *name) {
    (void)snprintf(path, FILE_PATH_BYTES, "%s%s", name, STORE_SUFFIX);
    return path;
}

int store_open(struct registry *registry, const char *path) {
    registry->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (registry->folder >= 0)
        return 0;
    (void)fprintf(stderr, "registry: cannot open the state folder %s: %s\n", path, strerror(errno));
    return file_status(errno);
}

int store_prepare(struct registry *registry, const struct grove_spec *spec, const struct grove_name *owner,
                  bool is_wanted) {
    static _Alignas(8) char body[FILE_BODY_MAX];
    char path[FILE_PATH_BYTES];
    memcpy(body, spec, spec->total_bytes);
    memcpy(body + spec->total_bytes, owner, sizeof *owner);
    return file_prepare(registry->folder, place_of(path, grove_spec_text(spec, spec->name)), STORE_MAGIC,
                        STORE_OWNED | (is_wanted ? STORE_WANTED : 0), body,
                        spec->total_bytes + (uint32_t)sizeof *owner);
}

int store_commit(struct registry *registry, const char *name) {
    char path[FILE_PATH_BYTES];
    registry->is_folder_dirty = true;
    return file_commit(registry->folder, place_of(path, name));
}

void store_discard(struct registry *registry, const char *name) {
    char path[FILE_PATH_BYTES];
    file_discard(registry->folder, place_of(path, name));
}

int store_remove(struct registry *registry, const char *name) {
    char path[FILE_PATH_BYTES];
    store_discard(registry, name);
    registry->is_folder_dirty = true;
    return unlinkat(registry->folder, place_of(path, name), 0) < 0 && errno != ENOENT ? file_status(errno) : 0;
}

int store_synchronise(struct registry *registry) {
    if (!registry->is_folder_dirty)
        return 0;
    registry->is_folder_dirty = false;
    return fsync(registry->folder) < 0 ? file_status(errno) : 0;
}

/* ---- what is to be written ---- */

void store_later(struct record *record) {
    record->is_prepared = false;
    if (record->is_dirty)
        return;
    record->is_dirty = true;
    record->dirty_next = record->registry->dirty_first;
    record->registry->dirty_first = record;
}

void store_forget(struct record *record) {
    struct record **link = &record->registry->dirty_first;
    while (*link != NULL && *link != record)
        link = &(*link)->dirty_next;
    if (*link == record)
        *link = record->dirty_next;
    record->is_dirty = false;
}

/* ---- read ---- */

struct loading {
    struct registry *registry;
    store_handler *handler;
};

/* Files of earlier versions name no owner. */
static uint32_t owner_bytes(const struct file_header *header) {
    return (header->flags & STORE_OWNED) != 0 ? (uint32_t)sizeof(struct grove_name) : 0;
}

static const char *store_fault(const struct file_header *header, const void *body) {
    const char *fault = "it holds no valid spec";
    uint32_t owner = owner_bytes(header);
    if (header->body_bytes < owner + sizeof(struct grove_spec) ||
        grove_spec_check(body, header->body_bytes - owner, &fault) < 0)
        return fault;
    if (owner > 0 && !text_is_terminated((const char *)body + header->body_bytes - owner, owner))
        return "it names no owner";
    const char *tags = spec_tags_fault(body);
    return tags != NULL ? tags : spec_limits_fault(body);
}

static int take(void *context, const struct file_header *header, const void *body) {
    const struct loading *loading = context;
    uint32_t spec_bytes = header->body_bytes - owner_bytes(header);
    struct grove_name owner = {""};
    struct grove_spec *spec = malloc(spec_bytes);
    if (spec == NULL)
        return GROVE_NO_MEMORY;
    memcpy(spec, body, spec_bytes);
    memcpy(&owner, (const char *)body + spec_bytes, owner_bytes(header));
    return loading->handler(loading->registry, spec, &owner, (header->flags & STORE_WANTED) != 0);
}

static const struct file_kind store_kind = {.suffix = STORE_SUFFIX,
                                            .magic = STORE_MAGIC,
                                            .body_min = sizeof(struct grove_spec),
                                            .fault_of = store_fault,
                                            .take = take};

int store_load(struct registry *registry, store_handler *handler) {
    struct loading loading = {.registry = registry, .handler = handler};
    return file_each(registry->folder, &store_kind, &loading);
}
