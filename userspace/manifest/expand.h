/*
 * Variables in manifests: ${manifest}, ${project}, ${state}, ${run}, ${env:NAME}, and those given by the project or --set.
 */
#ifndef GROVE_MANIFEST_EXPAND_H
#define GROVE_MANIFEST_EXPAND_H

#include "userspace/manifest/node.h"

struct variables {
    const char *manifest; /* folder */
    const char *project; /* name */
    const char *state; /* folder of the service; NULL: not known, using it is an error */
    const char *run; /* folder; NULL likewise */
    const struct manifest_variable *given;
    unsigned given_count;
};

/*
 * Replace the variables in every text of the tree. "$${" stands for "${" itself. An unknown variable is an error at its
 * line. What a variable stands for is not looked through again. 0 or GROVE_INVALID.
 */
int expand_tree(const struct variables *variables, struct node *node, struct arena *arena,
                struct manifest_errors *errors);

#endif
