/* Projects: what containers use together, in memory, processes and processor time, and what is left when they go. */
#include "kernel/services/containers/test/stage.h"

static int set_up(void **state) {
    (void)state;
    stage_open();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stage_close();
    return 0;
}

static void limit_is_held_together(void **state) {
    const struct grove_budget budget = {.memory_bytes = UINT64_C(4) * 4096, .processes = 2};
    const struct grove_budget none = {0};
    struct allowance *first, *second;
    (void)state;
    assert_int_equal(machine_project_set(9, 1, &budget), GROVE_OK);
    struct allowance *project = containers.projects[9]->allowance;
    assert_int_equal(allowance_create(&stage.world.machine, &fake_host.scheduler, project, &none, &first), GROVE_OK);
    assert_int_equal(allowance_create(&stage.world.machine, &fake_host.scheduler, project, &none, &second), GROVE_OK);
    assert_int_equal(memory_account_charge(&first->memory, 3), 0);
    assert_int_equal(memory_account_charge(&second->memory, 2), -LINUX_ENOMEM);
    assert_int_equal(memory_account_charge(&second->memory, 1), 0);
    assert_int_equal(memory_account_charge(&first->processes, 2), 0);
    assert_int_equal(memory_account_charge(&second->processes, 1), -LINUX_ENOMEM);
    const struct grove_budget more = {.memory_bytes = UINT64_C(5) * 4096};
    assert_int_equal(machine_project_set(9, 1, &more), GROVE_OK);
    assert_int_equal(memory_account_charge(&second->memory, 1), 0);
    assert_int_equal(memory_account_charge(&second->processes, 1), 0);
    memory_account_discharge(&first->processes, 2);
    memory_account_discharge(&second->processes, 1);
    memory_account_discharge(&first->memory, 3);
    memory_account_discharge(&second->memory, 1);
    allowance_end(&fake_host.scheduler, first);
    allowance_end(&fake_host.scheduler, second);
    machine_project_destroy(9);
    assert_null(containers.projects[9]);
    /* A page that is shared with others outlives the container and the project. */
    memory_account_discharge(&second->memory, 1);
}

static void share_of_a_processor_becomes_a_quota(void **state) {
    const struct grove_budget quarter = {.processor_ppm = 250000}, all = {.processor_ppm = UINT64_MAX}, none = {0};
    (void)state;
    assert_int_equal(machine_project_set(9, 1, &quarter), GROVE_OK);
    const struct sched_group *group = &containers.projects[9]->allowance->group;
    assert_true(group->quota_ns * 4 == group->period_ns);
    assert_int_equal(machine_project_set(9, 1, &none), GROVE_OK);
    assert_int_equal(group->quota_ns, 0);
    assert_int_equal(machine_project_set(9, 1, &all), GROVE_OK); /* more than any machine has */
    assert_int_equal(group->quota_ns, 0);
    machine_project_destroy(9);
}

static void too_deep_and_too_little_memory(void **state) {
    const struct grove_budget budget = {.memory_bytes = 1 << 20};
    machine_project project = 8;
    int status = GROVE_OK;
    (void)state;
    for (; project < 15 && status == GROVE_OK; project++)
        status = machine_project_set(project, project == 8 ? 1 : project - 1, &budget);
    assert_int_equal(status, GROVE_LAYER_MISSING);
    for (project--; project > 8; project--)
        machine_project_destroy(project - 1);
    uint64_t taken = stage.world.taken;
    for (uint64_t requests = 0; requests < 2; requests++) {
        stage.world.requests_left = requests;
        assert_int_equal(machine_project_set(9, 1, &budget), GROVE_NO_MEMORY);
        assert_int_equal(stage.world.taken, taken);
    }
    stage.world.requests_left = UINT64_MAX;
}

/* Through the port: a project with a limit, and one of its containers that another's use leaves nothing. */
static void container_is_charged_to_its_project(void **state) {
    const struct grove_project_create body = {.name = {"grid"}, .budget = {.processes = 1}};
    static const struct stage_spec one = {.name = "grid.one"}, two = {.name = "grid.two"};
    struct port_packet *packet;
    uint64_t blob[STAGE_SPEC_WORDS];
    (void)state;
    assert_int_equal(stage_ask(stage.port, GROVE_REQUEST_PROJECT_CREATE, &body, sizeof(body), NULL, 0, &packet), 0);
    grove_handle project = packet->message.body.handle_reply.handle;
    stage_drop(packet);
    const struct stage_spec *specs[] = {&one, &two};
    for (uint32_t i = 0; i < 2; i++) {
        struct grove_container_create create = {.spec_bytes = stage_build(specs[i], blob), .project = project};
        struct open_file *file =
            fake_memory(blob, create.spec_bytes, LINUX_F_SEAL_WRITE | LINUX_F_SEAL_SHRINK | LINUX_F_SEAL_GROW);
        assert_int_equal(
            stage_ask(stage.port, GROVE_REQUEST_CONTAINER_CREATE, &create, sizeof(create), &file, 1, &packet), 0);
        grove_handle container = packet->message.body.container.container;
        stage_drop(packet);
        assert_int_equal(stage_start(container, NULL, 0, NULL), i == 0 ? GROVE_OK : GROVE_NO_MEMORY);
    }
}

int main(void) {
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(limit_is_held_together),
        STAGED(share_of_a_processor_becomes_a_quota),
        STAGED(too_deep_and_too_little_memory),
        STAGED(container_is_charged_to_its_project),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
