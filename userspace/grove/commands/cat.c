/*
 * grove cat: the effective manifest, and where each value comes from.
 */
#include <stdlib.h>

#include "userspace/grove/command.h"

static const struct command_option options[] = {
    {"all", 'a', NULL, "show also what was left at its default"},
    COMMAND_MANIFEST_OPTIONS,
    {0},
};

static int print_one(const struct invocation *invocation, const struct manifest *manifest, json_t *results) {
    if (!invocation->json) {
        manifest_print(manifest, command_has(invocation, "all"), stdout);
        return COMMAND_OK;
    }
    char *text = manifest_print_json(manifest);
    json_t *document = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (!document)
        return command_fail(invocation, "memory is exhausted");
    json_array_append_new(results, document);
    return COMMAND_OK;
}

static int run(struct invocation *invocation) {
    struct manifest_options manifest_options;
    struct manifest_errors errors = {0};
    struct project *project;
    int status = command_manifest_options(invocation, &manifest_options);
    if (status != 0)
        return status;
    if (project_load(invocation->arguments[0], &manifest_options, &project, &errors) < 0) {
        status = command_fail_manifest(invocation, &errors);
        manifest_errors_deinit(&errors);
        return status;
    }
    json_t *results = json_array();
    for (unsigned i = 0; status == COMMAND_OK && i < project->count; i++) {
        if (i && !invocation->json)
            puts("---");
        status = print_one(invocation, project->manifests[i], results);
    }
    if (invocation->json && status == COMMAND_OK)
        output_json(results);
    else
        json_decref(results);
    project_destroy(project);
    return status;
}

const struct command command_cat = {
    .name = "cat",
    .summary = "show the effective manifest and where each value comes from",
    .usage = "FILE|FOLDER",
    .description =
        "Prints a manifest as it counts: with its drop-ins (FILE.d/*.yaml beside it, and "
        "STATE/manifests.d/PROJECT.SERVICE.d/*.yaml), variables replaced, names complete, and with the capabilities "
        "that "
        "other fields imply. A comment behind each value says which file and line it comes from. For a folder with "
        "grove.yaml all its manifests are printed.",
    .examples = "  grove cat services/historian.yaml        what counts, and why\n"
                "  grove cat --all services/historian.yaml    with all defaults",
    .operands = COMMAND_OPERANDS_FILE,
    .minimum = 1,
    .maximum = 1,
    .options = options,
    .run = run,
};
