/*
 * Whose folder is whose, tried on ordinary folders: locks and removals work on them as on those of control groups, where a
 * group that holds processes refuses to be removed as a folder that holds a file does here.
 */
#include "kernel/machine/linux/cgroup/claim.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char base[64];

static int set_up(void **state) {
    (void)state;
    (void)snprintf(base, sizeof base, "/tmp/grove-claim-XXXXXX");
    return mkdtemp(base) == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    return rmdir(base);
}

static void path_of(uint64_t kernel, const char *below, char path[128]) {
    assert_int_equal(claim_path(base, kernel, path, 100), 0);
    size_t length = strlen(path);
    (void)snprintf(path + length, 128 - length, "%s", below);
}

/* A kernel that is killed: a process that makes its folder, with a container's in it and one in a project, and ends. */
static void killed_kernel(uint64_t kernel) {
    char path[128];
    int status = 1;
    path_of(kernel, "", path);
    pid_t child = fork();
    if (child == 0) {
        bool is_made = claim_make(path) >= 0;
        path_of(kernel, "/0", path);
        is_made = is_made && mkdir(path, 0755) == 0;
        path_of(kernel, "/p1", path);
        is_made = is_made && mkdir(path, 0755) == 0;
        path_of(kernel, "/p1/2", path);
        _exit(is_made && mkdir(path, 0755) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_of_a_dead_kernel_nothing_stays(void **state) {
    (void)state;
    killed_kernel(1);
    assert_int_equal(claim_sweep(base), 0);
}

static void test_of_a_living_kernel_all_stays(void **state) {
    (void)state;
    char path[128];
    path_of(2, "", path);
    int claim = claim_make(path);
    assert_true(claim >= 0);
    killed_kernel(1);
    assert_int_equal(claim_sweep(base), 1);
    assert_int_equal(access(path, F_OK), 0);
    (void)close(claim);
    assert_int_equal(claim_sweep(base), 0);
}

static void test_what_is_in_use_stays(void **state) {
    (void)state;
    char path[128];
    killed_kernel(1);
    path_of(1, "/0/process", path);
    (void)close(open(path, O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(claim_sweep(base), 1);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(claim_sweep(base), 0);
}

static void test_other_folders_stay(void **state) {
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/grove.service", base);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(claim_sweep(base), 0);
    assert_int_equal(rmdir(path), 0);
}

/* A folder has one owner, and the lock on the base one holder: neither is waited for without end. */
static void test_claims_exclude_each_other(void **state) {
    (void)state;
    char path[128];
    path_of(3, "", path);
    int claim = claim_make(path), lock = claim_lock(base);
    assert_true(claim >= 0 && lock >= 0);
    assert_true(claim_make(path) < 0);
    assert_int_equal(claim_lock(base), -1);
    (void)close(claim);
    (void)close(lock);
    assert_int_equal(claim_sweep(base), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_of_a_dead_kernel_nothing_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_of_a_living_kernel_all_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_in_use_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_folders_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_claims_exclude_each_other, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
