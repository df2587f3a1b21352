/* Projects and budgets: what is promised, what is charged, and what the machine is told of it. */
#include "kernel/core/test/world.h"

#include "kernel/core/test/unit.h"

static const struct world_permission permissions[] = {
    {.kind = GROVE_CAP_IPC_SEND, .text = "grid.>"},
    {.kind = GROVE_CAP_IPC_RECV, .text = "grid.>"},
    {.kind = GROVE_CAP_SHM_CREATE, .quantity = 65536},
};

static int create_project(struct world *world, const char *name, grove_handle parent, uint64_t shared,
                          struct fake_packet *reply) {
    struct grove_project_create body = {.name = world_name(name), .parent = parent};
    body.budget.shared_bytes = shared;
    return world_ask(world, world->init, GROVE_REQUEST_PROJECT_CREATE, &body, sizeof(body), reply);
}

static int create_in(struct world *world, grove_handle project, const struct world_spec *spec,
                     struct grove_container_reply *made) {
    uint64_t blob[SPEC_BUFFER_WORDS];
    struct grove_container_create body = {.spec_bytes = world_build(spec, blob), .project = project};
    struct fake_packet reply;
    machine_object object = fake_blob(blob, body.spec_bytes);
    uint64_t sequence = world_send(world, world->init, GROVE_REQUEST_CONTAINER_CREATE, &body, sizeof(body), &object, 1);
    assert_true(fake_take(world->init, GROVE_REQUEST_CONTAINER_CREATE, sequence, &reply));
    *made = reply.message.body.container;
    return reply.message.status;
}

static void a_project_limits_what_is_in_it(void **state) {
    (void)state;
    struct world world;
    struct fake_packet reply;
    struct grove_container_reply made;
    world_open(&world, NULL);
    assert_int_equal(create_project(&world, "power", 0, 100000, &reply), 0);
    grove_handle project = reply.message.body.handle_reply.handle;
    assert_int_equal(create_project(&world, "power", 0, 0, &reply), GROVE_EXISTS);
    assert_int_equal(create_project(&world, "power.child", project, 200000, &reply), GROVE_EXHAUSTED);
    assert_int_equal(create_project(&world, "power.child", project, 50000, &reply), 0);
    grove_handle child = reply.message.body.handle_reply.handle;
    struct world_spec spec = {.name = "power.child.a", .permissions = permissions, .count = 3};
    spec.budget.shared_bytes = 60000;
    assert_int_equal(create_in(&world, child, &spec, &made), GROVE_EXHAUSTED);
    spec.budget.shared_bytes = 0;
    assert_int_equal(create_in(&world, child, &spec, &made), 0);
    assert_int_equal(world_start(&world, world.init, made.container), 0);
    machine_container machine = world_machine(&world, made.id);
    struct grove_region_create create = {.size_bytes = 40000};
    assert_int_equal(world_ask(&world, machine, GROVE_REQUEST_REGION_CREATE, &create, sizeof(create), &reply), 0);
    create.size_bytes = 10001;
    assert_int_equal(world_ask(&world, machine, GROVE_REQUEST_REGION_CREATE, &create, sizeof(create), &reply),
                     GROVE_EXHAUSTED);
    assert_int_equal(world_handle_request(&world, world.init, GROVE_REQUEST_PROJECT_DESTROY, child), GROVE_WRONG_STATE);
    assert_int_equal(world_control(&world, world.init, made.container, GROVE_ACTION_DESTROY), 0);
    assert_int_equal(world_handle_request(&world, world.init, GROVE_REQUEST_PROJECT_DESTROY, child), 0);
    assert_int_equal(world_handle_request(&world, world.init, GROVE_REQUEST_PROJECT_DESTROY, project), 0);
    assert_int_equal(world.core->projects.used, 1);
    world_close(&world);
}

static int set_memory(struct world *world, grove_handle handle, uint64_t memory_bytes, struct fake_packet *reply) {
    struct grove_budget_set body = {.container = handle, .budget.memory_bytes = memory_bytes};
    return world_ask(world, world->init, GROVE_REQUEST_BUDGET_SET, &body, sizeof(body), reply);
}

static grove_handle open_project(struct world *world, const char *name, grove_handle parent, uint64_t memory_bytes) {
    struct fake_packet reply;
    struct grove_project_create body = {
        .name = world_name(name), .parent = parent, .budget.memory_bytes = memory_bytes};
    assert_int_equal(world_ask(world, world->init, GROVE_REQUEST_PROJECT_CREATE, &body, sizeof(body), &reply), 0);
    return reply.message.body.handle_reply.handle;
}

