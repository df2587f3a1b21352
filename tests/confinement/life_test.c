/*
 * The ordinary life of containers: starts, failures that name their layer, ends and their causes, streams, sockets,
 * budgets, freezing, and what a killed kernel leaves behind.
 *
 *     life_test HOSTILE [root|rootless]
 *
 * One machine for all; each test uses a container of its own. At the end the accounts are as they were.
 */
#include "tests/confinement/harness.h"

#include "kernel/machine/linux/container/container.h"
#include "kernel/machine/linux/recovery/recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define L(name) (UINT64_C(1) << GROVE_LAYER_##name)

static char program[96], base[64];
static bool is_rootless;
static char output[65536];
static unsigned failures;
static const char *test_name;

#define CHECK(condition) check((condition), #condition, __LINE__)
static void check(bool holds, const char *text, int line) {
    if (holds)
        return;
    failures++;
    (void)printf("%s, line %d: not so: %s\n", test_name, line, text);
}

static struct recipe shell(const char *command) {
    return (struct recipe){.flags = GROVE_SPEC_SYSTEM_FILES,
                           .executable = "/bin/sh",
                           .arguments = {"sh", "-c", command},
                           .environment = {"PATH=/usr/bin:/bin"}};
}

static struct record *run(const struct recipe *recipe) {
    return harness_run(0, harness_spec(recipe), output, sizeof output);
}

static struct record *run_shell(const char *command) {
    struct recipe recipe = shell(command);
    return run(&recipe);
}

static bool ended_with(const struct record *record, enum grove_exit_cause cause, int detail) {
    if (record->is_exited && record->cause == cause && record->exit_detail == detail)
        return true;
    (void)printf("%s: started %d, status %d, layer %d, error %d; cause %d, detail %d; said: %s\n", test_name,
                 record->is_started, record->status, (int)record->layer, record->start_detail, (int)record->cause,
                 record->exit_detail, output);
    return false;
}

/* Read until the words have come, for at most ten seconds. */
static bool says(machine_container container, const char *words) {
    machine_object streams[2];
    size_t length = 0;
    machine_container_streams(container, streams);
    output[0] = '\0';
    while (strstr(output, words) == NULL) {
        struct pollfd ready = {.fd = streams[0], .events = POLLIN};
        if (poll(&ready, 1, 10000) <= 0)
            return false;
        ssize_t got = read(streams[0], output + length, sizeof output - 1 - length);
        if (got <= 0)
            return false;
        length += (size_t)got;
        output[length] = '\0';
    }
    return true;
}

static const char *path_of(const char *name) {
    static char paths[4][160];
    static unsigned turn;
    turn = (turn + 1) % 4;
    (void)snprintf(paths[turn], sizeof paths[turn], "%s/%s", base, name);
    return paths[turn];
}

static void make_file(const char *path, const char *text, mode_t mode) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(file, mode) == 0);
    (void)close(file);
}

/* ---- ends ---- */

static void test_exit_status(void) {
    CHECK(ended_with(run_shell("exit 7"), GROVE_EXIT_CODE, 7));
}

static void test_signal_is_the_programs(void) {
    CHECK(ended_with(run_shell("kill -SEGV $$"), GROVE_EXIT_SIGNAL, SIGSEGV));
}

static void test_kill(void) {
    struct recipe recipe = shell("echo up; sleep 1000 & wait");
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && says(0, "up"));
    machine_container_kill(0);
    CHECK(harness_wait(&harness_record(0)->is_exited) && ended_with(harness_record(0), GROVE_EXIT_KILLED, 0));
}

static void test_signal_is_passed_on(void) {
    struct recipe recipe = shell("trap 'exit 9' TERM; echo up; while :; do sleep 1000 & wait; done");
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && says(0, "up"));
    CHECK(machine_container_signal(0, SIGTERM) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_exited) && ended_with(harness_record(0), GROVE_EXIT_CODE, 9));
    CHECK(machine_container_signal(0, SIGTERM) == GROVE_WRONG_STATE);
}

