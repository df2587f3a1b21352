/* The order of starting: what is required comes first, and each way to have no order is said clearly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grove/abi/status.h"
#include "servers/common/test_spec.h"
#include "servers/registry/graph.h"

#define V(major, minor, patch) \
    { (major), (minor), (patch), 0 }
#define NODES_MAX 2000

static struct graph_node nodes[NODES_MAX];
static unsigned count;

static struct graph_node *provider(const char *endpoint, struct grove_version *version, void *context) {
    (void)context;
    for (unsigned index = 0; index < count; index++) {
        for (uint32_t which = 0; which < nodes[index].spec->provides.count; which++) {
            const struct grove_spec_interface *interface = grove_spec_provided(nodes[index].spec, which);
            if (strcmp(grove_spec_text(nodes[index].spec, interface->name), endpoint) != 0)
                continue;
            *version = interface->version;
            return &nodes[index];
        }
    }
    return NULL;
}

static struct graph_node *add(const char *name, struct grove_version version,
                              const struct test_interface *requirements) {
    const struct test_interface provides[] = {{name, version, {0}, 0}, {0}};
    assert_true(count < NODES_MAX);
    nodes[count] = (struct graph_node){.spec = test_spec(name, provides, requirements)};
    return &nodes[count++];
}

static int forget(void **state) {
    (void)state;
    for (unsigned index = 0; index < count; index++)
        free((void *)(uintptr_t)nodes[index].spec);
    count = 0;
    return 0;
}

static char problem[512];

static int visit(struct graph_order *order, struct graph_node *node) {
    problem[0] = '\0';
    return graph_visit(order, node, provider, NULL, problem, sizeof problem);
}

static const struct grove_version one = V(1, 0, 0);

static void what_is_required_comes_first(void **state) {
    (void)state;
    struct graph_node *top = add("p.top", one, (struct test_interface[]){{.name = "p.left"}, {.name = "p.right"}, {0}});
    struct graph_node *left = add("p.left", one, (struct test_interface[]){{.name = "p.base"}, {0}});
    struct graph_node *right = add("p.right", one, (struct test_interface[]){{.name = "p.base"}, {0}});
    struct graph_node *base = add("p.base", one, NULL);
    struct graph_node *other = add("p.other", one, NULL);
    struct graph_order order = {0};
    assert_int_equal(visit(&order, top), 0);
    assert_int_equal(visit(&order, base), 0);
    assert_int_equal(visit(&order, other), 0);
    assert_int_equal(order.count, 5);
    const struct graph_node *expected[] = {base, left, right, top, other};
    const struct graph_node *node = order.first;
    for (unsigned index = 0; index < 5; index++, node = node->next)
        assert_ptr_equal(node, expected[index]);
    assert_null(node);
    graph_release(&order);
    assert_int_equal(visit(&order, left), 0);
    assert_int_equal(order.count, 2);
}

static void a_missing_one_is_named_with_who_wants_it(void **state) {
    (void)state;
    struct graph_node *base = add("p.base", one, NULL);
    struct graph_node *top = add("p.top", one, (struct test_interface[]){{.name = "p.base"}, {.name = "p.gone"}, {0}});
    struct graph_order order = {0};
    assert_int_equal(visit(&order, top), GROVE_NOT_FOUND);
    assert_non_null(strstr(problem, "p.top requires p.gone"));
    assert_int_equal(order.count, 0);
    assert_null(order.first);
    assert_int_equal(visit(&order, base), 0);
    assert_int_equal(order.count, 1);
}

static void a_failure_leaves_the_order_as_it_was(void **state) {
    (void)state;
    struct graph_node *good = add("p.good", one, NULL);
    struct graph_node *bad = add("p.bad", one, (struct test_interface[]){{.name = "p.fine"}, {.name = "p.gone"}, {0}});
    struct graph_node *fine = add("p.fine", one, NULL);
    struct graph_order order = {0};
    assert_int_equal(visit(&order, good), 0);
    assert_int_equal(visit(&order, bad), GROVE_NOT_FOUND);
    assert_int_equal(order.count, 1);
    assert_ptr_equal(order.last, good);
    assert_int_equal(visit(&order, fine), 0);
    assert_ptr_equal(good->next, fine);
}

static void a_missing_optional_one_is_no_matter(void **state) {
    (void)state;
    struct graph_node *top =
        add("p.top", one, (struct test_interface[]){{.name = "p.gone", .flags = GROVE_INTERFACE_OPTIONAL}, {0}});
    struct graph_order order = {0};
    assert_int_equal(visit(&order, top), 0);
    assert_int_equal(order.count, 1);
}

static void a_version_conflict_names_both_versions_and_both_services(void **state) {
    (void)state;
    (void)add("p.base", (struct grove_version)V(2, 1, 0), NULL);
    struct graph_node *top = add("p.top", one, (struct test_interface[]){{"p.base", V(1, 2, 0), V(2, 0, 0), 0}, {0}});
    struct graph_order order = {0};
    assert_int_equal(visit(&order, top), GROVE_VERSION);
    assert_string_equal(problem, "p.top requires p.base >=1.2.0 <2.0.0, but p.base provides version 2.1.0");
    struct graph_node *low = add("p.low", one, (struct test_interface[]){{"p.base", V(2, 2, 0), {0}, 0}, {0}});
    assert_int_equal(visit(&order, low), GROVE_VERSION);
    struct graph_node *fits = add("p.fits", one, (struct test_interface[]){{"p.base", V(2, 1, 0), V(2, 1, 1), 0}, {0}});
    assert_int_equal(visit(&order, fits), 0);
}

static void a_cycle_is_printed_and_only_it(void **state) {
    (void)state;
    struct graph_node *way = add("p.way", one, (struct test_interface[]){{.name = "p.a"}, {0}});
    struct graph_node *a = add("p.a", one, (struct test_interface[]){{.name = "p.b"}, {0}});
    (void)add("p.b", one, (struct test_interface[]){{.name = "p.c"}, {0}});
    (void)add("p.c", one, (struct test_interface[]){{.name = "p.a"}, {0}});
    struct graph_order order = {0};
    assert_int_equal(visit(&order, way), GROVE_CYCLE);
    assert_string_equal(problem, "the requirements form a cycle: p.a -> p.b -> p.c -> p.a");
    assert_int_equal(visit(&order, a), GROVE_CYCLE);
    assert_int_equal(order.count, 0);
    for (unsigned index = 0; index < count; index++)
        assert_int_equal(nodes[index].colour, 0);
}

static void what_a_service_provides_itself_is_no_cycle(void **state) {
    (void)state;
    struct graph_node *self = add("p.self", one, (struct test_interface[]){{.name = "p.self"}, {0}});
    struct graph_order order = {0};
    assert_int_equal(visit(&order, self), 0);
}

static void a_long_chain_needs_no_deep_stack_and_a_long_cycle_no_long_buffer(void **state) {
    (void)state;
    char name[32], next[32];
    for (unsigned index = 0; index < NODES_MAX; index++) {
        (void)snprintf(name, sizeof name, "p.n%u", index);
        (void)snprintf(next, sizeof next, "p.n%u", index + 1);
        (void)add(name, one, index + 1 < NODES_MAX ? (struct test_interface[]){{.name = next}, {0}} : NULL);
    }
    struct graph_order order = {0};
    assert_int_equal(visit(&order, &nodes[0]), 0);
    assert_int_equal(order.count, NODES_MAX);
    assert_ptr_equal(order.first, &nodes[NODES_MAX - 1]);
    graph_release(&order);
    free((void *)(uintptr_t)nodes[NODES_MAX - 1].spec);
    nodes[NODES_MAX - 1].spec = test_spec("p.last", (struct test_interface[]){{.name = name}, {0}},
                                          (struct test_interface[]){{.name = "p.n0"}, {0}});
    assert_int_equal(visit(&order, &nodes[0]), GROVE_CYCLE);
    assert_true(strlen(problem) < sizeof problem);
}

int main(void) {
#define TEST(function) cmocka_unit_test_teardown(function, forget)
    const struct CMUnitTest tests[] = {
        TEST(what_is_required_comes_first),
        TEST(a_missing_one_is_named_with_who_wants_it),
        TEST(a_failure_leaves_the_order_as_it_was),
        TEST(a_missing_optional_one_is_no_matter),
        TEST(a_version_conflict_names_both_versions_and_both_services),
        TEST(a_cycle_is_printed_and_only_it),
        TEST(what_a_service_provides_itself_is_no_cycle),
        TEST(a_long_chain_needs_no_deep_stack_and_a_long_cycle_no_long_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