static int create_with_memory(struct world *world, grove_handle project, const char *name, uint64_t memory_bytes,
                              struct grove_container_reply *made) {
    struct world_spec spec = {.name = name, .permissions = permissions, .count = 3};
    spec.budget.memory_bytes = memory_bytes;
    return create_in(world, project, &spec, made);
}

static void a_project_promises_no_more_than_it_has(void **state) {
    (void)state;
    struct world world;
    struct fake_packet reply;
    struct grove_container_reply a;
    struct grove_container_reply b;
    world_open(&world, NULL);
    grove_handle project = open_project(&world, "power", 0, 1000);
    grove_handle child = open_project(&world, "power.child", project, 0);
    assert_int_equal(create_with_memory(&world, project, "power.a", 600, &a), 0);
    assert_int_equal(create_with_memory(&world, child, "power.child.b", 401, &b), GROVE_EXHAUSTED);
    assert_int_equal(create_with_memory(&world, child, "power.child.b", 400, &b), 0);
    assert_int_equal(set_memory(&world, b.container, 401, &reply), GROVE_EXHAUSTED);
    assert_string_equal(reply.message.body.overcommitted.project.text, "power");
    assert_int_equal(reply.message.body.overcommitted.resource, 1);
    assert_int_equal(reply.message.body.overcommitted.promised, 600);
    assert_int_equal(reply.message.body.overcommitted.limit, 1000);
    assert_int_equal(set_memory(&world, project, 999, &reply), GROVE_EXHAUSTED);
    assert_int_equal(reply.message.body.overcommitted.promised, 1000);
    assert_int_equal(reply.message.body.overcommitted.limit, 999);
    assert_int_equal(set_memory(&world, a.container, 500, &reply), 0);
    assert_int_equal(set_memory(&world, project, 900, &reply), 0);
    assert_int_equal(set_memory(&world, child, 401, &reply), GROVE_EXHAUSTED);
    /* What ends gives back its promise at once. */
    assert_int_equal(world_control(&world, world.init, a.container, GROVE_ACTION_DESTROY), 0);
    assert_int_equal(set_memory(&world, b.container, 900, &reply), 0);
    world_close(&world);
}

static void a_changed_budget_of_a_project_reaches_those_who_run_in_it(void **state) {
    (void)state;
    struct world world;
    struct grove_container_reply made;
    world_open(&world, NULL);
    grove_handle project = open_project(&world, "power", 0, 1000);
    assert_int_equal(create_with_memory(&world, project, "power.a", 0, &made), 0);
    assert_int_equal(world_start(&world, world.init, made.container), 0);
    assert_int_equal(set_memory(&world, project, 700, NULL), 0);
    assert_int_equal(fake.containers[world_machine(&world, made.id)].budget.memory_bytes, 700);
    world_close(&world);
}

static void whoever_made_a_project_finds_it_again(void **state) {
    (void)state;
    struct world world;
    struct fake_packet reply;
    struct grove_container_reply made;
    world_open(&world, NULL);
    grove_handle project = open_project(&world, "power", 0, 1000);
    assert_int_equal(create_project(&world, "power", 0, 0, &reply), GROVE_EXISTS);
    assert_true(reply.message.body.handle_reply.handle == project);
    /* Without its handle the name is free at once, though a member still lives. */
    assert_int_equal(create_with_memory(&world, project, "power.a", 0, &made), 0);
    assert_int_equal(world_revoke(&world, world.init, project, true, NULL), 0);
    assert_true(open_project(&world, "power", 0, 1000) != project);
    assert_int_equal(world_control(&world, world.init, made.container, GROVE_ACTION_DESTROY), 0);
    assert_int_equal(world.core->projects.used, 2);
    world_close(&world);
}

static void a_budget_reaches_the_machine(void **state) {
    (void)state;
    struct world world;
    grove_handle first = 0;
    grove_handle second = 0;
    const struct world_spec specs[] = {{.name = "grid.first", .permissions = permissions, .count = 3},
                                       {.name = "grid.second", .permissions = permissions, .count = 3}};
    world_open(&world, NULL);
    machine_container stranger = world_service(&world, world.init, &specs[0], &first);
    machine_container limited = world_service(&world, world.init, &specs[1], &second);
    struct grove_budget_set body = {.container = second, .budget = {.memory_bytes = 1u << 20}};
    assert_int_equal(world_ask(&world, world.init, GROVE_REQUEST_BUDGET_SET, &body, sizeof(body), NULL), 0);
    assert_true(fake.containers[limited].budget.memory_bytes == 1u << 20);
    assert_int_equal(world_ask(&world, stranger, GROVE_REQUEST_BUDGET_SET, &body, sizeof(body), NULL),
                     GROVE_STALE_HANDLE);
    struct fake_packet notice;
    core_container_over_budget(world.core, limited, 1, 2u << 20, 1u << 20);
    assert_true(fake_take(limited, GROVE_NOTICE_BUDGET_WARNING, 0, &notice));
    assert_int_equal(notice.message.body.budget_warning.limit, 1u << 20);
    world_close(&world);
}