static void test_orphans_are_reaped(void) {
    /* The inner shell ends at once; its child becomes the small init's, and is gone when it has ended. */
    CHECK(ended_with(run_shell("sh -c 'sleep 0.01 & echo $! > /tmp/child'; read child < /tmp/child; "
                               "while [ -d /proc/$child ]; do :; done"),
                     GROVE_EXIT_CODE, 0));
}

static void test_restart_has_a_clean_place(void) {
    CHECK(ended_with(run_shell("test ! -e /tmp/left && echo x > /tmp/left"), GROVE_EXIT_CODE, 0));
    CHECK(ended_with(run_shell("test ! -e /tmp/left"), GROVE_EXIT_CODE, 0));
}

/* ---- failures ---- */

static void test_missing_path_names_the_layer(void) {
    struct recipe recipe = shell("true");
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_FS_READ, 0, path_of("nothing")};
    struct record *record = run(&recipe);
    CHECK(record->is_started && record->status == GROVE_LAYER_MISSING && record->layer == GROVE_LAYER_FILE_VIEW);
    CHECK(record->start_detail == ENOENT);
    recipe.grants[0].flags = GROVE_SPEC_CAPABILITY_OPTIONAL;
    CHECK(ended_with(run(&recipe), GROVE_EXIT_CODE, 0));
}

static void test_missing_program_names_the_layer(void) {
    struct recipe recipe = shell("true");
    recipe.executable = "/usr/bin/no-such-program";
    struct record *record = run(&recipe);
    CHECK(record->is_started && record->status == GROVE_NOT_FOUND && record->layer == GROVE_LAYER_EXECUTE);
    recipe = (struct recipe){.flags = GROVE_SPEC_NATIVE, .executable = "/nowhere"};
    record = run(&recipe);
    CHECK(record->is_started && record->status == GROVE_NOT_FOUND && record->layer == GROVE_LAYER_EXECUTE);
    CHECK(harness_port(0) < 0);
}

static void test_missing_folder_to_work_in(void) {
    struct recipe recipe = shell("true");
    recipe.directory = "/home/nobody-here";
    struct record *record = run(&recipe);
    CHECK(record->is_started && record->status == GROVE_LAYER_MISSING && record->layer == GROVE_LAYER_FILE_VIEW);
}

/* A link that a container could have planted is not followed to what it points to; root's own links are. */
static void test_planted_link(void) {
    if (is_rootless)
        return;
    struct recipe recipe = shell("cat /tmp/../\"$0\"");
    (void)symlink("/etc/passwd", path_of("planted"));
    CHECK(lchown(path_of("planted"), 12345, 12345) == 0);
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_FS_READ, 0, path_of("planted")};
    struct record *record = run(&recipe);
    CHECK(record->status == GROVE_LAYER_MISSING && record->layer == GROVE_LAYER_FILE_VIEW &&
          record->start_detail == ELOOP);
    CHECK(lchown(path_of("planted"), 0, 0) == 0);
    CHECK(ended_with(run(&recipe), GROVE_EXIT_CODE, 1) || strstr(output, "root:") != NULL);
}

/* ---- the file view ---- */

static void test_granted_paths(void) {
    struct recipe recipe =
        shell("cat $READ && echo more > $FOLDER/new && cat $FOLDER/new && ! echo x 2>/dev/null > $READ");
    char read_text[200], folder_text[200];
    make_file(path_of("readable"), "granted\n", 0644);
    CHECK(mkdir(path_of("folder"), 0755) == 0);
    (void)snprintf(read_text, sizeof read_text, "READ=%s", path_of("readable"));
    (void)snprintf(folder_text, sizeof folder_text, "FOLDER=%s", path_of("folder"));
    recipe.environment[1] = read_text;
    recipe.environment[2] = folder_text;
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_FS_READ, 0, path_of("readable")};
    recipe.grants[1] = (struct recipe_grant){GROVE_CAP_FS_WRITE, 0, path_of("folder")};
    CHECK(ended_with(run(&recipe), GROVE_EXIT_CODE, 0));
    CHECK(strstr(output, "granted\nmore\n") != NULL);
    /* What it wrote belongs to the owner of the folder, not to a user id that another container has tomorrow. */
    struct stat status;
    CHECK(stat(path_of("folder/new"), &status) == 0 && status.st_uid == geteuid());
}

