/* Programs of containers: how they begin, fail and end; whom their members see; and what is on their accounts. */
#include "kernel/services/posix/program.h"

#include "kernel/services/posix/test/instances.h"
#include "kernel/services/posix/test/program_file.h"
#include "kernel/services/posix/test/world.h"

#include <string.h>

#define USER 4242u
#define PROCESSES_MAX 3u
#define CAP_OVERRIDE (UINT64_C(1) << 1)

/* A container as its host sees it. */
struct stage {
    struct instance instance;
    struct memory_account memory, processes;
    struct {
        struct grove_spec spec;
        struct grove_spec_text_area {
            char text[64];
        } area;
    } blob;
    struct descriptors descriptors;
    struct host_programs programs;
    struct program *program;
    struct program_plan plan;
};

/* The spec names its executable and nothing else. */
static void set_spec(struct stage *stage, const char *executable) {
    struct grove_spec *spec = &stage->blob.spec;
    spec->text_offset_bytes = sizeof(*spec);
    spec->text_bytes = sizeof(stage->blob.area.text);
    spec->executable = (struct grove_span){.length_bytes = (uint32_t)strlen(executable)};
    memcpy(stage->blob.area.text, executable, strlen(executable) + 1);
}

static void set_plan(struct stage *stage) {
    const struct caller *caller = &posix_world.files.caller;
    descriptors_init(&stage->descriptors, &posix_world.files.vfs, 77);
    stage->plan = (struct program_plan){.instance = &stage->instance,
                                        .spec = &stage->blob.spec,
                                        .caller = *caller,
                                        .descriptors = &stage->descriptors,
                                        .memory = &stage->memory,
                                        .processes = &stage->processes,
                                        .schedule = {.class = GROVE_SCHEDULE_FAIR},
                                        .file_bytes = 1000,
                                        .user = USER,
                                        .group_id = USER};
    stage->plan.caller.identity = (struct identity){.user = USER, .group = USER, .capabilities = CAP_OVERRIDE};
    vfs_lock(&posix_world.files.vfs);
    path_ref(&stage->plan.caller.root);
    path_ref(&stage->plan.caller.folder);
    vfs_unlock(&posix_world.files.vfs);
}

/* Process 1 is there and asks for all that follows. */
static void begin(struct stage *stage, const char *executable) {
    uint8_t bytes[PROGRAM_FILE_BYTES];
    memset(stage, 0, sizeof(*stage));
    posix_begin();
    program_file_put("program", bytes, program_file_make(bytes, 2, 0x400000, NULL), 0755);
    memory_account_init(&stage->memory, NULL, MEMORY_UNLIMITED);
    memory_account_init(&stage->processes, NULL, PROCESSES_MAX);
    set_spec(stage, executable);
    set_plan(stage);
    programs_serve(&stage->programs);
    assert_int_equal(stage->programs.begin(NULL, &stage->plan, &stage->program), 0);
}

static int32_t number(const struct stage *stage) {
    return stage->programs.number(NULL, stage->program);
}

static void begin_running(struct stage *stage) {
    begin(stage, "/program");
    assert_true(posix_begin_program(number(stage)));
    assert_int_equal(stage->instance.runs, 1);
}

/* The program is over: nothing of it is left. */
static void end(struct stage *stage) {
    assert_int_equal(stage->instance.ends + stage->instance.failures, 1);
    stage->programs.forget(NULL, stage->program);
    assert_int_equal(stage->processes.used, 0);
    assert_int_equal(stage->processes.holders, 1);
    assert_int_equal(stage->memory.holders, 1);
    assert_int_equal(processes.contained, 0);
    posix_become(1);
    posix_end();
}

static int64_t kill_of(int32_t target, int signal) {
    return posix_do(system_call_kill, (uint64_t)(int64_t)target, (uint64_t)signal, 0, 0);
}

static void it_begins_as_its_plan_says(void **state) {
    struct stage stage;
    (void)state;
    begin_running(&stage);
    const struct process *process = process_current();
    assert_int_equal(process->id, number(&stage));
    assert_null(process->parent);
    assert_int_equal(process->credentials.user, USER);
    assert_int_equal(process->credentials.effective, CAP_OVERRIDE); /* also after execve */
    assert_true(process->credentials.has_no_new_privileges);
    assert_int_equal(process->limits.of[LIMIT_FILE_BYTES].hard, 1000);
    assert_int_equal(process->limits.of[LIMIT_DESCRIPTORS].hard, 77);
    assert_int_equal(process_group_of(process), process->id);
    assert_int_equal(process_session_of(process), process->id);
    assert_int_equal(stage.processes.used, 1);
    posix_exit(number(&stage), 3);
    assert_false(stage.instance.end.is_signal);
    assert_int_equal(stage.instance.end.value, 3);
    end(&stage);
}

