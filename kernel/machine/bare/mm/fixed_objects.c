/* Objects over memory that is there anyway: images of programs, devices, pages of the kernel. See object.h. */
#include "kernel/machine/bare/mm/object.h"
#include "kernel/machine/bare/mm/page_table.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

struct image_object {
    struct memory_object object;
    const uint8_t *bytes;
    uint64_t size_bytes;
    struct memory_account *account; /* a holder of it */
};

static int get_image_page(struct memory_object *object, uint64_t index, bool is_write, uint64_t *physical) {
    const struct image_object *image = list_item(object, struct image_object, object);
    (void)is_write;
    bool has_bytes = index <= image->size_bytes / PAGE_BYTES;
    uint64_t left = has_bytes ? image->size_bytes - index * PAGE_BYTES : 0;
    size_t size = left < PAGE_BYTES ? left : PAGE_BYTES;
    int status = page_take(image->account, size < PAGE_BYTES ? PAGE_ZEROED : PAGE_UNDEFINED, physical);
    if (status == 0 && size > 0)
        memcpy(memory_view(*physical), image->bytes + index * PAGE_BYTES, size);
    return status;
}

static void release_image(struct memory_object *object) {
    struct image_object *image = list_item(object, struct image_object, object);
    if (image->account != NULL)
        memory_account_unref(image->account);
    memory_give_back(image);
}

static const struct memory_object_operations image_operations = {.get_page = get_image_page, .release = release_image};

int memory_image_create(const void *bytes, uint64_t size_bytes, struct memory_account *account,
                        struct memory_object **object) {
    struct image_object *image = memory_take(sizeof(*image));
    if (image == NULL)
        return -LINUX_ENOMEM;
    memory_object_init(&image->object, &image_operations, 0);
    image->bytes = bytes;
    image->size_bytes = size_bytes;
    image->account = account;
    if (account != NULL)
        memory_account_ref(account);
    *object = &image->object;
    return 0;
}

struct fixed_object {
    struct memory_object object;
    uint64_t physical, pages;
};

static int get_fixed_page(struct memory_object *object, uint64_t index, bool is_write, uint64_t *physical) {
    const struct fixed_object *fixed = list_item(object, struct fixed_object, object);
    (void)is_write;
    if (index >= fixed->pages)
        return -LINUX_EFAULT;
    *physical = fixed->physical + index * PAGE_BYTES;
    return 0;
}

static void release_fixed(struct memory_object *object) {
    memory_give_back(list_item(object, struct fixed_object, object));
}

static const struct memory_object_operations fixed_operations = {.get_page = get_fixed_page, .release = release_fixed};

int memory_fixed_create(uint64_t physical, uint64_t pages, uint32_t flags, struct memory_object **object) {
    struct fixed_object *fixed = memory_take(sizeof(*fixed));
    if (fixed == NULL)
        return -LINUX_ENOMEM;
    memory_object_init(&fixed->object, &fixed_operations, flags | PAGE_KEPT);
    fixed->physical = physical;
    fixed->pages = pages;
    *object = &fixed->object;
    return 0;
}