static void test_made_folder(void) {
    struct recipe recipe = shell("echo kept >> $FOLDER/file && cat $FOLDER/file");
    char folder_text[200];
    (void)snprintf(folder_text, sizeof folder_text, "FOLDER=%s", path_of("state/of/service"));
    recipe.environment[1] = folder_text;
    recipe.grants[0] =
        (struct recipe_grant){GROVE_CAP_FS_WRITE, GROVE_SPEC_CAPABILITY_CREATE, path_of("state/of/service")};
    CHECK(ended_with(run(&recipe), GROVE_EXIT_CODE, 0));
    /* Another container, another user id: the same folder. */
    struct record *record = harness_run(7, harness_spec(&recipe), output, sizeof output);
    CHECK(ended_with(record, GROVE_EXIT_CODE, 0) && strcmp(output, "kept\nkept\n") == 0);
}

static void test_grants_inside_grants(void) {
    struct recipe recipe = shell("echo x > $0/inner/file && ! echo x 2>/dev/null > $0/file");
    CHECK(mkdir(path_of("outer"), 0755) == 0 && mkdir(path_of("outer/inner"), 0755) == 0);
    recipe.arguments[3] = path_of("outer");
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_FS_WRITE, 0, path_of("outer/inner")};
    recipe.grants[1] = (struct recipe_grant){GROVE_CAP_FS_READ, 0, path_of("outer")};
    CHECK(ended_with(run(&recipe), GROVE_EXIT_CODE, 0));
}

static void test_whole_host_to_read(void) {
    struct recipe recipe = shell("cat /etc/passwd && ! echo x 2>/dev/null > /etc/grove-test && echo y > /tmp/y");
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_FS_EXEC, 0, "/"};
    CHECK(ended_with(run(&recipe), GROVE_EXIT_CODE, 0));
    CHECK(strstr(output, "root:") != NULL && access("/etc/grove-test", F_OK) < 0);
}

static void test_secret_given_to_read(void) {
    if (is_rootless)
        return;
    struct recipe recipe = shell("cat $0");
    make_file(path_of("owner-only"), "for you\n", 0600);
    recipe.arguments[3] = path_of("owner-only");
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_FS_READ, 0, path_of("owner-only")};
    CHECK(ended_with(run(&recipe), GROVE_EXIT_CODE, 0) && strcmp(output, "for you\n") == 0);
}

static void test_working_folder(void) {
    struct recipe recipe = shell("pwd");
    recipe.directory = "/usr/bin";
    CHECK(ended_with(run(&recipe), GROVE_EXIT_CODE, 0) && strcmp(output, "/usr/bin\n") == 0);
}

/* ---- identity ---- */

static void test_own_user(void) {
    CHECK(ended_with(run_shell("id -u; grep -c . /proc/self/uid_map; grep CapBnd /proc/self/status"), GROVE_EXIT_CODE,
                     0));
    CHECK((unsigned)atoi(output) == (is_rootless ? geteuid() : 1879048192u));
    CHECK(strstr(output, "CapBnd:\t0000000000000000") != NULL);
}

static void test_caller_identity(void) {
    struct recipe recipe = shell("id -u; grep CapEff /proc/self/status");
    recipe.flags |= GROVE_SPEC_CALLER_IDENTITY;
    CHECK(ended_with(run(&recipe), GROVE_EXIT_CODE, 0));
    CHECK((unsigned)atoi(output) == geteuid() && strstr(output, "CapEff:\t0000000000000000") != NULL);
}

/* A learning container sees the host's files, but not its processes. */
static void test_learning(void) {
    struct recipe recipe = shell("cat /etc/passwd; echo $$");
    recipe.flags |= GROVE_SPEC_LEARN;
    CHECK(ended_with(run(&recipe), GROVE_EXIT_CODE, 0));
    CHECK(strstr(output, "root:") != NULL && strstr(output, "\n2\n") != NULL);
}

/* ---- streams and sockets ---- */