/* What is set while nothing runs holds for the next instance, and so does what is taken away. */
static void a_budget_comes_with_each_start(void **state) {
    (void)state;
    struct world world;
    grove_handle handle = 0;
    const struct world_spec spec = {
        .name = "grid.first", .permissions = permissions, .count = 3, .budget = {.memory_bytes = 1000}};
    world_open(&world, NULL);
    machine_container machine = world_service(&world, world.init, &spec, &handle);
    assert_int_equal(fake.containers[machine].budget.memory_bytes, 1000);
    const uint64_t limits[] = {700, 1000};
    for (size_t i = 0; i < ITEMS(limits); i++) {
        world_exit(&world, machine, GROVE_EXIT_CODE, 0);
        assert_int_equal(set_memory(&world, handle, limits[i], NULL), 0);
        struct grove_schedule_set body = {.container = handle, .schedule = {.priority = (int32_t)i + 1}};
        assert_int_equal(world_ask(&world, world.init, GROVE_REQUEST_SCHEDULE_SET, &body, sizeof(body), NULL), 0);
        assert_int_equal(world_start(&world, world.init, handle), 0);
        assert_int_equal(fake.containers[machine].budget.memory_bytes, limits[i]);
        assert_int_equal(fake.containers[machine].schedule.priority, i + 1);
    }
    world_close(&world);
}

/* ---- warnings ---- */

static void a_warning_reaches_the_container_its_owner_and_the_log(void **state) {
    (void)state;
    struct world world;
    struct fake_packet notice;
    grove_handle handle = 0;
    const struct world_spec spec = {.name = "grid.first", .permissions = permissions, .count = 3};
    world_open(&world, NULL);
    machine_container machine = world_service(&world, world.init, &spec, &handle);
    core_container_over_budget(world.core, machine, GROVE_RESOURCE_MEMORY, 900, 1000);
    assert_true(fake_take(machine, GROVE_NOTICE_BUDGET_WARNING, 0, &notice));
    assert_int_equal(notice.message.body.budget_warning.resource, GROVE_RESOURCE_MEMORY);
    assert_true(fake_take(world.init, GROVE_NOTICE_CONTAINER_BUDGET, 0, &notice));
    const struct grove_notice_container_budget *told = &notice.message.body.container_budget;
    assert_true(told->container == handle && told->warning.used == 900 && told->warning.limit == 1000);
    assert_string_equal(told->name.text, "grid.first");
    assert_int_equal(fake.last_audit.event, GROVE_AUDIT_BUDGET);
    assert_int_equal(fake.last_audit.cause, GROVE_RESOURCE_MEMORY);
    assert_int_equal(fake.last_audit.detail, 0);
    assert_int_equal(fake.last_audit.argument.budget.used, 900);
    assert_int_equal(fake.last_audit.argument.budget.limit, 1000);
    world_close(&world);
}

/* A container that runs into its limits all the time does not keep its owner busy. */
static void an_owner_is_not_warned_all_the_time(void **state) {
    (void)state;
    struct world world;
    grove_handle handle = 0;
    const struct world_spec spec = {.name = "grid.first", .permissions = permissions, .count = 3};
    world_open(&world, NULL);
    machine_container machine = world_service(&world, world.init, &spec, &handle);
    for (unsigned second = 0; second < 3; second++) {
        for (unsigned i = 0; i < 100; i++)
            core_container_over_budget(world.core, machine, GROVE_RESOURCE_MEMORY, 900, 1000);
        assert_true(fake_take(world.init, GROVE_NOTICE_CONTAINER_BUDGET, 0, NULL));
        assert_false(fake_take(world.init, GROVE_NOTICE_CONTAINER_BUDGET, 0, NULL));
        world_pass(&world, 1000000000);
    }
    world_close(&world);
}

