/* The balanced tree: against a plain table, and its depth. */
#include "kernel/machine/bare/tree/tree.h"

#include "kernel/core/list.h"
#include "kernel/core/test/unit.h"

#define MEMBERS 2000

struct member {
    struct tree_node node;
    int number;
    bool is_in;
};

static int order(const void *key, struct tree_node *node) {
    return *(const int *)key - list_item(node, struct member, node)->number;
}

static const struct tree_kind kind = {.order = order};

static void members_are_found_in_order(void **state) {
    (void)state;
    static struct member members[MEMBERS];
    struct tree_node *root = NULL;
    uint32_t random = 5;
    for (int i = 0; i < MEMBERS; i++)
        members[i].number = i;
    for (uint32_t step = 0; step < 30000; step++) {
        random = random * 1664525 + 1013904223;
        int i = (int)((random >> 8) % MEMBERS), next = i + 1;
        if (members[i].is_in)
            tree_remove(&root, &kind, &i);
        else
            tree_insert(&root, &kind, &i, &members[i].node);
        members[i].is_in = !members[i].is_in;
        assert_ptr_equal(tree_find(root, &kind, &i), members[i].is_in ? &members[i].node : NULL);
        while (next < MEMBERS && !members[next].is_in)
            next++;
        assert_ptr_equal(tree_find_behind(root, &kind, &i), next < MEMBERS ? &members[next].node : NULL);
        assert_true(root == NULL || root->height <= 15); /* 1.44 times the logarithm of 2,000 */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(members_are_found_in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