static void test_streams_are_kept(void) {
    machine_object streams[2];
    char words[64] = "";
    CHECK(ended_with(run_shell("echo one"), GROVE_EXIT_CODE, 0) && strcmp(output, "one\n") == 0);
    struct recipe recipe = shell("echo two");
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK && harness_wait(&harness_record(0)->is_started) &&
          harness_wait(&harness_record(0)->is_exited));
    machine_container_streams(0, streams);
    CHECK(read(streams[0], words, sizeof words - 1) == 4 && strcmp(words, "two\n") == 0);
}

static void test_passed_streams(void) {
    struct recipe recipe = shell("read word; echo got $word");
    int in[2], out[2];
    char words[64] = "";
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 && write(in[1], "this\n", 5) == 5);
    recipe.streams = GROVE_STREAM_PASSED;
    CHECK(harness_start_with(0, harness_spec(&recipe), (const int[]){in[0], out[1], out[1]}) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && harness_wait(&harness_record(0)->is_exited));
    (void)close(out[1]);
    CHECK(read(out[0], words, sizeof words - 1) == 9 && strcmp(words, "got this\n") == 0);
    /* Nobody but us holds the other end now. */
    CHECK(read(out[0], words, sizeof words) == 0);
    (void)close(out[0]);
    (void)close(in[0]);
    (void)close(in[1]);
}

static void test_nothing_else_is_open(void) {
    CHECK(ended_with(run_shell("ls /proc/self/fd"), GROVE_EXIT_CODE, 0));
    /* 0, 1, 2, and the folder that ls reads. */
    CHECK(strcmp(output, "0\n1\n2\n3\n") == 0);
}

static void test_native_port(void) {
    struct recipe recipe = {.flags = GROVE_SPEC_NATIVE,
                            .executable = program,
                            .arguments = {program, "say-on-port"},
                            .grants = {{GROVE_CAP_FS_EXEC, 0, program}}};
    char words[16] = "";
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    struct pollfd ready = {.fd = harness_port(0), .events = POLLIN};
    CHECK(poll(&ready, 1, 10000) == 1 && read(ready.fd, words, sizeof words - 1) == 5 && strcmp(words, "hello") == 0);
    CHECK(harness_wait(&harness_record(0)->is_exited) && ended_with(harness_record(0), GROVE_EXIT_CODE, 0));
    CHECK(harness_record(0)->is_started && harness_record(0)->status == GROVE_OK);
}

static void test_readiness(void) {
    static const char script[] = "import os,socket;s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);"
                                 "s.sendto(b'STATUS=x\\nREADY=1\\n',os.environ['NOTIFY_SOCKET']);s.recv(1)";
    struct recipe recipe = {.flags = GROVE_SPEC_SYSTEM_FILES | GROVE_SPEC_NOTIFY_SOCKET,
                            .executable = "/usr/bin/python3",
                            .arguments = {"python3", "-c", script}};
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && harness_record(0)->status == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_ready));
    machine_container_kill(0);
    CHECK(harness_wait(&harness_record(0)->is_exited));
}

static void test_passed_listeners(void) {
    struct recipe recipe = shell("echo $LISTEN_FDS $LISTEN_PID $$; readlink /proc/self/fd/3 | cut -d: -f1");
    recipe.flags |= GROVE_SPEC_LISTEN_FDS;
    recipe.grants[0] = (struct recipe_grant){GROVE_CAP_NET_BIND, 0, NULL};
    CHECK(ended_with(run(&recipe), GROVE_EXIT_CODE, 0) && strcmp(output, "1 2 2\nsocket\n") == 0);
}

/* ---- budgets ---- */

static void test_usage_and_budget(void) {
    struct grove_usage usage = {0};
    if (is_rootless)
        return;
    struct recipe recipe = shell("echo up; sleep 1000");
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && says(0, "up"));
    CHECK(machine_container_usage(0, &usage) == GROVE_OK);
    CHECK(usage.memory_bytes > 0 && usage.processes >= 2);
    CHECK(machine_container_budget(0, &(struct grove_budget){.processes = 32, .memory_bytes = 64 << 20}) == GROVE_OK);
    CHECK(machine_container_schedule(0, &(struct grove_schedule){.class = GROVE_SCHEDULE_IDLE}) == GROVE_OK);
    machine_container_kill(0);
    CHECK(harness_wait(&harness_record(0)->is_exited));
}

