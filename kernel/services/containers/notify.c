/* Readiness of programs that know nothing of Grove: see notify.h. */
#include "kernel/services/containers/notify.h"

#include "kernel/services/containers/inside.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define TEXT_BYTES 4096u
#define MESSAGES_MAX 16u /* of one turn: who sends more reads them itself with the next */

struct notify {
    struct unix_kernel kernel; /* first */
    struct instance *instance;
    struct sleep_lock reading; /* guards the text */
    char text[TEXT_BYTES];
};

/* Is "READY=1" one of the lines? */
static bool says_ready(const char *text, size_t length) {
    static const char ready[] = "READY=1";
    size_t start = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && text[i] != '\n')
            continue;
        if (i - start == sizeof(ready) - 1 && memcmp(text + start, ready, sizeof(ready) - 1) == 0)
            return true;
        start = i + 1;
    }
    return false;
}

/* One message; files that came along are closed, since there is no room for them. */
static int read_one(struct notify *notify, bool *is_ready) {
    struct transfer_segment segment = {.base = (uint8_t *)notify->text, .size_bytes = TEXT_BYTES};
    struct transfer transfer;
    transfer_init(&transfer, &segment, 1);
    struct socket_message message = {.transfer = &transfer};
    int status = unix_kernel_receive(&notify->kernel, &message);
    if (status == 0)
        *is_ready |= says_ready(notify->text, message.done_bytes < TEXT_BYTES ? message.done_bytes : TEXT_BYTES);
    return status;
}

static void arrived(struct unix_kernel *kernel) {
    struct notify *notify = list_item(kernel, struct notify, kernel);
    bool is_ready = false;
    sleep_lock_take(&notify->reading, containers_machine());
    for (uint32_t i = 0; i < MESSAGES_MAX; i++)
        if (read_one(notify, &is_ready) != 0)
            break;
    sleep_lock_give_up(&notify->reading, containers_machine());
    if (!is_ready)
        return;
    spinlock_lock(&containers.news.lock);
    news_add(&containers.news, containers_machine(), &notify->instance->news, NEWS_READY);
    spinlock_unlock(&containers.news.lock);
}

int notify_open(struct container_record *record, const struct caller *maker) {
    struct notify *notify = containers_take(sizeof(*notify));
    if (notify == NULL)
        return -LINUX_ENOMEM;
    notify->kernel.arrived = arrived;
    notify->instance = &record->instance;
    int status = unix_kernel_bind(containers.sockets, maker, NOTIFY_PLACE, &notify->kernel);
    if (status == 0)
        record->notify = notify;
    else
        containers_give_back(notify, sizeof(*notify));
    return status;
}

void notify_close(struct container_record *record) {
    struct notify *notify = record->notify;
    if (notify == NULL)
        return;
    record->notify = NULL;
    unix_kernel_close(&notify->kernel);
    containers_give_back(notify, sizeof(*notify));
    /* What an instance said is no news of the next one. */
    spinlock_lock(&containers.news.lock);
    record->instance.news.bits &= ~(uint32_t)NEWS_READY;
    spinlock_unlock(&containers.news.lock);
}
