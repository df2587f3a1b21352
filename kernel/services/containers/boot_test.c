/* Init's start from a file, and the thread that runs until all is down. */
#include "kernel/services/containers/test/stage.h"

static int set_up(void **state) {
    (void)state;
    stage_set_up();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stage_close();
    return 0;
}

static const struct stage_spec init = {.name = "system.init", .ring = 1};

static void write_spec(const char *path) {
    uint64_t blob[STAGE_SPEC_WORDS];
    uint32_t size_bytes = stage_build(&init, blob);
    assert_int_equal(world_make_file(&stage.world, path), 0);
    assert_int_equal(world_write(&stage.world, path, 0, blob, size_bytes), size_bytes);
}

static void init_holds_everything(void **state) {
    const char *problem = NULL;
    (void)state;
    write_spec("/boot.spec");
    assert_int_equal(containers_boot("/boot.spec", &problem), GROVE_OK);
    stage_settle();
    assert_int_equal(fake_host.begun, 1);
    struct program *program = &fake_host.programs[0];
    assert_int_equal(program->plan.spec->ring, 1);
    struct open_file *port = stage_file(program, GROVE_PORT_DESCRIPTOR);
    struct port_packet *packet = stage_take(port, GROVE_NOTICE_INIT, 0);
    assert_non_null(packet);
    assert_int_equal(packet->message.body.init.ring, 1);
    assert_int_equal(packet->message.body.init.reason, GROVE_START_FRESH);
    stage_drop(packet);
    assert_int_equal(containers_boot("/boot.spec", &problem), GROVE_EXISTS);
}

static void what_is_no_spec_is_explained(void **state) {
    const char *problem = NULL;
    static char zeros[GROVE_SPEC_BYTES_MAX + 16];
    (void)state;
    assert_int_equal(containers_boot("/missing", &problem), GROVE_NOT_FOUND);
    assert_non_null(problem);
    assert_int_equal(world_make_file(&stage.world, "/empty"), 0);
    problem = NULL;
    assert_int_equal(containers_boot("/empty", &problem), GROVE_INVALID);
    assert_non_null(problem);
    assert_int_equal(world_make_file(&stage.world, "/long"), 0);
    assert_int_equal(world_write(&stage.world, "/long", 0, zeros, sizeof(zeros)), sizeof(zeros));
    assert_true(containers_boot("/long", NULL) < 0);
    stage.world.requests_left = 0;
    assert_int_equal(containers_boot("/empty", &problem), GROVE_NO_MEMORY);
    stage.world.requests_left = UINT64_MAX;
    assert_int_equal(fake_host.begun, 0);
}

/* The thread sleeps, and what others do meanwhile ends init. */
static void end_while_asleep(struct world *world) {
    struct program *program = &fake_host.programs[0];
    (void)world;
    if (program->is_begun && program->is_killed)
        fake_end(program, true, 9, false);
    else
        world->now_ns += INT64_C(1000000000);
}

static int sleep_until(void *context, struct wait_queue *queue, struct spinlock *held, uint64_t until_ns) {
    (void)until_ns;
    assert_false(core_is_down(containers.core)); /* nothing would wake it but the deadline */
    return stage.world.machine.sleep(context, queue, held);
}

static void thread_runs_until_all_is_down(void **state) {
    struct open_file *shell;
    (void)state;
    write_spec("/boot.spec");
    assert_int_equal(containers_boot("/boot.spec", NULL), GROVE_OK);
    stage_settle();
    assert_int_equal(containers_connect("shell", 0, 1, &shell), 0); /* which stays */
    stage_settle();
    stage.world.machine.sleep_until = sleep_until;
    stage.world.on_sleep = end_while_asleep;
    containers_shut_down((uint64_t)stage.world.now_ns + UINT64_C(5000000000));
    containers_run();
    assert_true(containers_are_down());
    assert_false(fake_host.programs[0].is_used);
    file_unref(shell);
}

static void nothing_is_left_without_memory(void **state) {
    struct containers_plan plan = {.vfs = &stage.world.vfs, .host = &fake_host.host, .caller = stage.world.caller};
    int failed = 0;
    (void)state;
    containers_deinit();
    dentry_forget_unused(&stage.world.vfs);
    uint64_t taken = stage.world.taken;
    for (uint64_t requests = 0;; requests++) {
        stage.world.requests_left = requests;
        if (containers_init(&plan) == 0)
            break;
        failed++;
        dentry_forget_unused(&stage.world.vfs);
        assert_int_equal(stage.world.taken, taken);
    }
    stage.world.requests_left = UINT64_MAX;
    assert_true(failed > 10);
}

int main(void) {
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(init_holds_everything),
        STAGED(what_is_no_spec_is_explained),
        STAGED(thread_runs_until_all_is_down),
        STAGED(nothing_is_left_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