static void test_schedule_at_start(void) {
    struct recipe recipe = shell("ps -o ni= -p $$ 2>/dev/null || nice");
    recipe.arguments[2] = "nice";
    recipe.schedule = (struct grove_schedule){.class = GROVE_SCHEDULE_FAIR, .priority = 5};
    CHECK(ended_with(run(&recipe), GROVE_EXIT_CODE, 0) && strcmp(output, "5\n") == 0);
}

static void test_freeze(void) {
    if (is_rootless)
        return;
    struct recipe recipe = shell("echo up; while :; do :; done");
    struct grove_usage before, after;
    CHECK(harness_start(0, harness_spec(&recipe)) == GROVE_OK);
    CHECK(harness_wait(&harness_record(0)->is_started) && says(0, "up"));
    CHECK(machine_container_freeze(0) == GROVE_OK && harness_wait(&harness_record(0)->is_frozen));
    CHECK(machine_container_usage(0, &before) == GROVE_OK && machine_container_usage(0, &after) == GROVE_OK);
    CHECK(before.processor_ns == after.processor_ns);
    CHECK(machine_container_thaw(0) == GROVE_OK);
    CHECK(machine_container_freeze(0) == GROVE_OK);
    /* A frozen container can be killed. */
    machine_container_kill(0);
    CHECK(harness_wait(&harness_record(0)->is_exited) && ended_with(harness_record(0), GROVE_EXIT_KILLED, 0));
}

/* ---- after a kill -9 ---- */

struct left_behind {
    int32_t container, stray; /* processes: of a container, and one that does not end with its parent */
    uint64_t boot_id;
    char folder[64];
};

static _Noreturn void wait_for_ever(void) {
    for (;;)
        (void)pause();
}

static _Noreturn void kernel_to_be_killed(int words) {
    struct recipe recipe = shell("echo up; while :; do sleep 1000 & wait; done");
    namespaces_close(); /* of the kernel that we were forked from */
    if (harness_open(is_rootless ? L(CGROUP) | L(USER_ID) : 0) < 0 || recovery_run(linux_machine) < 0 ||
        harness_start(0, harness_spec(&recipe)) < 0 || !harness_wait(&harness_record(0)->is_started) || !says(0, "up"))
        _exit(1);
    struct left_behind left = {.container = machine_container_process(0), .boot_id = linux_machine->boot_id};
    (void)snprintf(left.folder, sizeof left.folder, "%s", linux_machine->options.run_folder);
    left.stray = fork();
    if (left.stray == 0)
        wait_for_ever();
    recovery_note(1, left.stray);
    (void)!write(words, &left, sizeof left);
    wait_for_ever();
}

static bool has_ended(int descriptor) {
    struct pollfd end = {.fd = descriptor, .events = POLLIN};
    return descriptor >= 0 && poll(&end, 1, 5000) == 1;
}

