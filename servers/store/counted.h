/*
 * Quotas of namespaces that a service keeps (counted.c), and the page of keys that they are counted by.
 */
#ifndef SERVERS_STORE_COUNTED_H
#define SERVERS_STORE_COUNTED_H

#include "servers/store/store.h"

/* What a namespace holds, as far as the pages of a scan have told. */
struct counted {
    uint64_t bytes, keys;
    uint8_t last_bytes, last[GROVE_STORE_KEY_MAX]; /* the last key; none yet: last_bytes is 0 */
    const struct namespace *space;
    const struct transaction *transaction; /* its operations on `space` get ->old_charge of their keys */
};

/*
 * Add a provider's answer to a scan for keys alone. *has_more: there is another page, behind the last key. GROVE_CORRUPT: it is not
 * well-formed, or its keys do not ascend, so that a scan would never end.
 */
int counted_page(struct counted *counted, const void *page, size_t bytes, bool *has_more);

/*
 * Does a transaction, whose namespaces are all of one provider, fit their quotas? True: it waits until that is known, or it is refused;
 * consumed in either case, and passed on later by remote_pass. False: it fits, and is counted already.
 */
bool counted_holds(struct store *store, struct grove_request *request, struct pending *pending);
/* The provider has answered: what was counted for this transaction is in what the next scan finds. */
void counted_answered(const struct store *store, const struct transaction *transaction, const char *own);
/* Another provider keeps it now: nothing is known. */
void counted_forget(struct namespace *space);

#endif
