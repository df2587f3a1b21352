/*
 * Loading a manifest: read the file and its drop-ins, merge them, replace variables, decode, complete, check.
 *
 * Each step needs the one before; a step that found faults ends the load, so that what is reported is not a consequence of
 * something else reported.
 */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "userspace/manifest/decode.h"
#include "userspace/manifest/expand.h"
#include "userspace/manifest/load.h"
#include "userspace/manifest/parts.h"

#define DROP_INS_MAX 64u
#define DEFAULT_PROJECT "user"

const char *name_qualify(struct arena *arena, const char *project, const char *name) {
    return strchr(name, '.') ? name : arena_format(arena, "%s.%s", project, name);
}

const char *load_absolute(struct arena *arena, const char *path) {
    char folder[PATH_MAX];
    if (path[0] == '/' || !getcwd(folder, sizeof(folder)))
        return path_resolve(arena, "/", path);
    return path_resolve(arena, folder, path);
}

const char *load_folder(struct arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == path ? "/" : arena_copy(arena, path, (size_t)(slash - path));
}

static int merge_file(struct manifest *manifest, const char *path, struct manifest_errors *errors) {
    struct node *over;
    int status = node_read(path, manifest->arena, &over, errors);
    if (status == 0)
        node_merge(manifest->arena, manifest->root, over);
    return status;
}

/* A folder's own name may hold characters that mean something to glob: a backslash takes that away. */
static const char *make_pattern(struct arena *arena, const char *folder) {
    static const char all[] = "/*.yaml";
    size_t length = 0;
    char *pattern = arena_take(arena, 2 * strlen(folder) + sizeof(all));
    for (const char *at = folder; *at; at++) {
        if (strchr("*?[\\", *at))
            pattern[length++] = '\\';
        pattern[length++] = *at;
    }
    memcpy(pattern + length, all, sizeof(all));
    return pattern;
}

static int merge_folder(struct manifest *manifest, const char *folder, struct manifest_errors *errors) {
    glob_t found = {0};
    int status = 0;
    if (glob(make_pattern(manifest->arena, folder), 0, NULL, &found) != 0)
        return 0;
    if (found.gl_pathc > DROP_INS_MAX) {
        errors_add(errors, folder, 0, 0, "", "there are more than %u drop-ins", DROP_INS_MAX);
        status = GROVE_TOO_LARGE;
    }
    for (size_t i = 0; status == 0 && i < found.gl_pathc; i++)
        status = merge_file(manifest, found.gl_pathv[i], errors);
    globfree(&found);
    return status;
}

static struct variables make_variables(const struct manifest *manifest, const struct manifest_options *options) {
    return (struct variables){.manifest = manifest->folder,
                              .project = manifest->project,
                              .state = manifest->state,
                              .run = options->run_folder,
                              .given = options->variables,
                              .given_count = options->variable_count};
}

/*
 * The full name comes first: the drop-ins of the state folder and ${state} follow from it. A name that is missing or
 * malformed is reported when the whole is decoded.
 */
static int find_name(struct manifest *manifest, const struct manifest_options *options,
                     struct manifest_errors *errors) {
    struct node *name = node_find(manifest->root, "name");
    const struct variables variables = make_variables(manifest, options);
    if (!name || name->kind != NODE_TEXT) {
        manifest->name = arena_format(manifest->arena, "%s.unnamed", manifest->project);
        return 0;
    }
    if (expand_tree(&variables, name, manifest->arena, errors) < 0)
        return GROVE_INVALID;
    manifest->name = name_qualify(manifest->arena, manifest->project, name->text);
    if (options->state_folder && !strchr(name->text, '/'))
        manifest->state = arena_format(manifest->arena, "%s/services/%s",
                                       load_absolute(manifest->arena, options->state_folder), manifest->name);
    return 0;
}

static int merge_drop_ins(struct manifest *manifest, const struct manifest_options *options,
                          struct manifest_errors *errors) {
    if (options->no_drop_ins)
        return 0;
    int status = merge_folder(manifest, arena_format(manifest->arena, "%s.d", manifest->path), errors);
    if (status == 0 && manifest->state)
        status = merge_folder(manifest,
                              arena_format(manifest->arena, "%s/manifests.d/%s.d",
                                           load_absolute(manifest->arena, options->state_folder), manifest->name),
                              errors);
    return status;
}

static int merge_overlay(struct manifest *manifest, const struct manifest_options *options,
                         struct manifest_errors *errors) {
    struct node *over;
    if (!options->overlay || !*options->overlay)
        return 0;
    int status =
        node_parse(options->overlay, strlen(options->overlay), options->overlay_name, manifest->arena, &over, errors);
    if (status == 0)
        node_merge(manifest->arena, manifest->root, over);
    return status;
}

