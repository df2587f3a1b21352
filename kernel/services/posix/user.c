/* Accounts of users: see user.h. A list, since few users have processes at the same time. */
#include "kernel/services/posix/user.h"

#include "kernel/services/posix/process.h"
#include "kernel/services/vfs/errors.h"

static struct list accounts;

int user_account_find(uint32_t user, struct user_account **account) {
    if (accounts.next == NULL)
        list_init(&accounts);
    for (struct list *link = accounts.next; link != &accounts; link = link->next) {
        struct user_account *found = list_item(link, struct user_account, link);
        if (found->user == user) {
            found->references++;
            *account = found;
            return 0;
        }
    }
    struct user_account *made = machine_take(processes.vfs->machine, sizeof(*made));
    if (made == NULL)
        return -LINUX_ENOMEM;
    *made = (struct user_account){.user = user, .references = 1};
    list_append(&accounts, &made->link);
    *account = made;
    return 0;
}

void user_account_unref(struct user_account *account) {
    if (--account->references > 0)
        return;
    list_remove(&account->link);
    machine_give_back(processes.vfs->machine, account, sizeof(*account));
}