static void test_recovery(void) {
    struct left_behind left = {0};
    int words[2], status;
    CHECK(pipe2(words, O_CLOEXEC) == 0);
    pid_t kernel = fork();
    if (kernel == 0)
        kernel_to_be_killed(words[1]);
    (void)close(words[1]);
    CHECK(read(words[0], &left, sizeof left) == (ssize_t)sizeof left && left.container > 0 && left.stray > 0);
    int container = (int)syscall(SYS_pidfd_open, left.container, 0),
        stray = (int)syscall(SYS_pidfd_open, left.stray, 0);
    CHECK(kill(kernel, SIGKILL) == 0 && waitpid(kernel, &status, 0) == kernel);
    CHECK(is_rootless || accounts_groups(left.boot_id) > 0);

    struct linux_machine next = *linux_machine;
    unsigned before = harness_recovered;
    next.options.run_folder = left.folder;
    next.boot_id++;
    CHECK(recovery_run(&next) == GROVE_OK);
    CHECK(has_ended(container));
    CHECK(has_ended(stray));
    CHECK(harness_recovered > before);
    CHECK(accounts_groups(left.boot_id) == 0);
    /* What it has ended once is not found again. */
    recovery_close();
    before = harness_recovered;
    CHECK(recovery_run(&next) == GROVE_OK && harness_recovered == before);
    recovery_close();
    (void)close(container);
    (void)close(stray);
    (void)close(words[0]);
    (void)rmdir(left.folder);
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    {"exit status", test_exit_status},
    {"a signal is the program's", test_signal_is_the_programs},
    {"kill", test_kill},
    {"a signal is passed on", test_signal_is_passed_on},
    {"orphans are reaped", test_orphans_are_reaped},
    {"a restart has a clean place", test_restart_has_a_clean_place},
    {"a missing path names the layer", test_missing_path_names_the_layer},
    {"a missing program names the layer", test_missing_program_names_the_layer},
    {"a missing folder to work in", test_missing_folder_to_work_in},
    {"a planted link", test_planted_link},
    {"granted paths", test_granted_paths},
    {"a folder is made", test_made_folder},
    {"grants inside grants", test_grants_inside_grants},
    {"the whole host to read", test_whole_host_to_read},
    {"a secret given to read", test_secret_given_to_read},
    {"a folder to work in", test_working_folder},
    {"a user of its own", test_own_user},
    {"the caller's identity", test_caller_identity},
    {"learning", test_learning},
    {"streams are kept", test_streams_are_kept},
    {"passed streams", test_passed_streams},
    {"nothing else is open", test_nothing_else_is_open},
    {"the port of a native service", test_native_port},
    {"readiness", test_readiness},
    {"passed listeners", test_passed_listeners},
    {"usage and budget", test_usage_and_budget},
    {"schedule at start", test_schedule_at_start},
    {"freeze", test_freeze},
    {"recovery", test_recovery},
};

static void place_make(const char *hostile) {
    char command[256];
    (void)snprintf(base, sizeof base, "/tmp/grove-life-XXXXXX");
    if (mkdtemp(base) == NULL || chmod(base, 0755) < 0)
        exit(99);
    (void)snprintf(program, sizeof program, "%s/program", base);
    (void)snprintf(command, sizeof command, "cp '%s' '%s'", hostile, program);
    if (system(command) != 0 || (is_rootless && chown(base, 65533, 65533) < 0))
        exit(99);
}

/* A kernel that ends takes its containers, and their control groups, with it. */
static bool end_with_a_container_running(void) {
    struct recipe recipe = shell("echo up; while :; do sleep 1000 & wait; done");
    uint64_t boot_id = linux_machine->boot_id;
    test_name = "an end with a container running";
    CHECK(harness_start(9, harness_spec(&recipe)) == GROVE_OK && harness_wait(&harness_record(9)->is_started) &&
          says(9, "up"));
    int process = (int)syscall(SYS_pidfd_open, machine_container_process(9), 0);
    harness_close();
    CHECK(has_ended(process) && accounts_groups(boot_id) == 0);
    return close(process) == 0;
}

/* The harness runs in a child, so that an ordinary user's tests leave nothing that root's clean-up must find. */
static int run_all(const char *only) {
    if (is_rootless &&
        (setresgid(65533, 65533, 65533) < 0 || setresuid(65533, 65533, 65533) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0))
        return 99;
    if (harness_open(is_rootless ? L(CGROUP) | L(USER_ID) : 0) < 0)
        return 99;
    for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++) {
        test_name = tests[i].name;
        if (only != NULL && strcmp(only, test_name) != 0)
            continue;
        unsigned before = failures;
        tests[i].run();
        machine_container_destroy(0);
        (void)printf("%-36s %s\n", test_name, failures == before ? "right" : "WRONG");
        (void)fflush(stdout);
    }
    return end_with_a_container_running() && failures == 0 ? 0 : 1;
}

int main(int count, char **arguments) {
    char command[128];
    int status = 0;
    is_rootless = count > 2 && strcmp(arguments[2], "rootless") == 0;
    if (count < 2 || geteuid() != 0) {
        (void)printf("left out: needs root\n");
        return 77;
    }
    place_make(arguments[1]);
    struct accounts before = accounts_take();
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(run_all(count > 3 ? arguments[3] : NULL));
    bool is_right = waitpid(child, &status, 0) == child && status == 0;
    struct accounts after = accounts_take();
    is_right &= accounts_match(&before, &after);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", base);
    (void)!system(command);
    return is_right ? 0 : 1;
}
