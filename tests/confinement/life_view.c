/*
 * What a container sees of the file system, and who it is there.
 */
#include "tests/confinement/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the file view ---- */

void life_granted_paths(void) {
    struct recipe recipe =
        life_shell("cat $READ && echo more > $FOLDER/new && cat $FOLDER/new && ! echo x 2>/dev/null > $READ");
    char read_text[200], folder_text[200];
    life_make_file(life_path("readable"), "granted\n", 0644);
    CHECK(mkdir(life_path("folder"), 0755) == 0);
    (void)snprintf(read_text, sizeof read_text, "READ=%s", life_path("readable"));
    (void)snprintf(folder_text, sizeof folder_text, "FOLDER=%s", life_path("folder"));
    recipe.environment[1] = read_text;
    recipe.environment[2] = folder_text;
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_FS_READ, 0, life_path("readable")};
    recipe.grants[1] = (struct recipe_grant){GROVE_CAP_FS_WRITE, 0, life_path("folder")};
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 0));
    CHECK(strstr(life_output, "granted\nmore\n") != NULL);
    /* What it wrote belongs to the owner of the folder, not to a user id that another container has tomorrow. */
    struct stat status;
    CHECK(stat(life_path("folder/new"), &status) == 0 && status.st_uid == geteuid());
}

void life_made_folder(void) {
    struct recipe recipe = life_shell("echo kept >> $FOLDER/file && cat $FOLDER/file");
    char folder_text[200];
    (void)snprintf(folder_text, sizeof folder_text, "FOLDER=%s", life_path("state/of/service"));
    recipe.environment[1] = folder_text;
    recipe.grants[0] =
        (struct recipe_grant){GROVE_CAP_FS_WRITE, GROVE_SPEC_CAPABILITY_CREATE, life_path("state/of/service")};
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 0));
    /* Another container, another user id: the same folder. */
    struct record *record = harness_run(7, harness_spec(&recipe), life_output, sizeof life_output);
    CHECK(life_ended_with(record, GROVE_EXIT_CODE, 0) && strcmp(life_output, "kept\nkept\n") == 0);
}

void life_grants_inside_grants(void) {
    struct recipe recipe = life_shell("echo x > $0/inner/file && ! echo x 2>/dev/null > $0/file");
    CHECK(mkdir(life_path("outer"), 0755) == 0 && mkdir(life_path("outer/inner"), 0755) == 0);
    recipe.arguments[3] = life_path("outer");
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_FS_WRITE, 0, life_path("outer/inner")};
    recipe.grants[1] = (struct recipe_grant){GROVE_CAP_FS_READ, 0, life_path("outer")};
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 0));
}

void life_whole_host_to_read(void) {
    struct recipe recipe = life_shell("cat /etc/passwd && ! echo x 2>/dev/null > /etc/grove-test && echo y > /tmp/y");
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_FS_EXEC, 0, "/"};
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 0));
    CHECK(strstr(life_output, "root:") != NULL && access("/etc/grove-test", F_OK) < 0);
}

void life_secret_given_to_read(void) {
    if (life_is_rootless)
        return;
    struct recipe recipe = life_shell("cat $0");
    life_make_file(life_path("owner-only"), "for you\n", 0600);
    recipe.arguments[3] = life_path("owner-only");
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_FS_READ, 0, life_path("owner-only")};
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 0) && strcmp(life_output, "for you\n") == 0);
}

void life_working_folder(void) {
    struct recipe recipe = life_shell("pwd");
    recipe.directory = "/usr/bin";
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 0) && strcmp(life_output, "/usr/bin\n") == 0);
}

/* ---- identity ---- */

void life_own_user(void) {
    CHECK(life_ended_with(life_run_shell("id -u; grep -c . /proc/self/uid_map; grep CapBnd /proc/self/status"),
                          GROVE_EXIT_CODE, 0));
    unsigned user = (unsigned)strtoul(life_output, NULL, 10);
    CHECK(life_is_rootless ? user == geteuid() : user >= 1879048192u && user < 2147483648u && user % 65536 == 0);
    CHECK(strstr(life_output, "CapBnd:\t0000000000000000") != NULL);
}

void life_caller_identity(void) {
    struct recipe recipe = life_shell("id -u; grep CapEff /proc/self/status");
    recipe.flags |= GROVE_SPEC_CALLER_IDENTITY;
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 0));
    CHECK(strtoul(life_output, NULL, 10) == geteuid() && strstr(life_output, "CapEff:\t0000000000000000") != NULL);
}

/* A learning container sees the host's files, but not its processes. */
void life_learning(void) {
    struct recipe recipe = life_shell("cat /etc/passwd; echo $$");
    recipe.flags |= GROVE_SPEC_LEARN;
    CHECK(life_ended_with(life_run(&recipe), GROVE_EXIT_CODE, 0));
    CHECK(strstr(life_output, "root:") != NULL && strstr(life_output, "\n2\n") != NULL);
}
