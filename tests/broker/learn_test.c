/* What an open container uses is recorded as the permission it would need: files that are there, and addresses. */
#include "harness.h"

#include <fcntl.h>
#include <sys/stat.h>

static char folder[] = "/var/tmp/learn-test-XXXXXX";

static int make_folder(void **state) {
    char path[96];
    memset(folder + sizeof folder - 7, 'X', 6);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    int status = harness_reset(state);
    harness.is_learning = true;
    return status;
}

static int remove_folder(void **state) {
    char path[96];
    static const char *const names[] = {"file", "made", "renamed"};
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
    return harness_check(state);
}

static bool was_learned(uint16_t kind, const char *name) {
    char path[96];
    snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : folder, name[0] == '/' || name[0] == '\0' ? "" : "/",
             name);
    for (unsigned i = 0; i < harness.learned_count; i++) {
        const struct grove_argument *argument = &harness.learned[i].argument;
        if (harness.learned[i].kind == kind && argument->length_bytes == strlen(path) &&
            memcmp(argument->value.text, path, argument->length_bytes) == 0)
            return true;
    }
    return false;
}

static void read_files(void *context) {
    (void)context;
    EXPECT(chdir(folder) == 0);
    int file = open("./../../tmp//./nothing-here", O_RDONLY);
    EXPECT(file < 0);
    EXPECT(open("file", O_RDONLY) >= 0);
    EXPECT(open("/usr/bin/env", O_RDONLY) >= 0);
    EXPECT(access("/etc/passwd", R_OK) == 0);
}

static void reading_needs_what_is_there(void **state) {
    (void)state;
    run_confined(read_files, NULL);
    assert_true(was_learned(GROVE_CAP_FS_READ, "file"));
    assert_true(was_learned(GROVE_CAP_FS_READ, "/etc/passwd"));
    assert_false(was_learned(GROVE_CAP_FS_READ, "/var/tmp/nothing-here"));
    assert_false(was_learned(GROVE_CAP_FS_READ, "/usr/bin/env"));
    assert_false(was_learned(GROVE_CAP_FS_WRITE, "file"));
}

static void write_files(void *context) {
    (void)context;
    int place = open(folder, O_PATH | O_DIRECTORY);
    int made = openat(place, "made", O_WRONLY | O_CREAT | O_EXCL, 0600);
    EXPECT(made >= 0);
    EXPECT(renameat(place, "made", place, "renamed") == 0);
    int file = openat(place, "file", O_RDWR);
    EXPECT(file >= 0);
    int scratch = open("/tmp/learn-test-scratch", O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT(scratch >= 0);
    EXPECT(open("/tmp/learn-test-scratch", O_RDONLY) >= 0);
    EXPECT(unlink("/tmp/learn-test-scratch") == 0);
}

static void writing_needs_the_file_or_its_folder(void **state) {
    (void)state;
    run_confined(write_files, NULL);
    assert_true(was_learned(GROVE_CAP_FS_WRITE, ""));
    assert_true(was_learned(GROVE_CAP_FS_WRITE, "file"));
    assert_true(was_learned(GROVE_CAP_FS_READ, "file"));
    for (unsigned i = 0; i < harness.learned_count; i++)
        assert_int_not_equal(strncmp(harness.learned[i].argument.value.text, "/tmp", 4), 0);
}

static void run_program(void *context) {
    char path[96];
    (void)context;
    snprintf(path, sizeof path, "%s/file", folder);
    EXPECT(chmod(path, 0700) == 0);
    EXPECT_ERROR(execl("/no/such/program", "x", (char *)NULL), ENOENT);
    (void)execl(path, "x", (char *)NULL); /* an empty file: ENOEXEC */
}

static void executing_needs_the_program(void **state) {
    (void)state;
    run_confined(run_program, NULL);
    assert_true(was_learned(GROVE_CAP_FS_EXEC, "file"));
    assert_false(was_learned(GROVE_CAP_FS_EXEC, "/no/such/program"));
}

static bool learned_port(uint16_t kind, uint16_t first, uint16_t last) {
    for (unsigned i = 0; i < harness.learned_count; i++) {
        const struct grove_address *address = &harness.learned[i].argument.value.address;
        if (harness.learned[i].kind == kind && address->port_first == first && address->port_last == last)
            return true;
    }
    return false;
}

static void use_network(void *context) {
    struct sockaddr_in there = loopback(*(const uint16_t *)context), any = loopback(0);
    int client = socket(AF_INET, SOCK_STREAM, 0), server = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(connect(client, (struct sockaddr *)&there, sizeof there) == 0);
    EXPECT(bind(server, (struct sockaddr *)&any, sizeof any) == 0 && listen(server, 1) == 0);
}

static void addresses_are_recorded_and_reached(void **state) {
    (void)state;
    uint16_t port = 0;
    int server = serve(SOCK_STREAM, &port);
    run_confined(use_network, &port);
    assert_false(is_untouched(server));
    assert_true(learned_port(GROVE_CAP_NET_CONNECT, port, port));
    assert_true(learned_port(GROVE_CAP_NET_BIND, 0, UINT16_MAX)); /* a port that Linux chooses */
    assert_int_equal(harness.refused_count, 0);
    close(server);
}

int main(void) {
#define TRIED(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TRIED(reading_needs_what_is_there),
        TRIED(writing_needs_the_file_or_its_folder),
        TRIED(executing_needs_the_program),
        TRIED(addresses_are_recorded_and_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
