/*
 * Projects: grove.yaml names the manifests that belong together, and what their variables stand for.
 */
#include <glob.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "userspace/manifest/decode.h"
#include "userspace/manifest/expand.h"
#include "userspace/manifest/load.h"
#include "userspace/manifest/parts.h"

#define PROJECT_FILE "grove.yaml"
#define SERVICES_MAX 16384u

/* A project while it is read. The arena goes when it is done; what stays is copied into the project. */
struct loader {
    struct arena *arena;
    struct manifest_options options; /* for the manifests: with the project's name and variables */
    struct manifest_errors *errors;
    struct project *project;
    const char *path, *folder; /* absolute */
    const char *given_folder; /* as the caller wrote it, for messages */
    struct node *root;
    struct project_values values;
    void *paths; /* of the manifests loaded: a tree of tsearch(3) */
    int status; /* the first fault's */
};

static void fail(struct loader *loader, int status) {
    if (loader->status == 0)
        loader->status = status;
}

static int copy_texts(struct loader *loader, const char *name, const char *description, const char *path) {
    struct project *project = loader->project;
    project->name = strdup(name);
    project->description = strdup(description);
    project->folder = strdup(loader->folder);
    project->path = strdup(path);
    return project->name && project->description && project->folder && project->path ? 0 : GROVE_NO_MEMORY;
}

/* Variables given from outside come before those of the file. */
static void join_variables(struct loader *loader, const struct manifest_options *given) {
    const struct variable_list *own = &loader->values.variables;
    unsigned count = given->variable_count + own->count;
    struct manifest_variable *all = arena_take(loader->arena, (count + 1) * sizeof(*all));
    for (unsigned i = 0; i < given->variable_count; i++)
        all[i] = given->variables[i];
    for (unsigned i = 0; i < own->count; i++)
        all[given->variable_count + i] =
            (struct manifest_variable){.name = own->nodes[i]->key, .value = own->nodes[i]->text};
    loader->options.variables = all;
    loader->options.variable_count = count;
}

/* People know a file by the path that they began with. */
static const char *shown_path(struct loader *loader, const char *path) {
    if (!path_is_inside(path, loader->folder) || !strcmp(loader->folder, "/"))
        return path;
    const char *rest = path + strlen(loader->folder) + 1;
    return *loader->given_folder ? arena_format(loader->arena, "%s/%s", loader->given_folder, rest) : rest;
}

static int read_project_file(struct loader *loader, const struct manifest_options *given) {
    int status = node_read(shown_path(loader, loader->path), loader->arena, &loader->root, loader->errors);
    if (status < 0)
        return status;
    const struct node *name = node_find(loader->root, "name");
    const struct variables variables = {
        .manifest = loader->folder,
        .project = given->project       ? given->project
                   : name && name->text ? name->text
                                        : "",
        .run = given->run_folder,
        .given = given->variables,
        .given_count = given->variable_count,
    };
    status = expand_tree(&variables, loader->root, loader->arena, loader->errors);
    if (status == 0)
        status = decode_group(&format_project, loader->root, loader->arena, &loader->values, loader->errors);
    if (status < 0)
        return status;
    loader->options.project = given->project ? given->project : loader->values.name;
    join_variables(loader, given);
    loader->project->budget = resources_budget(&loader->values.budget);
    return copy_texts(loader, loader->options.project, loader->values.description, loader->path);
}

static int keep_manifest(struct project *project, struct manifest *manifest) {
    struct manifest **grown = realloc(project->manifests, (project->count + 1) * sizeof(struct manifest *));
    if (!grown) {
        manifest_destroy(manifest);
        return GROVE_NO_MEMORY;
    }
    project->manifests = grown;
    grown[project->count++] = manifest;
    return 0;
}

/* Once is enough: every further file would say the same. */
static void refuse_size(struct loader *loader) {
    if (loader->status != GROVE_TOO_LARGE)
        errors_add(loader->errors, loader->path, 0, 0, "services",
                   "a project has at most %u services; divide it into several", SERVICES_MAX);
    fail(loader, GROVE_TOO_LARGE);
}

static int compare_paths(const void *a, const void *b) {
    return strcmp(a, b);
}

static void keep_path(void *path) {
    (void)path; /* it lies in a manifest's arena */
}

/* `path` is absolute. */
static void load_service(struct loader *loader, const char *path) {
    struct manifest *manifest;
    if (tfind(path, &loader->paths, compare_paths))
        return; /* named twice, by a file and a pattern */
    if (loader->project->count == SERVICES_MAX) {
        refuse_size(loader);
        return;
    }
    int status = manifest_load(shown_path(loader, path), &loader->options, &manifest, loader->errors);
    if (status == 0 && !tsearch(manifest_path(manifest), &loader->paths, compare_paths)) {
        manifest_destroy(manifest);
        status = GROVE_NO_MEMORY;
    }
    if (status == 0)
        status = keep_manifest(loader->project, manifest);
    if (status < 0)
        fail(loader, status);
}

static void refuse_entry(struct loader *loader, unsigned index, const char *sentence, const char *what) {
    const struct node *node = loader->values.services.nodes[index];
    errors_add(loader->errors, node->file, node->line, node->column, arena_format(loader->arena, "services[%u]", index),
               "%s %s", sentence, what);
    fail(loader, GROVE_NOT_FOUND);
}

