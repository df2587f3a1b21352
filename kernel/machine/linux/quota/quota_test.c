/* The sum on disk, and the table of files that Linux knows of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/machine/linux/quota/account.h"
#include "kernel/machine/linux/quota/nodes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void lengths_are_whole_blocks(void **state) {
    (void)state;
    assert_int_equal(account_blocks(0), 0);
    assert_int_equal(account_blocks(1), 4096);
    assert_int_equal(account_blocks(4096), 4096);
    assert_int_equal(account_blocks(4097), 8192);
    assert_true(account_blocks(UINT64_MAX) == UINT64_MAX);
}

static void the_limit_is_never_passed(void **state) {
    struct account account = {.limit_bytes = 10000};
    (void)state;
    assert_int_equal(account_take(&account, 8999), ACCOUNT_TAKEN);
    assert_int_equal(account_take(&account, 1), ACCOUNT_NEAR);
    assert_int_equal(account_take(&account, 1001), ACCOUNT_REFUSED);
    assert_int_equal(account_take(&account, UINT64_MAX), ACCOUNT_REFUSED);
    assert_int_equal(account.used_bytes, 9000);
    assert_int_equal(account_left(&account), 1000);
    assert_int_equal(account_take(&account, 1000), ACCOUNT_TAKEN);
    assert_int_equal(account_take(&account, 1), ACCOUNT_REFUSED);
    assert_int_equal(account_take(&account, 0), ACCOUNT_TAKEN);
}

static void a_lower_limit_refuses_until_enough_is_given_back(void **state) {
    struct account account = {.limit_bytes = 100};
    (void)state;
    account_add(&account, 150);
    assert_int_equal(account_left(&account), 0);
    assert_int_equal(account_take(&account, 1), ACCOUNT_REFUSED);
    account_give(&account, 100);
    assert_int_equal(account_take(&account, 50), ACCOUNT_NEAR);
    account_give(&account, 1000);
    assert_int_equal(account.used_bytes, 0);
    account_add(&account, UINT64_MAX);
    account_add(&account, UINT64_MAX);
    assert_true(account.used_bytes == UINT64_MAX);
}

/* Two processes take all they can get, as those in between do. */
static void two_who_take_at_once_get_the_limit_and_no_more(void **state) {
    struct account *account = mmap(NULL, sizeof *account, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)state;
    assert_ptr_not_equal(account, MAP_FAILED);
    account->limit_bytes = 300000;
    account->unmeasured = 2;
    pid_t other = fork();
    account_measured(account);
    account_wait(account);
    uint64_t taken = 0;
    while (account_take(account, 3) != ACCOUNT_REFUSED)
        taken += 3;
    if (other == 0)
        _exit(0);
    int status;
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(account->used_bytes, 300000);
    assert_true(taken <= 300000);
    munmap(account, sizeof *account);
}

static int some_descriptor(void) {
    return open("/dev/null", O_PATH | O_CLOEXEC);
}

static void a_file_has_one_number_while_it_is_held(void **state) {
    struct nodes nodes = {0};
    (void)state;
    assert_int_equal(nodes_find(&nodes, 1, 1), 0);
    assert_int_equal(nodes_add(&nodes, some_descriptor(), 1, 2), NODES_ROOT);
    for (ino_t file = 10; file < 2000; file++) {
        uint32_t number = nodes_add(&nodes, some_descriptor(), 7, file);
        assert_int_not_equal(number, 0);
        nodes_get(&nodes, number)->holds = 2;
        if (nodes.count > 200) { /* descriptors are few */
            uint32_t old = nodes_find(&nodes, 7, file - 150);
            assert_int_equal(nodes_forget(&nodes, old, 1), -1);
            assert_int_equal(nodes_find(&nodes, 7, file - 150), old);
            int descriptor = nodes_forget(&nodes, old, 1);
            assert_true(descriptor >= 0);
            close(descriptor);
            assert_int_equal(nodes_find(&nodes, 7, file - 150), 0);
        }
    }
    assert_int_equal(nodes_find(&nodes, 8, 1999), 0);
    assert_int_not_equal(nodes_find(&nodes, 7, 1999), 0);
    nodes_close(&nodes);
}

static void what_nobody_has_is_no_node(void **state) {
    struct nodes nodes = {0};
    (void)state;
    assert_null(nodes_get(&nodes, 1));
    assert_int_equal(nodes_forget(&nodes, 5, 1), -1);
    uint32_t root = nodes_add(&nodes, some_descriptor(), 1, 2);
    assert_int_equal(nodes_forget(&nodes, root, 1000), -1);
    uint32_t number = nodes_add(&nodes, some_descriptor(), 1, 3);
    nodes_get(&nodes, number)->holds = 1;
    int descriptor = nodes_forget(&nodes, number, 1000);
    assert_true(descriptor >= 0);
    close(descriptor);
    assert_null(nodes_get(&nodes, number));
    assert_null(nodes_get(&nodes, UINT64_MAX));
    assert_null(nodes_get(&nodes, 0));
    assert_int_equal(nodes_add(&nodes, some_descriptor(), 1, 4), number);
    nodes_close(&nodes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_whole_blocks),
        cmocka_unit_test(the_limit_is_never_passed),
        cmocka_unit_test(a_lower_limit_refuses_until_enough_is_given_back),
        cmocka_unit_test(two_who_take_at_once_get_the_limit_and_no_more),
        cmocka_unit_test(a_file_has_one_number_while_it_is_held),
        cmocka_unit_test(what_nobody_has_is_no_node),
    };
    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