/* What is absent and depends on other fields. */
static void complete_values(struct manifest *manifest) {
    struct manifest_values *values = &manifest->values;
    if (!node_find(manifest->root, "system-files"))
        values->system_files = !values->native;
    if (!values->readiness.node || !node_find(values->readiness.node, "kind"))
        values->readiness.kind = values->native ? GROVE_READY_GROVE : GROVE_READY_STARTED;
    if (values->schedule.class == GROVE_SCHEDULE_DEADLINE && !values->schedule.deadline)
        values->schedule.deadline = values->schedule.period;
}

static int find_program(struct manifest *manifest, bool is_elsewhere, struct manifest_errors *errors) {
    const struct text_list *exec = &manifest->values.exec;
    if (!exec->count) {
        const struct node *node = node_find(manifest->root, "exec");
        errors_add(errors, node->file, node->line, node->column, "exec",
                   "the list is empty; its first entry is the program");
        return GROVE_INVALID;
    }
    const struct node *program = exec->nodes[0];
    if (is_elsewhere && program->text[0] == '/') {
        manifest->executable = program->text;
        return 0;
    }
    if (path_find_program(manifest->arena, manifest->folder, program->text, &manifest->executable) == 0)
        return 0;
    const char *path = path_resolve(manifest->arena, manifest->folder, program->text);
    bool is_there = access(path, F_OK) == 0;
    errors_add(errors, program->file, program->line, program->column, "exec",
               is_there ? "%s cannot be executed; make it executable, or write the program first"
                        : "there is no program %s; build or install it, or mend the path",
               path);
    return GROVE_INVALID;
}

static int complete(struct manifest *manifest, const struct manifest_options *options, struct manifest_errors *errors) {
    const struct variables variables = make_variables(manifest, options);
    int status = expand_tree(&variables, manifest->root, manifest->arena, errors);
    if (status == 0)
        status = decode_group(&format_manifest, manifest->root, manifest->arena, &manifest->values, errors);
    if (status < 0)
        return status;
    complete_values(manifest);
    int program = find_program(manifest, options->is_elsewhere, errors);
    int capabilities = capabilities_resolve(manifest, errors);
    int checks = checks_run(manifest, errors);
    return program < 0 ? program : capabilities < 0 ? capabilities : checks;
}

static int load_root(struct manifest *manifest, const struct manifest_options *options, bool has_file,
                     struct manifest_errors *errors) {
    int status = find_name(manifest, options, errors);
    if (status == 0 && has_file)
        status = merge_drop_ins(manifest, options, errors);
    if (status == 0)
        status = merge_overlay(manifest, options, errors);
    if (status == 0)
        status = complete(manifest, options, errors);
    if (arena_is_exhausted(manifest->arena)) {
        errors_add(errors, manifest->path, 0, 0, "", "memory is exhausted");
        return GROVE_NO_MEMORY;
    }
    return status;
}

static struct manifest *create(const char *path, const struct manifest_options *options) {
    struct arena *arena = arena_create();
    if (!arena)
        return NULL;
    struct manifest *manifest = arena_take(arena, sizeof(*manifest));
    manifest->arena = arena;
    manifest->path = load_absolute(arena, path);
    manifest->folder = load_folder(arena, manifest->path);
    manifest->project =
        options->project ? arena_copy(arena, options->project, strlen(options->project)) : DEFAULT_PROJECT;
    manifest->resolves_hosts = !options->no_resolve;
    return manifest;
}

static int keep_or_destroy(struct manifest *manifest, int status, struct manifest **result) {
    if (status < 0)
        manifest_destroy(manifest);
    else
        *result = manifest;
    return status;
}

int manifest_load(const char *path, const struct manifest_options *options, struct manifest **manifest,
                  struct manifest_errors *errors) {
    struct manifest *made = create(path, options);
    if (!made) {
        errors_add(errors, path, 0, 0, "", "memory is exhausted");
        return GROVE_NO_MEMORY;
    }
    int status = node_read(path, made->arena, &made->root, errors);
    if (status == 0)
        status = load_root(made, options, true, errors);
    return keep_or_destroy(made, status, manifest);
}

int manifest_load_text(const char *text, size_t text_bytes, const char *path, const struct manifest_options *options,
                       struct manifest **manifest, struct manifest_errors *errors) {
    struct manifest *made = create(path, options);
    if (!made) {
        errors_add(errors, path, 0, 0, "", "memory is exhausted");
        return GROVE_NO_MEMORY;
    }
    int status = node_parse(text, text_bytes, path, made->arena, &made->root, errors);
    if (status == 0)
        status = load_root(made, options, false, errors);
    return keep_or_destroy(made, status, manifest);
}

void manifest_destroy(struct manifest *manifest) {
    if (manifest)
        arena_destroy(manifest->arena);
}

const char *manifest_name(const struct manifest *manifest) {
    return manifest->name;
}

const char *manifest_path(const struct manifest *manifest) {
    return manifest->path;
}
