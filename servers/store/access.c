/*
 * Who may read and write which namespace.
 *
 * In this order: the owner; whom the owner shares it with; who holds STORE_READ or STORE_WRITE covering its name. Every
 * refusal of the last is the kernel's, audited there and explained with the line that would grant it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grove/store.h"
#include "servers/store/store.h"

bool access_owns(const struct grove_request *request, const char *name) {
    const char *client = grove_request_client(request);
    size_t length = strlen(client);
    if (grove_request_client_ring(request) == 3) /* shells come and go: their names own nothing */
        return false;
    return strncmp(name, client, length) == 0 && (name[length] == '\0' || name[length] == '.');
}

/* ---- shares ---- */

static bool is_under(const struct share *share, const uint8_t *key, uint8_t key_bytes) {
    if (key == NULL)
        return share->prefix_bytes == 0;
    return key_bytes >= share->prefix_bytes && memcmp(key, share->prefix, share->prefix_bytes) == 0;
}

static bool is_shared(const struct store *store, const struct grove_request *request, const char *name, uint32_t right,
                      const uint8_t *key, uint8_t key_bytes) {
    struct grove_argument client = {.kind = GROVE_ARGUMENT_PATTERN};
    if (store->shares == NULL || grove_request_client_ring(request) == 3)
        return false;
    client.length_bytes = (uint16_t)strlen(grove_request_client(request));
    memcpy(client.value.text, grove_request_client(request), client.length_bytes);
    for (const struct share *share = store->shares; share != NULL; share = share->next)
        if ((share->rights & right) != 0 && strcmp(share->name, name) == 0 && is_under(share, key, key_bytes) &&
            grove_argument_covers(&share->with.argument, &client))
            return true;
    return false;
}

static struct share **share_place(struct store *store, const struct catalog_share *wanted) {
    struct share **place = &store->shares;
    while (*place != NULL &&
           (strcmp((*place)->name, wanted->name) != 0 || strcmp((*place)->with_text, wanted->with) != 0 ||
            (*place)->prefix_bytes != wanted->prefix_bytes ||
            memcmp((*place)->prefix, wanted->prefix, wanted->prefix_bytes) != 0))
        place = &(*place)->next;
    return place;
}

int shares_change(struct store *store, const struct catalog_share *changed) {
    struct share **place = share_place(store, changed);
    struct share *share = *place;
    if (changed->rights == 0) {
        if (share != NULL)
            *place = share->next;
        free(share);
        return 0;
    }
    if (share == NULL) {
        share = calloc(1, sizeof *share);
        if (share == NULL)
            return GROVE_NO_MEMORY;
        (void)snprintf(share->name, sizeof share->name, "%s", changed->name);
        (void)snprintf(share->with_text, sizeof share->with_text, "%s", changed->with);
        share->with.argument.kind = GROVE_ARGUMENT_PATTERN;
        share->with.argument.length_bytes = (uint16_t)strlen(share->with_text);
        memcpy(share->with.argument.value.text, share->with_text, share->with.argument.length_bytes);
        share->prefix_bytes = changed->prefix_bytes;
        memcpy(share->prefix, changed->prefix, changed->prefix_bytes);
        share->next = store->shares;
        store->shares = share;
    }
    share->rights = changed->rights;
    return 0;
}

void shares_forget(struct store *store, const char *name) {
    for (struct share **place = &store->shares; *place != NULL;) {
        struct share *share = *place;
        if (strcmp(share->name, name) != 0) {
            place = &share->next;
            continue;
        }
        *place = share->next;
        free(share);
    }
}

static int take_share(const struct catalog_share *share, void *context) {
    return shares_change(context, share);
}

int shares_load(struct store *store) {
    return catalog_each_share(&store->engine.database, take_share, store);
}

/* ---- checks ---- */

int access_check(struct store *store, struct grove_request *request, const char *name, enum access access,
                 const uint8_t *key, uint8_t key_bytes) {
    bool is_write = access == ACCESS_WRITE;
    if (name != NULL &&
        (access_owns(request, name) ||
         is_shared(store, request, name, is_write ? GROVE_STORE_WRITE : GROVE_STORE_READ, key, key_bytes)))
        return 0;
    int status = grove_request_client_may(request, is_write ? GROVE_CAP_STORE_WRITE : GROVE_CAP_STORE_READ, name);
    return status == 0 ? 0 : grove_fail(request, status, "%s", grove_last_error());
}

int access_administer(struct store *store, struct grove_request *request, const char *name) {
    (void)store;
    if (access_owns(request, name) || grove_request_client_ring(request) == 1)
        return 0;
    int status = grove_request_client_may(request, GROVE_CAP_PROC_CONTROL, name);
    return status == 0 ? 0 : grove_fail(request, status, "%s", grove_last_error());
}
