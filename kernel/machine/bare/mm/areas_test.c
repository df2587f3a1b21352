/* The tree of areas against one owner for each page. */
#include "kernel/machine/bare/mm/areas.h"

#include "grove/abi/status.h"
#include "kernel/core/list.h"
#include "kernel/core/test/unit.h"

#include <stdbool.h>
#include <string.h>

#define PAGES 256u
#define NODES 256u
#define PAGE UINT64_C(4096)
#define LOW (16 * PAGE)

struct model {
    struct areas areas;
    struct area nodes[NODES];
    bool is_used[NODES];
    uint32_t owner[PAGES]; /* a node's number and one; 0 for none */
};

static uint32_t check_tree(const struct model *model, struct tree_node *node, uint64_t *last, uint64_t *gap) {
    if (node == NULL)
        return 0;
    const struct area *tree = list_item(node, struct area, node);
    uint64_t left_gap = 0, right_gap = 0, begin = *last;
    uint32_t left = check_tree(model, node->left, last, &left_gap);
    if (node->left != NULL || begin != 0)
        assert_true(tree->start >= *last);
    if (node->left != NULL && tree->start - *last > left_gap)
        left_gap = tree->start - *last;
    *last = tree->end;
    uint32_t number = (uint32_t)(tree - model->nodes);
    for (uint64_t page = (tree->start - LOW) / PAGE; page < (tree->end - LOW) / PAGE; page++)
        assert_int_equal(model->owner[page], number + 1);
    uint32_t right = check_tree(model, node->right, last, &right_gap);
    const struct area *behind = node->right != NULL ? list_item(node->right, struct area, node) : NULL;
    if (behind != NULL && behind->first - tree->end > right_gap)
        right_gap = behind->first - tree->end;
    *gap = left_gap > right_gap ? left_gap : right_gap;
    assert_int_equal(tree->gap_bytes, *gap);
    assert_int_equal(node->height, 1 + (left > right ? left : right));
    assert_true(left <= right + 1 && right <= left + 1);
    return node->height;
}

static void check(const struct model *model) {
    uint64_t last = 0, gap = 0;
    (void)check_tree(model, model->areas.root, &last, &gap);
    for (uint32_t page = 0; page < PAGES; page++) {
        const struct area *found = areas_find(&model->areas, LOW + page * PAGE + 5);
        uint32_t owner = found != NULL ? (uint32_t)(found - model->nodes) + 1 : 0;
        assert_int_equal(owner, model->owner[page]);
    }
}

/* Where the highest room of that many pages below `high` begins; PAGES for nowhere. */
static uint32_t room(const struct model *model, uint32_t pages, uint32_t high) {
    if (pages > high)
        return PAGES;
    for (uint32_t start = high - pages + 1; start-- > 0;) {
        uint32_t i = 0;
        while (i < pages && model->owner[start + i] == 0)
            i++;
        if (i == pages)
            return start;
    }
    return PAGES;
}

static uint32_t unused_node(const struct model *model) {
    uint32_t i = 0;
    while (model->is_used[i])
        i++;
    return i;
}

static void set_owner(struct model *model, const struct area *area, uint32_t owner) {
    for (uint64_t page = (area->start - LOW) / PAGE; page < (area->end - LOW) / PAGE; page++)
        model->owner[page] = owner;
}

static void try_insert(struct model *model, uint32_t page, uint32_t pages) {
    uint32_t i = unused_node(model);
    struct area *area = &model->nodes[i];
    bool is_free = page + pages <= PAGES;
    *area = (struct area){.start = LOW + page * PAGE, .end = LOW + (page + pages) * PAGE};
    for (uint32_t p = page; is_free && p < page + pages; p++)
        is_free = model->owner[p] == 0;
    if (page + pages > PAGES)
        return;
    assert_int_equal(areas_insert(&model->areas, area), is_free ? 0 : GROVE_EXISTS);
    model->is_used[i] = is_free;
    if (is_free)
        set_owner(model, area, i + 1);
}

static void try_grow(struct model *model, struct area *area, uint32_t pages) {
    uint64_t end = area->end + pages * PAGE;
    bool is_free = true;
    if (end > LOW + PAGES * PAGE)
        return;
    for (uint64_t page = (area->end - LOW) / PAGE; page < (end - LOW) / PAGE; page++)
        is_free = is_free && model->owner[page] == 0;
    assert_int_equal(areas_grow(&model->areas, area, end), is_free ? 0 : GROVE_EXISTS);
    if (is_free)
        set_owner(model, area, (uint32_t)(area - model->nodes) + 1);
}

static void remove_or_split(struct model *model, struct area *area, bool is_split) {
    uint32_t i = unused_node(model);
    if (is_split && area->end - area->start > PAGE) {
        areas_split(&model->areas, area, area->start + PAGE, &model->nodes[i]);
        model->is_used[i] = true;
        set_owner(model, &model->nodes[i], i + 1);
    } else {
        set_owner(model, area, 0);
        model->is_used[area - model->nodes] = false;
        areas_remove(&model->areas, area);
    }
}

