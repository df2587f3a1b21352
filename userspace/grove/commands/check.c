/*
 * grove check: do these manifests say what they should? Compiles each to its end and throws the result away.
 */
#include <stdlib.h>
#include <unistd.h>

#include "userspace/grove/commands/config_command.h"

static const struct command_option options[] = {COMMAND_MANIFEST_OPTIONS, {0}};

/* Compile everything in the project; the size limits of specs show only there. */
static int compile_all(const struct project *project, struct manifest_errors *errors) {
    int status = 0;
    for (unsigned i = 0; i < project->count; i++) {
        void *spec;
        size_t spec_bytes;
        int result = manifest_compile(project->manifests[i], &spec, &spec_bytes, errors);
        if (result < 0)
            status = result;
        else
            free(spec);
    }
    return status;
}

static json_t *names_of(const struct project *project) {
    json_t *names = json_array();
    for (unsigned i = 0; i < project->count; i++)
        json_array_append_new(names, json_string(manifest_name(project->manifests[i])));
    return names;
}

static void print_result(const struct invocation *invocation, const char *path, const struct project *project,
                         const struct manifest_errors *errors) {
    if (project)
        printf("%s%s: ok%s, %u service%s\n", output_on(invocation, OUTPUT_GOOD), path, output_off(invocation),
               project->count, project->count == 1 ? "" : "s");
    else
        manifest_errors_print(errors, stderr);
}

/* Check one file or folder; appends to `results`. Returns whether it is good. */
static bool check_path(const struct invocation *invocation, const struct manifest_options *manifest_options,
                       const char *path, json_t *results) {
    struct manifest_errors errors = {0};
    struct project *project = NULL;
    int status = project_load(path, manifest_options, &project, &errors);
    if (status == 0 && (compile_all(project, &errors) < 0 || config_check_project(project, &errors) < 0)) {
        project_destroy(project);
        project = NULL;
    }
    if (!invocation->json)
        print_result(invocation, path, project, &errors);
    json_array_append_new(results, json_pack("{s:s, s:b, s:o, s:o}", "path", path, "ok", project != NULL, "services",
                                             project ? names_of(project) : json_array(), "errors",
                                             command_manifest_errors(&errors)));
    bool is_good = project != NULL;
    project_destroy(project);
    manifest_errors_deinit(&errors);
    return is_good;
}

static int run(struct invocation *invocation) {
    struct manifest_options manifest_options;
    bool all_good = true;
    int status = command_manifest_options(invocation, &manifest_options);
    if (status != 0)
        return status;
    if (!invocation->argument_count && access("grove.yaml", F_OK) != 0)
        return command_fail(invocation,
                            "there is no grove.yaml in this folder; name a manifest or the folder of a project");
    json_t *results = json_array();
    for (unsigned i = 0; i < invocation->argument_count; i++)
        all_good &= check_path(invocation, &manifest_options, invocation->arguments[i], results);
    if (!invocation->argument_count)
        all_good = check_path(invocation, &manifest_options, ".", results);
    if (invocation->json)
        output_json(results);
    else
        json_decref(results);
    return all_good ? COMMAND_OK : COMMAND_FAILED;
}

const struct command command_check = {
    .name = "check",
    .summary = "check manifests and projects",
    .usage = "[FILE|FOLDER...]",
    .description =
        "Reads manifests, or whole projects (a folder with grove.yaml), with their drop-ins, and reports each "
        "fault with file, line, field, what is wrong and what would be right. Nothing is started and no kernel "
        "is needed. Without operands the project of the current folder is checked. A config.yaml beside grove.yaml is "
        "checked against what the manifests declare below config.\n\n"
        "The exit status is 0 if all are good and 1 otherwise.",
    .examples = "  grove check services/historian.yaml      check one manifest\n"
                "  grove check --set bin=build examples/grid    check a project",
    .operands = COMMAND_OPERANDS_FILE,
    .options = options,
    .run = run,
};
