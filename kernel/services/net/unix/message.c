/* Messages: what a sender gave, until it was read. See unix.h. */
#include "kernel/services/net/unix/inside.h"

struct unix_message *unix_message_create(struct unix_domain *domain, uint32_t size_bytes) {
    uint32_t memory;
    struct unix_message *message =
        held_create(domain->vfs->machine, sizeof(*message), offsetof(struct unix_message, held), size_bytes, &memory);
    if (message == NULL)
        return NULL;
    message->size_bytes = size_bytes;
    message->charge_bytes = memory;
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
    held_destroy(domain->vfs->machine, message, sizeof(*message), &message->held);
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

int unix_message_fill(struct unix_message *message, struct transfer *transfer) {
    uint32_t at = 0;
    return held_fill(&message->held, &at, transfer);
}

int unix_message_copy(struct unix_message *message, uint32_t at, uint32_t size, struct transfer *transfer,
                      size_t *done_bytes) {
    return held_copy(&message->held, at, size, transfer, done_bytes);
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