static void try_room(const struct model *model, uint32_t pages, uint32_t high) {
    uint64_t start = 0;
    int status = areas_find_room(&model->areas, pages * PAGE, LOW, LOW + high * PAGE, &start);
    uint32_t expected = room(model, pages, high);
    assert_int_equal(status, expected < PAGES ? 0 : GROVE_NO_MEMORY);
    if (status == 0)
        assert_int_equal((start - LOW) / PAGE, expected);
}

static void it_agrees_with_one_owner_for_each_page(void **state) {
    (void)state;
    static struct model model;
    uint32_t random = 11;
    memset(&model, 0, sizeof(model));
    for (uint32_t step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        uint32_t page = (random >> 20) % PAGES, pages = 1 + (random >> 10) % 8;
        struct area *area = areas_find(&model.areas, LOW + page * PAGE);
        if (area == NULL || (random >> 9) % 4 == 0)
            try_insert(&model, page, pages);
        else if ((random >> 7) % 4 == 0)
            try_grow(&model, area, pages);
        else
            remove_or_split(&model, area, (random >> 8) % 3 == 0);
        try_room(&model, 1 + (random >> 14) % 12, PAGES);
        try_room(&model, 1 + (random >> 16) % 12, (random >> 12) % (PAGES + 1));
        if (step % 16 == 0)
            check(&model);
    }
    assert_true(model.areas.count > 20);
}

static void what_is_no_area_is_refused(void **state) {
    (void)state;
    struct areas areas = {.root = NULL};
    struct area empty = {.start = PAGE, .end = PAGE}, odd = {.start = PAGE, .end = 2 * PAGE + 1},
                turned = {.start = 2 * PAGE};
    assert_int_equal(areas_insert(&areas, &empty), GROVE_INVALID);
    assert_int_equal(areas_insert(&areas, &odd), GROVE_INVALID);
    assert_int_equal(areas_insert(&areas, &turned), GROVE_INVALID);
    assert_null(areas_from(&areas, 0));
    odd.end = 3 * PAGE;
    assert_int_equal(areas_insert(&areas, &odd), 0);
    assert_int_equal(areas_grow(&areas, &odd, 3 * PAGE), GROVE_INVALID);
    assert_int_equal(areas_grow(&areas, &odd, 4 * PAGE + 1), GROVE_INVALID);
}

static void a_split_shares_the_object_out(void **state) {
    (void)state;
    struct areas areas = {.root = NULL};
    struct area area = {
        .start = PAGE, .end = 5 * PAGE, .protection = AREA_READ, .flags = AREA_SHARED, .offset = 7 * PAGE};
    struct area upper, top;
    assert_int_equal(areas_insert(&areas, &area), 0);
    areas_split(&areas, &area, 2 * PAGE, &upper);
    assert_int_equal(area.offset, 7 * PAGE);
    assert_int_equal(upper.offset, 8 * PAGE);
    areas_split(&areas, &upper, 4 * PAGE, &top);
    assert_int_equal(top.offset, 10 * PAGE);
    assert_int_equal(top.protection, AREA_READ);
    assert_int_equal(top.flags, AREA_SHARED);
    assert_int_equal(areas.count, 3);
}

static void a_stack_grows_until_it_meets_another(void **state) {
    (void)state;
    struct areas areas = {.root = NULL};
    struct area below = {.start = PAGE, .end = 3 * PAGE}, stack = {.start = 20 * PAGE, .end = 22 * PAGE},
                above = {.start = 22 * PAGE, .end = 23 * PAGE};
    assert_int_equal(areas_insert(&areas, &below), 0);
    assert_int_equal(areas_insert(&areas, &stack), 0);
    assert_int_equal(areas_insert(&areas, &above), 0);
    assert_int_equal(areas_grow_down(&areas, &stack, 20 * PAGE), GROVE_INVALID);
    assert_int_equal(areas_grow_down(&areas, &stack, 2 * PAGE), GROVE_EXISTS);
    assert_int_equal(areas_grow_down(&areas, &stack, 9 * PAGE), 0);
    assert_ptr_equal(areas_find(&areas, 9 * PAGE), &stack);
    uint64_t start = 0;
    assert_int_equal(areas_find_room(&areas, 6 * PAGE, PAGE, 23 * PAGE, &start), 0);
    assert_int_equal(start, 3 * PAGE);
    assert_int_equal(areas_find_room(&areas, 7 * PAGE, PAGE, 23 * PAGE, &start), GROVE_NO_MEMORY);
    assert_int_equal(areas_grow_down(&areas, &stack, 3 * PAGE), 0);
    assert_int_equal(areas_find_room(&areas, PAGE, PAGE, 23 * PAGE, &start), GROVE_NO_MEMORY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_one_owner_for_each_page),
        cmocka_unit_test(what_is_no_area_is_refused),
        cmocka_unit_test(a_split_shares_the_object_out),
        cmocka_unit_test(a_stack_grows_until_it_meets_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
