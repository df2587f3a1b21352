/*
 * What commands that read manifests share: their options, and how faults are shown.
 */
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/command.h"

static unsigned count_given(const struct invocation *invocation, const char *option) {
    unsigned cursor = 0, count = 0;
    while (command_next(invocation, option, &cursor))
        count++;
    return count;
}

/* The variables in front of those given earlier: the last --set of a name counts. */
static int read_variables(const struct invocation *invocation, struct manifest_options *options) {
    static struct manifest_variable *variables; /* of the one command line there is */
    unsigned count = count_given(invocation, "set"), cursor = 0, index = count;
    const char *text;
    if (!variables)
        variables = calloc(count + 1, sizeof(*variables));
    if (!variables)
        return command_fail(invocation, "memory is exhausted");
    while ((text = command_next(invocation, "set", &cursor))) {
        const char *sign = strchr(text, '=');
        if (!sign || sign == text)
            return command_misused(invocation, "--set is NAME=VALUE, not \"%s\"", text);
        variables[--index] =
            (struct manifest_variable){.name = strndup(text, (size_t)(sign - text)), .value = sign + 1};
        if (!variables[index].name)
            return command_fail(invocation, "memory is exhausted");
    }
    options->variables = variables;
    options->variable_count = count;
    return 0;
}

int command_manifest_options(const struct invocation *invocation, struct manifest_options *options) {
    *options = (struct manifest_options){
        .project = command_value(invocation, "project"),
        .state_folder = invocation->state_folder,
        .run_folder = invocation->run_folder,
    };
    return read_variables(invocation, options);
}

json_t *command_manifest_errors(const struct manifest_errors *errors) {
    json_t *list = json_array();
    for (unsigned i = 0; i < errors->count; i++) {
        const struct manifest_error *error = &errors->list[i];
        json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:s, s:s}", "file", error->file, "line",
                                              (int)error->line, "column", (int)error->column, "field", error->field,
                                              "error", error->sentence ? error->sentence : ""));
    }
    return list;
}

int command_fail_manifest(const struct invocation *invocation, const struct manifest_errors *errors) {
    if (!invocation->json) {
        progress_end(invocation);
        manifest_errors_print(errors, stderr);
        return COMMAND_FAILED;
    }
    char name[64];
    snprintf(name, sizeof(name), "grove %s", invocation->command->name);
    json_t *document = json_pack("{s:s, s:s, s:o}", "command", name, "error", "the manifest has faults", "errors",
                                 command_manifest_errors(errors));
    json_dumpf(document, stderr, 0);
    fputc('\n', stderr);
    json_decref(document);
    return COMMAND_FAILED;
}
