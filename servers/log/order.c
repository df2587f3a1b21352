/* See order.h. */
#include "servers/log/order.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x524f4c47u /* "GLOR" */
#define VERSION 1u

struct image {
    uint32_t magic, version;
    uint64_t time_ns;
    uint32_t steps, reserved;
    uint64_t check; /* FNV-1a over what stands before */
};
_Static_assert(sizeof(struct image) == ORDER_FILE_BYTES, "docs/formats.md draws 32 bytes");

static uint64_t check_of(const struct image *image) {
    uint64_t hash = UINT64_C(14695981039346656037);
    unsigned char bytes[offsetof(struct image, check)];
    memcpy(bytes, image, sizeof bytes);
    for (size_t index = 0; index < sizeof bytes; index++)
        hash = (hash ^ bytes[index]) * UINT64_C(1099511628211);
    return hash;
}

bool order_decode(const void *bytes, size_t length_bytes, struct order_stamp *stamp) {
    struct image image;
    if (length_bytes != sizeof image)
        return false;
    memcpy(&image, bytes, sizeof image);
    if (image.magic != MAGIC || image.version != VERSION || image.check != check_of(&image) ||
        image.steps > ORDER_STEPS_MAX)
        return false;
    *stamp = (struct order_stamp){.time_ns = image.time_ns, .steps = image.steps};
    return true;
}

static void save(struct order *order) {
    struct image image = {
        .magic = MAGIC, .version = VERSION, .time_ns = order->last.time_ns, .steps = order->last.steps};
    image.check = check_of(&image);
    if (order->file < 0)
        order->file = openat(order->folder, ORDER_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (order->file < 0 || pwrite(order->file, &image, sizeof image, 0) == (ssize_t)sizeof image)
        return;
    (void)close(order->file);
    order->file = -1;
}

bool order_open(struct order *order, int folder) {
    char bytes[ORDER_FILE_BYTES + 1] = "";
    *order = (struct order){.folder = folder, .file = -1};
    int file = openat(folder, ORDER_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return errno == ENOENT;
    ssize_t length = pread(file, bytes, sizeof bytes, 0);
    (void)close(file);
    return length == 0 || (length > 0 && order_decode(bytes, (size_t)length, &order->last));
}

void order_close(struct order *order) {
    if (order->file >= 0)
        (void)close(order->file);
    order->file = -1;
}

bool order_next(struct order *order, uint64_t now_ns, struct order_stamp *stamp) {
    struct order_stamp *last = &order->last;
    bool is_set_back = now_ns + ORDER_WAITED_OUT_NS < last->time_ns && last->steps < ORDER_STEPS_MAX;
    if (is_set_back)
        *last = (struct order_stamp){.time_ns = now_ns, .steps = last->steps + 1};
    else
        last->time_ns = now_ns > last->time_ns ? now_ns : last->time_ns + 1;
    save(order);
    *stamp = *last;
    return is_set_back;
}