static void a_warning_of_a_project_reaches_those_who_run_in_it(void **state) {
    (void)state;
    struct world world;
    struct fake_packet notice;
    struct grove_container_reply inside;
    struct grove_container_reply stopped;
    grove_handle stranger_handle = 0;
    const struct world_spec spec = {.name = "grid.first", .permissions = permissions, .count = 3};
    world_open(&world, NULL);
    machine_container stranger = world_service(&world, world.init, &spec, &stranger_handle);
    grove_handle outer = open_project(&world, "power", 0, 1000);
    grove_handle inner = open_project(&world, "power.child", outer, 0);
    assert_int_equal(create_with_memory(&world, inner, "power.child.a", 0, &inside), 0);
    assert_int_equal(create_with_memory(&world, outer, "power.b", 0, &stopped), 0);
    assert_int_equal(world_start(&world, world.init, inside.container), 0);
    machine_container machine = world_machine(&world, inside.id);
    core_project_over_budget(world.core, fake.projects[fake.containers[machine].project].parent, GROVE_RESOURCE_MEMORY,
                             900, 1000);
    assert_true(fake_take(machine, GROVE_NOTICE_BUDGET_WARNING, 0, &notice));
    assert_int_equal(notice.message.body.budget_warning.limit, 1000);
    assert_false(fake_take(stranger, GROVE_NOTICE_BUDGET_WARNING, 0, NULL));
    assert_true(fake_take(world.init, GROVE_NOTICE_CONTAINER_BUDGET, 0, &notice));
    assert_true(notice.message.body.container_budget.id == inside.id);
    assert_false(fake_take(world.init, GROVE_NOTICE_CONTAINER_BUDGET, 0, NULL));
    world_close(&world);
}

/* ---- what the machine knows ---- */

/* The machine holds the sum, so it knows every project but the root, where each hangs, and who is started in it. */
static void the_machine_knows_the_tree_of_projects(void **state) {
    (void)state;
    struct world world;
    struct grove_container_reply made;
    world_open(&world, NULL);
    grove_handle outer = open_project(&world, "power", 0, 1000);
    grove_handle inner = open_project(&world, "power.child", outer, 0);
    assert_int_equal(fake.projects_open, 2);
    assert_int_equal(create_with_memory(&world, inner, "power.child.a", 0, &made), 0);
    assert_int_equal(world_start(&world, world.init, made.container), 0);
    machine_project below = fake.containers[world_machine(&world, made.id)].project;
    machine_project above = fake.projects[below].parent;
    assert_true(fake.projects[below].is_open && fake.projects[above].is_open);
    assert_int_equal(fake.projects[above].budget.memory_bytes, 1000);
    assert_int_equal(fake.projects[below].budget.memory_bytes, 0);
    assert_int_equal(set_memory(&world, inner, 400, NULL), 0);
    assert_int_equal(fake.projects[below].budget.memory_bytes, 400);
    assert_int_equal(world_control(&world, world.init, made.container, GROVE_ACTION_DESTROY), 0);
    assert_int_equal(world_handle_request(&world, world.init, GROVE_REQUEST_PROJECT_DESTROY, inner), 0);
    assert_int_equal(fake.projects_open, 1);
    world_close(&world);
    assert_int_equal(fake.projects_open, 0);
}

/* A project that the machine cannot limit is not made; a limit that it cannot change is told, and tried a second time. */
static void a_machine_that_cannot_limit_a_project_is_heard(void **state) {
    (void)state;
    struct world world;
    struct fake_packet reply;
    world_open(&world, NULL);
    fake.fail_project = GROVE_LAYER_MISSING;
    fake.fail_project_count = 1;
    assert_int_equal(create_project(&world, "power", 0, 0, &reply), GROVE_LAYER_MISSING);
    assert_int_equal(world.core->projects.used, 1);
    grove_handle project = open_project(&world, "power", 0, 0);
    fake.fail_project_count = 1;
    assert_int_equal(set_memory(&world, project, 700, &reply), 0);
    fake.fail_project_count = 2;
    assert_int_equal(set_memory(&world, project, 800, &reply), GROVE_LAYER_MISSING);
    world_close(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_project_limits_what_is_in_it),
        cmocka_unit_test(a_project_promises_no_more_than_it_has),
        cmocka_unit_test(a_changed_budget_of_a_project_reaches_those_who_run_in_it),
        cmocka_unit_test(whoever_made_a_project_finds_it_again),
        cmocka_unit_test(a_budget_reaches_the_machine),
        cmocka_unit_test(a_budget_comes_with_each_start),
        cmocka_unit_test(a_warning_reaches_the_container_its_owner_and_the_log),
        cmocka_unit_test(an_owner_is_not_warned_all_the_time),
        cmocka_unit_test(a_warning_of_a_project_reaches_those_who_run_in_it),
        cmocka_unit_test(the_machine_knows_the_tree_of_projects),
        cmocka_unit_test(a_machine_that_cannot_limit_a_project_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