static void load_entry(struct loader *loader, unsigned index) {
    const char *text = loader->values.services.nodes[index]->text;
    const char *path = path_resolve(loader->arena, loader->folder, text);
    glob_t found = {0};
    if (!strpbrk(text, "*?[")) {
        load_service(loader, path);
        return;
    }
    if (glob(path, 0, NULL, &found) != 0 || !found.gl_pathc)
        refuse_entry(loader, index, "no file matches", path);
    else if (found.gl_pathc > SERVICES_MAX)
        refuse_size(loader);
    else
        for (size_t i = 0; i < found.gl_pathc; i++)
            load_service(loader, found.gl_pathv[i]);
    globfree(&found);
}

/* One name of a service or an endpoint, and where it was given. */
struct claim {
    const char *name, *what;
    const struct node *node;
};

static int compare_claims(const void *a, const void *b) {
    const struct claim *first = a, *second = b;
    int order = strcmp(first->what, second->what);
    return order ? order : strcmp(first->name, second->name);
}

static unsigned count_claims(const struct project *project) {
    unsigned count = 0;
    for (unsigned i = 0; i < project->count; i++)
        count += 1 + project->manifests[i]->values.provides.count;
    return count;
}

static struct claim *collect_claims(struct loader *loader, unsigned count) {
    struct claim *claims = calloc(count ? count : 1, sizeof(*claims));
    unsigned used = 0;
    for (unsigned i = 0; claims && i < loader->project->count; i++) {
        const struct manifest *manifest = loader->project->manifests[i];
        const struct provided_item *provided = manifest->values.provides.items;
        claims[used++] = (struct claim){manifest->name, "name", node_find(manifest->root, "name")};
        for (unsigned j = 0; j < manifest->values.provides.count; j++)
            claims[used++] = (struct claim){name_qualify(loader->arena, manifest->project, provided[j].name),
                                            "provides", provided[j].node};
    }
    return claims;
}

/* Names that no longer fit in memory must not be compared: all of them would look alike. */
static void refuse_names(struct loader *loader) {
    errors_add(loader->errors, loader->path, 0, 0, "services",
               "the names of its services and endpoints need too much memory; divide the project into several");
    fail(loader, GROVE_TOO_LARGE);
}

static void check_unique(struct loader *loader) {
    unsigned count = count_claims(loader->project);
    struct claim *claims = collect_claims(loader, count);
    if (!claims) {
        fail(loader, GROVE_NO_MEMORY);
        return;
    }
    if (arena_is_exhausted(loader->arena)) {
        refuse_names(loader);
        free(claims);
        return;
    }
    qsort(claims, count, sizeof(*claims), compare_claims);
    for (unsigned i = 1; i < count; i++) {
        const struct claim *first = &claims[i - 1], *second = &claims[i];
        if (compare_claims(first, second) != 0)
            continue;
        errors_add(loader->errors, second->node->file, second->node->line, second->node->column, second->what,
                   "%s is taken already, by %s:%u; give one of them another name", second->name, first->node->file,
                   first->node->line);
        fail(loader, GROVE_EXISTS);
    }
    free(claims);
}

static void load_project_file(struct loader *loader, const struct manifest_options *given) {
    int status = read_project_file(loader, given);
    if (status < 0) {
        fail(loader, status);
        return;
    }
    for (unsigned i = 0; i < loader->values.services.count; i++)
        load_entry(loader, i);
    if (loader->status == 0)
        check_unique(loader);
}

/* A manifest alone is a project of its own. */
static void load_single(struct loader *loader) {
    int status = copy_texts(loader, loader->options.project ? loader->options.project : "user", "", "");
    if (status < 0)
        fail(loader, status);
    else
        load_service(loader, loader->path);
}

/* Sets the paths of the loader; returns whether `path` is a manifest alone. */
static bool find_project_file(struct loader *loader, const char *path) {
    struct stat facts;
    const char *absolute = load_absolute(loader->arena, path), *slash = strrchr(path, '/');
    if (stat(absolute, &facts) == 0 && S_ISDIR(facts.st_mode)) {
        loader->folder = absolute;
        loader->path = path_resolve(loader->arena, absolute, PROJECT_FILE);
        loader->given_folder = strcmp(path, ".") != 0 ? path : "";
        return false;
    }
    loader->path = absolute;
    loader->folder = load_folder(loader->arena, absolute);
    loader->given_folder = slash ? arena_copy(loader->arena, path, (size_t)(slash - path)) : "";
    return strcmp(strrchr(absolute, '/') + 1, PROJECT_FILE) != 0;
}

int project_load(const char *path, const struct manifest_options *options, struct project **project,
                 struct manifest_errors *errors) {
    struct loader loader = {.arena = arena_create(), .options = *options, .errors = errors};
    loader.project = calloc(1, sizeof(*loader.project));
    if (!loader.arena || !loader.project) {
        arena_destroy(loader.arena);
        free(loader.project);
        errors_add(errors, path, 0, 0, "", "memory is exhausted");
        return GROVE_NO_MEMORY;
    }
    if (find_project_file(&loader, path))
        load_single(&loader);
    else
        load_project_file(&loader, options);
    if (loader.status < 0)
        project_destroy(loader.project);
    else
        *project = loader.project;
    tdestroy(loader.paths, keep_path);
    arena_destroy(loader.arena);
    return loader.status;
}

void project_destroy(struct project *project) {
    if (!project)
        return;
    for (unsigned i = 0; i < project->count; i++)
        manifest_destroy(project->manifests[i]);
    free(project->manifests);
    free(project->name);
    free(project->description);
    free(project->folder);
    free(project->path);
    free(project);
}
