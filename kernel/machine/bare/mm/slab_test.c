/* Slabs: objects of every size, filled with their own number; none may change another, and no page is left over. */
#include "kernel/machine/bare/mm/slab.h"

#include "kernel/core/test/unit.h"

#include <stdlib.h>
#include <string.h>

#define HELD 600u

struct source {
    uint32_t pages, limit;
};

static void *take_page(void *context) {
    struct source *source = context;
    if (source->pages == source->limit)
        return NULL;
    source->pages++;
    return aligned_alloc(SLAB_BYTES, SLAB_BYTES);
}

static void give_page_back(void *context, void *page) {
    struct source *source = context;
    source->pages--;
    free(page);
}

static void objects_do_not_overlap(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 16, 17, 64, 100, 512, 1000, SLAB_OBJECT_BYTES_MAX};
    for (unsigned s = 0; s < ITEMS(sizes); s++) {
        struct source source = {.limit = UINT32_MAX};
        struct slab_pages pages = {.take = take_page, .give_back = give_page_back, .context = &source};
        struct slab_cache cache;
        uint8_t *held[HELD] = {NULL};
        uint32_t random = 9;
        slab_cache_init(&cache, sizes[s], &pages);
        for (uint32_t step = 0; step < 6000; step++) {
            random = random * 1664525 + 1013904223;
            uint32_t i = (random >> 12) % HELD;
            if (held[i] == NULL) {
                held[i] = slab_take(&cache);
                assert_non_null(held[i]);
                assert_int_equal((uintptr_t)held[i] % SLAB_OBJECT_ALIGNMENT, 0);
                assert_true((uintptr_t)held[i] % SLAB_BYTES != 0);
                memset(held[i], (int)(i & 0xff), sizes[s]);
            } else {
                assert_int_equal(held[i][0], i & 0xff);
                assert_int_equal(held[i][sizes[s] - 1], i & 0xff);
                slab_give_back(held[i]);
                held[i] = NULL;
            }
        }
        for (uint32_t i = 0; i < HELD; i++)
            if (held[i] != NULL)
                slab_give_back(held[i]);
        assert_int_equal(cache.used, 0);
        assert_int_equal(cache.slabs, 1);
        slab_cache_trim(&cache);
        assert_int_equal(source.pages, 0);
    }
}

static void without_pages_there_are_no_objects(void **state) {
    (void)state;
    struct source source = {.limit = 1};
    struct slab_pages pages = {.take = take_page, .give_back = give_page_back, .context = &source};
    struct slab_cache cache;
    slab_cache_init(&cache, 1000, &pages);
    void *objects[4] = {NULL};
    for (unsigned i = 0; i < 3; i++) {
        objects[i] = slab_take(&cache);
        assert_true(objects[i] != NULL || i == cache.objects_in_slab);
    }
    for (unsigned i = 0; i < 4; i++)
        if (objects[i] != NULL)
            slab_give_back(objects[i]);
    assert_int_equal(cache.used, 0);
    slab_cache_trim(&cache);
    slab_cache_trim(&cache);
    assert_int_equal(source.pages, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_do_not_overlap),
        cmocka_unit_test(without_pages_there_are_no_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