static void what_cannot_be_loaded_fails(void **state) {
    struct stage stage;
    (void)state;
    begin(&stage, "/none");
    assert_false(posix_begin_program(number(&stage)));
    assert_int_equal(stage.instance.runs, 0);
    assert_int_equal(stage.instance.error, LINUX_ENOENT);
    end(&stage);
}

static int no_sockets(const struct grove_spec *spec, const struct caller *caller, struct descriptors *descriptors,
                      uint32_t *count) {
    (void)spec;
    (void)caller;
    (void)descriptors;
    *count = 0;
    return -LINUX_EADDRINUSE;
}

static void what_it_needs_before_fails_with_its_layer(void **state) {
    struct stage stage;
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin(&stage, "/program");
        program_listen = i == 0 ? NULL : no_sockets;
        stage.blob.spec.flags = GROVE_SPEC_LISTEN_FDS;
        assert_false(posix_begin_program(number(&stage)));
        assert_int_equal(stage.instance.runs, 0);
        assert_int_equal(stage.instance.layer, GROVE_LAYER_STREAMS);
        assert_int_equal(stage.instance.error, i == 0 ? LINUX_EOPNOTSUPP : LINUX_EADDRINUSE);
        end(&stage);
    }
    program_listen = NULL;
}

static void it_may_be_killed_before_it_runs(void **state) {
    struct stage stage;
    (void)state;
    begin(&stage, "/program");
    stage.programs.kill(NULL, stage.program);
    if (posix_begin_program(number(&stage)))
        assert_false(posix_go_to_user());
    end(&stage);
}

static void members_see_one_another_only(void **state) {
    struct stage stage;
    (void)state;
    begin_running(&stage);
    int32_t first = number(&stage), child = posix_fork();
    posix_become(first);
    assert_int_equal(kill_of(child, 0), 0);
    assert_int_equal(kill_of(1, 0), -LINUX_ESRCH);
    assert_int_equal(kill_of(-1, LINUX_SIGURG), 0); /* the child alone */
    assert_int_equal(posix_do(system_call_getpgid, 1, 0, 0, 0), -LINUX_ESRCH);
    assert_int_equal(posix_do(system_call_tkill, 1, LINUX_SIGURG, 0, 0), -LINUX_ESRCH);
    assert_int_equal(posix_do(system_call_pidfd_open, 1, 0, 0, 0), -LINUX_ESRCH);
    /* Whoever is in no container sees all of them, and sends to all only among its own. */
    posix_become(1);
    assert_int_equal(kill_of(child, 0), 0);
    assert_int_equal(kill_of(-1, LINUX_SIGKILL), -LINUX_ESRCH);
    posix_become(child);
    assert_true(posix_go_to_user());
    posix_exit(first, 0);
    end(&stage);
}

static void the_end_of_the_first_is_that_of_all(void **state) {
    struct stage stage;
    (void)state;
    begin_running(&stage);
    int32_t first = number(&stage), child = posix_fork();
    posix_become(child);
    int32_t grandchild = posix_fork();
    posix_become(child);
    posix_exit(child, 0);
    posix_become(grandchild);
    assert_ptr_equal(process_current()->parent, stage.program->first); /* and not process 1 */
    posix_become(first);
    assert_int_equal(stage.processes.used, PROCESSES_MAX);
    assert_int_equal(posix_do(system_call_fork, 0, 0, 0, 0), -LINUX_EAGAIN); /* the zombie counts */
    assert_int_equal(stage.processes.refusals, 1);
    posix_exit(first, 0);
    assert_int_equal(stage.instance.ends, 1);
    end(&stage);
}

static void a_kill_ends_all(void **state) {
    struct stage stage;
    (void)state;
    begin_running(&stage);
    int32_t first = number(&stage);
    (void)posix_fork();
    posix_become(first);
    stage.programs.kill(NULL, stage.program);
    assert_false(posix_go_to_user());
    assert_true(stage.instance.end.is_signal);
    assert_int_equal(stage.instance.end.value, LINUX_SIGKILL);
    end(&stage);
}

static void want_of_memory_is_told(void **state) {
    struct stage stage;
    (void)state;
    begin_running(&stage);
    process_end_without_memory();
    assert_false(posix_go_to_user());
    assert_true(stage.instance.end.is_signal);
    assert_true(stage.instance.end.lacked_memory);
    end(&stage);
}

static void signals_go_to_the_first(void **state) {
    struct stage stage;
    (void)state;
    begin_running(&stage);
    assert_int_equal(stage.programs.signal(NULL, stage.program, 0), -LINUX_EINVAL);
    assert_int_equal(stage.programs.signal(NULL, stage.program, 65), -LINUX_EINVAL);
    assert_int_equal(stage.programs.signal(NULL, stage.program, LINUX_SIGTERM), 0);
    assert_false(posix_go_to_user());
    assert_int_equal(stage.instance.end.value, LINUX_SIGTERM);
    assert_int_equal(stage.programs.signal(NULL, stage.program, LINUX_SIGTERM), -LINUX_ESRCH);
    end(&stage);
}

