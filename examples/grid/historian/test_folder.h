/* For the unit tests of what keeps files: a folder of its own for each, which is also the working directory. */
#ifndef GRID_HISTORIAN_TEST_FOLDER_H
#define GRID_HISTORIAN_TEST_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/historian-XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int remove_folder(void **state) {
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") != 0 || system(command) != 0; /* NOLINT(cert-env33-c): a name made by mkdtemp */
}

#endif
