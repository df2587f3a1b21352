/*
 * Shared memory of zeros: see object.h. Its pages hang in tables of 512 entries, as many levels of them as the number of
 * pages needs; a missing table or page is a hole. Tables and pages are frames, charged to whoever made the object.
 *
 * `lock` guards the tables. It is a spin lock: a page is taken and cleared before it is held.
 */
#include "kernel/machine/bare/mm/object.h"
#include "kernel/machine/bare/mm/page_table.h"
#include "kernel/services/vfs/errors.h"

#define SLOTS 512u
#define SLOT_BITS 9u

struct shared_object {
    struct memory_object object;
    struct memory_account *account; /* a holder of it */
    struct spinlock lock;
    uint64_t pages;
    uint32_t levels; /* of tables; 0: root is the only page */
    uint64_t root; /* physical; 0 for none */
};

static struct shared_object *shared_of(struct memory_object *object) {
    return list_item(object, struct shared_object, object);
}

static uint64_t *slot_in(uint64_t table, uint64_t index, uint32_t level) {
    return (uint64_t *)memory_view(table) + (index >> (SLOT_BITS * (level - 1))) % SLOTS;
}

/* The lock is held. Where the page with this number hangs; NULL: a table above it is missing, at *missing. */
static uint64_t *find_slot(struct shared_object *shared, uint64_t index, uint64_t **missing) {
    uint64_t *slot = &shared->root;
    for (uint32_t level = shared->levels; level > 0; level--) {
        if (*slot == 0) {
            *missing = slot;
            return NULL;
        }
        slot = slot_in(*slot, index, level);
    }
    return slot;
}

/* With one more table on the way to a page, if one is still missing there. */
static int add_table(struct shared_object *shared, uint64_t index) {
    uint64_t *missing = NULL, table = 0;
    int status = page_take(shared->account, PAGE_ZEROED, &table);
    if (status != 0)
        return status;
    spinlock_lock(&shared->lock);
    bool is_missing = find_slot(shared, index, &missing) == NULL;
    if (is_missing)
        *missing = table;
    spinlock_unlock(&shared->lock);
    if (!is_missing)
        page_unref(table);
    return 0;
}

static bool find_page(struct memory_object *object, uint64_t index, uint64_t *physical) {
    struct shared_object *shared = shared_of(object);
    uint64_t *missing;
    spinlock_lock(&shared->lock);
    const uint64_t *slot = index < shared->pages ? find_slot(shared, index, &missing) : NULL;
    bool is_there = slot != NULL && *slot != 0;
    if (is_there) {
        *physical = *slot;
        page_ref(*physical);
    }
    spinlock_unlock(&shared->lock);
    return is_there;
}

/* False: a table is missing. Else *page hangs there now, or another that somebody was faster with and *page is that. */
static bool put_page(struct shared_object *shared, uint64_t index, uint64_t *page) {
    uint64_t *missing, unwanted = 0;
    spinlock_lock(&shared->lock);
    uint64_t *slot = find_slot(shared, index, &missing);
    if (slot != NULL && *slot == 0) {
        *slot = *page;
        page_ref(*page);
    } else if (slot != NULL) {
        unwanted = *page;
        *page = *slot;
        page_ref(*page);
    }
    spinlock_unlock(&shared->lock);
    if (unwanted != 0)
        page_unref(unwanted);
    return slot != NULL;
}

static int get_page(struct memory_object *object, uint64_t index, bool is_write, uint64_t *physical) {
    struct shared_object *shared = shared_of(object);
    uint64_t page = 0;
    int status = 0;
    (void)is_write;
    if (index >= shared->pages)
        return -LINUX_EFAULT;
    if (find_page(object, index, physical))
        return 0;
    status = page_take(shared->account, PAGE_ZEROED, &page);
    if (status != 0)
        return status;
    while (status == 0 && !put_page(shared, index, &page))
        status = add_table(shared, index);
    if (status != 0)
        page_unref(page);
    else
        *physical = page;
    return status;
}

/* As deep as there are levels. */
static void give_up_tree(uint64_t page, uint32_t level) {
    const uint64_t *slots = memory_view(page);
    for (uint32_t i = 0; level > 0 && i < SLOTS; i++)
        if (slots[i] != 0)
            give_up_tree(slots[i], level - 1);
    page_unref(page);
}

static void release(struct memory_object *object) {
    struct shared_object *shared = shared_of(object);
    if (shared->root != 0)
        give_up_tree(shared->root, shared->levels);
    if (shared->account != NULL)
        memory_account_unref(shared->account);
    memory_give_back(shared);
}

static const struct memory_object_operations operations = {
    .get_page = get_page, .find_page = find_page, .release = release};

int memory_shared_create(struct memory_account *account, uint64_t pages, struct memory_object **object) {
    struct shared_object *shared = memory_take(sizeof(*shared));
    if (shared == NULL)
        return -LINUX_ENOMEM;
    memory_object_init(&shared->object, &operations, 0);
    shared->pages = pages;
    while (SLOT_BITS * shared->levels < 64 && (pages - 1) >> (SLOT_BITS * shared->levels) != 0)
        shared->levels++;
    shared->account = account;
    if (account != NULL)
        memory_account_ref(account);
    *object = &shared->object;
    return 0;
}