static void thaws(struct posix_world *world) {
    world->on_sleep = NULL;
    const struct program *program = process_current()->program;
    assert_int_equal(program->instance->freezes, 1);
    freezer_thaw(&process_current()->program->freezer);
}

static void all_members_are_frozen(void **state) {
    struct stage stage;
    (void)state;
    begin_running(&stage);
    int32_t child = posix_fork();
    assert_int_equal(stage.programs.freeze(NULL, stage.program), 0);
    assert_int_equal(stage.instance.freezes, 0);
    stage.programs.thaw(NULL, stage.program);
    posix_become(child);
    assert_true(posix_go_to_user());
    posix_exit(child, 0);
    posix_become(number(&stage));
    assert_int_equal(stage.programs.freeze(NULL, stage.program), 0);
    posix_world.on_sleep = thaws;
    assert_true(posix_go_to_user());
    assert_int_equal(stage.instance.freezes, 1);
    posix_exit(number(&stage), 0);
    end(&stage);
}

static void calls_are_known_to_be_its_own(void **state) {
    struct stage stage;
    uint16_t call = 7;
    (void)state;
    begin_running(&stage);
    thread_user_registers(thread_current())->call = 49;
    assert_ptr_equal(stage.programs.current(NULL, &call), &stage.instance);
    assert_int_equal(call, 49);
    posix_become(1);
    assert_null(stage.programs.current(NULL, &call));
    posix_become(number(&stage));
    posix_exit(number(&stage), 0);
    end(&stage);
}

static void all_threads_get_a_schedule(void **state) {
    const struct grove_schedule fixed = {.class = GROVE_SCHEDULE_FIXED, .priority = 7};
    const struct grove_schedule deadline = {
        .class = GROVE_SCHEDULE_DEADLINE, .runtime_ns = 5000000, .deadline_ns = 10000000, .period_ns = 10000000};
    const struct grove_schedule too_much = {
        .class = GROVE_SCHEDULE_DEADLINE, .runtime_ns = 10000000, .deadline_ns = 10000000, .period_ns = 10000000};
    struct stage stage;
    (void)state;
    begin_running(&stage);
    struct thread *first = thread_current();
    int32_t child = posix_fork();
    posix_become(child);
    struct thread *second = thread_current();
    assert_int_equal(stage.programs.schedule(NULL, stage.program, &fixed), 0);
    assert_int_equal(first->schedule.priority, 7);
    assert_int_equal(second->schedule.priority, 7);
    assert_int_equal(stage.programs.schedule(NULL, stage.program, &too_much), -LINUX_EBUSY);
    assert_int_equal(first->schedule.priority, 7);
    assert_int_equal(stage.programs.schedule(NULL, stage.program, &deadline), 0);
    assert_int_equal(first->schedule.class, GROVE_SCHEDULE_DEADLINE);
    assert_int_equal(second->schedule.class, GROVE_SCHEDULE_FAIR);
    posix_exit(number(&stage), 0);
    end(&stage);
}

static void threads_run_on_the_group_of_the_container(void **state) {
    struct stage stage;
    struct sched_group group;
    (void)state;
    memset(&stage, 0, sizeof(stage));
    posix_begin();
    assert_int_equal(sched_group_init(&thread_scheduler, &group, NULL, 0, 0), 0);
    memory_account_init(&stage.memory, NULL, MEMORY_UNLIMITED);
    memory_account_init(&stage.processes, NULL, PROCESSES_MAX);
    set_spec(&stage, "/none");
    set_plan(&stage);
    stage.plan.group = &group;
    programs_serve(&stage.programs);
    assert_int_equal(stage.programs.begin(NULL, &stage.plan, &stage.program), 0);
    posix_become(number(&stage));
    assert_ptr_equal(thread_current()->sched.own.group, &group);
    assert_false(posix_begin_program(number(&stage)));
    sched_group_deinit(&thread_scheduler, &group);
    end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_as_its_plan_says),
        cmocka_unit_test(what_cannot_be_loaded_fails),
        cmocka_unit_test(what_it_needs_before_fails_with_its_layer),
        cmocka_unit_test(it_may_be_killed_before_it_runs),
        cmocka_unit_test(members_see_one_another_only),
        cmocka_unit_test(the_end_of_the_first_is_that_of_all),
        cmocka_unit_test(a_kill_ends_all),
        cmocka_unit_test(want_of_memory_is_told),
        cmocka_unit_test(signals_go_to_the_first),
        cmocka_unit_test(all_members_are_frozen),
        cmocka_unit_test(calls_are_known_to_be_its_own),
        cmocka_unit_test(all_threads_get_a_schedule),
        cmocka_unit_test(threads_run_on_the_group_of_the_container),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
