/* Ordered sets against a plain array: the same order after every step, and a depth that stays logarithmic. */
#include "kernel/machine/bare/sched/order.h"

#include "kernel/core/test/unit.h"

#define NODES 200u

static uint32_t depth_of(const struct tree_node *tree) {
    if (tree == NULL)
        return 0;
    uint32_t left = depth_of(tree->left), right = depth_of(tree->right);
    uint32_t depth = 1 + (left > right ? left : right);
    assert_int_equal(tree->height, depth);
    assert_true(left <= right + 1 && right <= left + 1);
    return depth;
}

static void check(const struct order *order) {
    uint64_t count = 0;
    assert_true(depth_of(order->root) <= 11);
    for (const struct order_node *node = order->first; node != NULL; count++) {
        const struct order_node *next = order_next(order, node);
        assert_true(next == NULL || node->key < next->key || (node->key == next->key && node->number < next->number));
        node = next;
    }
    assert_int_equal(count, order->count);
}

static void any_sequence_stays_in_order(void **state) {
    (void)state;
    struct order order = {0};
    struct order_node nodes[NODES] = {{0}};
    uint32_t random = 5;
    for (uint32_t step = 0; step < 4000; step++) {
        random = random * 1664525 + 1013904223;
        struct order_node *node = &nodes[(random >> 8) % NODES];
        if (order_holds(node))
            order_remove(&order, node);
        else
            order_insert(&order, node, (random >> 20) % 32);
        check(&order);
    }
}

static void equal_keys_come_first_in_first_out(void **state) {
    (void)state;
    struct order order = {0};
    struct order_node nodes[NODES] = {{0}};
    for (uint32_t i = 0; i < NODES; i++)
        order_insert(&order, &nodes[i], 7);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_ptr_equal(order.first, &nodes[i]);
        order_remove(&order, &nodes[i]);
    }
    assert_null(order.first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_sequence_stays_in_order),
        cmocka_unit_test(equal_keys_come_first_in_first_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
