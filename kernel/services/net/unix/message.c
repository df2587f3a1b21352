/* Messages: what a sender gave, until it was read. See unix.h. */
#include "kernel/services/net/unix/inside.h"

#include <string.h>

static size_t memory_bytes(uint32_t size_bytes, uint32_t page_count) {
    size_t more = page_count > 0 ? page_count * sizeof(uint8_t *) : size_bytes;
    return sizeof(struct unix_message) + more;
}

static void give_pages_back(struct unix_domain *domain, struct unix_message *message, uint32_t count) {
    const struct vfs_machine *machine = domain->vfs->machine;
    for (uint32_t i = 0; i < count; i++)
        machine->give_page_back(machine->context, message->pages[i]);
    machine_give_back(machine, message, memory_bytes(message->size_bytes, message->page_count));
}

struct unix_message *unix_message_create(struct unix_domain *domain, uint32_t size_bytes) {
    const struct vfs_machine *machine = domain->vfs->machine;
    uint32_t page_count = size_bytes > UNIX_INLINE_BYTES ? (size_bytes + VFS_PAGE_BYTES - 1) / VFS_PAGE_BYTES : 0;
    size_t memory = memory_bytes(size_bytes, page_count);
    struct unix_message *message = machine_take(machine, memory);
    if (message == NULL)
        return NULL;
    memset(message, 0, offsetof(struct unix_message, pages));
    message->size_bytes = size_bytes;
    message->page_count = page_count;
    message->charge_bytes = (uint32_t)memory + page_count * VFS_PAGE_BYTES;
    for (uint32_t i = 0; i < page_count; i++) {
        message->pages[i] = machine->take_page(machine->context);
        if (message->pages[i] == NULL) {
            give_pages_back(domain, message, i);
            return NULL;
        }
    }
    return message;
}

static void give_files_back(struct unix_domain *domain, struct unix_files *files) {
    for (uint32_t i = 0; i < files->count; i++)
        file_unref(files->files[i]);
    machine_give_back(domain->vfs->machine, files, sizeof(*files) + files->count * sizeof(files->files[0]));
}

static void give_back(struct unix_domain *domain, struct unix_message *message) {
    struct unix_socket *sender = message->sender;
    unix_lock(domain);
    if (sender != NULL) {
        sender->charged_bytes -= message->charge_bytes;
        unix_wake(sender);
    }
    if (message->files != NULL)
        unix_files_land(domain, message->files);
    unix_unlock(domain);
    if (sender != NULL)
        unix_unref(sender);
    if (message->files != NULL)
        give_files_back(domain, message->files);
    give_pages_back(domain, message, message->page_count);
}

void unix_messages_give_back(struct unix_domain *domain, struct list *messages) {
    if (list_is_empty(messages))
        return;
    unix_lock(domain);
    list_append_all(&domain->doomed, messages);
    if (domain->is_giving_back) { /* whoever does that now takes these too */
        unix_unlock(domain);
        return;
    }
    domain->is_giving_back = true;
    struct unix_message *message;
    while ((message = list_first_item(&domain->doomed, struct unix_message, link)) != NULL) {
        list_remove(&message->link);
        unix_unlock(domain);
        give_back(domain, message);
        unix_lock(domain);
    }
    domain->is_giving_back = false;
    unix_unlock(domain);
}

/* The bytes at a position that lie together. */
static uint8_t *piece_at(struct unix_message *message, uint32_t at, size_t *size) {
    size_t left = message->size_bytes - at;
    if (message->page_count == 0) {
        *size = left;
        return message->bytes + at;
    }
    size_t in_page = VFS_PAGE_BYTES - at % VFS_PAGE_BYTES;
    *size = left < in_page ? left : in_page;
    return message->pages[at / VFS_PAGE_BYTES] + at % VFS_PAGE_BYTES;
}

int unix_message_fill(struct unix_message *message, struct transfer *transfer) {
    uint32_t at = 0;
    while (at < message->size_bytes) {
        size_t size;
        uint8_t *piece = piece_at(message, at, &size);
        size_t copied = transfer_in(transfer, piece, size);
        at += (uint32_t)copied;
        int status = copied < size ? transfer_bring_in(transfer) : 0;
        if (status != 0)
            return status;
    }
    return 0;
}

int unix_message_copy(struct unix_message *message, uint32_t at, uint32_t size, struct transfer *transfer,
                      size_t *done_bytes) {
    uint32_t end = at + size;
    while (at < end) {
        size_t there;
        const uint8_t *piece = piece_at(message, at, &there);
        size_t wanted = end - at < there ? end - at : there;
        size_t copied = transfer_out(transfer, piece, wanted);
        at += (uint32_t)copied;
        *done_bytes += copied;
        int status = copied < wanted ? transfer_bring_in(transfer) : 0;
        if (status != 0)
            return status;
    }
    return 0;
}

void unix_message_charge(struct unix_message *message, struct unix_socket *sender) {
    message->sender = unix_ref(sender);
    sender->charged_bytes += message->charge_bytes;
}

void unix_message_queue(struct unix_socket *to, struct unix_message *message) {
    if (message->files != NULL)
        unix_files_fly(to->domain, message->files);
    list_append(&to->messages, &message->link);
    to->message_count++;
    to->waiting_bytes += message->size_bytes;
    unix_wake(to);
}

void unix_message_take(struct unix_socket *from, struct unix_message *message) {
    list_remove(&message->link);
    from->message_count--;
    from->waiting_bytes -= message->size_bytes - message->read_bytes;
    unix_wake(from); /* who waits for room at its queue of datagrams */
}
