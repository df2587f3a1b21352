/* poll(2) and ppoll(2). */
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/files/watch.h"

#include <stddef.h>

#define NS_PER_MS INT64_C(1000000)
#define MS_PER_S 1000
#define FEW_ITEMS 8u

static int64_t write_found(const struct watch_item *items, uint32_t count, uint64_t to, int64_t answer) {
    for (uint32_t i = 0; i < count; i++) {
        uint64_t place = to + i * sizeof(items[0]) + offsetof(struct watch_item, found);
        if (!process_write(place, &items[i].found, sizeof(items[i].found)))
            return -LINUX_EFAULT;
    }
    return answer;
}

static int64_t poll(const struct files *files, uint64_t address, uint64_t count, uint64_t until_ns) {
    struct watch_item few[FEW_ITEMS], *items = few;
    if ((uint32_t)count > files->descriptors->limit)
        return -LINUX_EINVAL;
    size_t size = (uint32_t)count * sizeof(*items);
    if ((uint32_t)count > FEW_ITEMS)
        items = machine_take(files->vfs->machine, size);
    if (items == NULL)
        return -LINUX_ENOMEM;
    int64_t answer = process_read(items, address, size) ? 0 : -LINUX_EFAULT;
    if (answer == 0) {
        answer = watch_items(files, items, (uint32_t)count, until_ns);
        if (answer != -LINUX_ENOMEM)
            answer = write_found(items, (uint32_t)count, address, answer);
    }
    if ((uint32_t)count > FEW_ITEMS)
        machine_give_back(files->vfs->machine, items, size);
    return answer;
}

int64_t system_call_poll(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    int32_t timeout_ms = (int32_t)arguments[2];
    uint64_t until_ns = WAIT_FOREVER;
    if (timeout_ms >= 0)
        (void)watch_until_from(process_call_began_ns(), timeout_ms / MS_PER_S, timeout_ms % MS_PER_S * NS_PER_MS,
                               &until_ns);
    return poll(&files, arguments[0], arguments[1], until_ns);
}

int64_t system_call_ppoll(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint64_t until_ns = WAIT_FOREVER;
    int64_t span[2];
    if (arguments[2] != 0) {
        if (!process_read(span, arguments[2], sizeof(span)))
            return -LINUX_EFAULT;
        if (!watch_until(span[0], span[1], &until_ns))
            return -LINUX_EINVAL;
    }
    int status = files_block_signals(arguments[3], arguments[4]);
    if (status != 0)
        return status;
    int64_t answer = poll(&files, arguments[0], arguments[1], until_ns);
    if (arguments[2] != 0) {
        watch_left(until_ns, span);
        (void)process_write(arguments[2], span, sizeof(span)); /* where it cannot be told it is left out */
    }
    return answer;
}
