/* Users, groups and capabilities, and what limits and prctl allow. */
#include "kernel/services/posix/test/world.h"

#include <string.h>

static int64_t set_three(uint64_t real, uint64_t effective, uint64_t saved) {
    return posix_do(system_call_setresuid, real, effective, saved, 0);
}

static void capabilities_follow_the_user(void **state) {
    (void)state;
    posix_begin();
    const struct process *process = process_current();
    assert_int_equal(set_three(1000, 1000, 0), 0);
    assert_int_equal(process->credentials.effective, 0);
    assert_int_equal(process->caller.identity.user, 1000);
    assert_int_equal(process->caller.identity.capabilities, 0);
    assert_int_equal(set_three(UINT32_MAX, 0, UINT32_MAX), 0);
    assert_int_equal(process->credentials.effective, CAPABILITIES_ALL);
    assert_int_equal(set_three(1000, 1000, 1000), 0);
    assert_int_equal(process->credentials.permitted, 0);
    assert_int_equal(set_three(0, 0, 0), -LINUX_EPERM);
    assert_int_equal(posix_do(system_call_setuid, 0, 0, 0, 0), -LINUX_EPERM);
    assert_int_equal(posix_do(system_call_setgroups, 0, 0, 0, 0), -LINUX_EPERM);
    posix_end();
}

static void kept_capabilities_are_permitted(void **state) {
    (void)state;
    posix_begin();
    const struct credentials *credentials = &process_current()->credentials;
    assert_int_equal(posix_do(system_call_prctl, 8, 1, 0, 0), 0);
    assert_int_equal(set_three(1000, 1000, 1000), 0);
    assert_int_equal(credentials->permitted, CAPABILITIES_ALL);
    assert_int_equal(credentials->effective, 0);
    posix_end();
}

static void an_executed_file_may_give_rights(void **state) {
    struct credentials credentials = {.user = 1000, .effective_user = 1000, .saved_user = 1000, .file_user = 1000};
    struct credentials before;
    bool is_secure;
    (void)state;
    credentials.bounding = CAPABILITIES_ALL;
    before = credentials;
    credentials_execute(&credentials, 0, 0, 04755, &is_secure);
    assert_true(is_secure);
    assert_int_equal(credentials.effective_user, 0);
    assert_int_equal(credentials.user, 1000);
    assert_int_equal(credentials.effective, CAPABILITIES_ALL);
    credentials = before;
    credentials.has_no_new_privileges = true;
    credentials_execute(&credentials, 0, 0, 04755, &is_secure);
    assert_false(is_secure);
    assert_int_equal(credentials.effective_user, 1000);
    assert_int_equal(credentials.effective, 0);
    credentials = before;
    credentials_execute(&credentials, 5, 7, 02755, &is_secure);
    assert_int_equal(credentials.effective_group, 7);
    assert_true(is_secure);
}

static void capset_takes_only_what_is_there(void **state) {
    const uint32_t header[2] = {0x20080522, 0};
    uint32_t words[6] = {0};
    (void)state;
    posix_begin();
    assert_true(process_write(POSIX_DATA, header, sizeof(header)));
    assert_true(process_write(POSIX_DATA + 64, words, sizeof(words)));
    words[1] = 0x21;
    words[0] = 0x20;
    assert_true(process_write(POSIX_DATA + 64, words, sizeof(words)));
    assert_int_equal(posix_do(system_call_capset, POSIX_DATA, POSIX_DATA + 64, 0, 0), 0);
    assert_int_equal(process_current()->credentials.permitted, 0x21);
    words[1] = 0x41;
    assert_true(process_write(POSIX_DATA + 64, words, sizeof(words)));
    assert_int_equal(posix_do(system_call_capset, POSIX_DATA, POSIX_DATA + 64, 0, 0), -LINUX_EPERM);
    assert_int_equal(posix_do(system_call_capget, POSIX_DATA, POSIX_DATA + 128, 0, 0), 0);
    assert_true(process_read(words, POSIX_DATA + 128, sizeof(words)));
    assert_int_equal(words[0], 0x20);
    posix_end();
}

static void limits_go_down_and_not_up(void **state) {
    struct limit_pair pair = {20, 10};
    (void)state;
    posix_begin();
    assert_true(process_write(POSIX_DATA, &pair, sizeof(pair)));
    assert_int_equal(posix_do(system_call_setrlimit, LIMIT_DESCRIPTORS, POSIX_DATA, 0, 0), -LINUX_EINVAL);
    pair = (struct limit_pair){10, 20};
    assert_true(process_write(POSIX_DATA, &pair, sizeof(pair)));
    assert_int_equal(posix_do(system_call_setrlimit, LIMIT_DESCRIPTORS, POSIX_DATA, 0, 0), 0);
    assert_int_equal(process_current()->descriptors.limit, 10);
    assert_int_equal(set_three(1000, 1000, 1000), 0);
    pair.hard = 30;
    assert_true(process_write(POSIX_DATA, &pair, sizeof(pair)));
    assert_int_equal(posix_do(system_call_prlimit64, 0, LIMIT_DESCRIPTORS, POSIX_DATA, 0), -LINUX_EPERM);
    assert_int_equal(posix_do(system_call_prlimit64, 0, LIMITS, 0, POSIX_DATA), -LINUX_EINVAL);
    assert_int_equal(posix_do(system_call_getrlimit, UINT64_MAX << 40, POSIX_DATA, 0, 0), 0); /* the low half counts */
    assert_int_equal(posix_do(system_call_prlimit64, 99, LIMIT_DESCRIPTORS, 0, POSIX_DATA), -LINUX_ESRCH);
    posix_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capabilities_follow_the_user),     cmocka_unit_test(kept_capabilities_are_permitted),
        cmocka_unit_test(an_executed_file_may_give_rights), cmocka_unit_test(capset_takes_only_what_is_there),
        cmocka_unit_test(limits_go_down_and_not_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
