/*
 * Sharing: what an owner lets others do below a prefix of a namespace.
 */
#include <stdio.h>
#include <string.h>

#include "grove/store.h"
#include "servers/common/names.h"
#include "servers/store/events.h"
#include "servers/store/store.h"

struct sharing {
    struct grove_store_share_request wanted;
    uint8_t prefix[255];
};

static struct catalog_share share_of(const struct sharing *sharing) {
    return (struct catalog_share){.name = sharing->wanted.name.text,
                                  .with = sharing->wanted.with.text,
                                  .prefix = sharing->prefix,
                                  .prefix_bytes = sharing->wanted.prefix_bytes,
                                  .rights = sharing->wanted.rights};
}

static int share_act(struct pending *pending) {
    const struct sharing *sharing = pending->detail;
    struct engine *engine = &pending->store->engine;
    struct catalog_share share = share_of(sharing);
    struct namespace *space = namespace_find(engine, share.name);
    int status = space == NULL ? namespace_create(engine, share.name, &space) : 0;
    if (status == 0)
        status = engine_batch_durable(engine);
    if (status == 0)
        status = catalog_put_share(&engine->database, &share);
    if (status == 0)
        return 0;
    engine->is_broken = true;
    (void)snprintf(pending->sentence, sizeof pending->sentence, "the namespace %s cannot be shared: %s", share.name,
                   grove_status_text(status));
    return status;
}

static void shared(struct pending *pending) {
    const struct sharing *sharing = pending->detail;
    struct catalog_share share = share_of(sharing);
    if (pending->status == 0)
        pending->status = shares_change(pending->store, &share);
    if (pending->status < 0) {
        (void)grove_fail(pending->request, pending->status, "%s", pending->sentence);
        return;
    }
    event_shared(&share, grove_request_client(pending->request));
    (void)grove_reply(pending->request, NULL, 0);
}

static bool is_pattern(const struct grove_name *with) {
    struct grove_argument argument = {.kind = GROVE_ARGUMENT_PATTERN};
    if (!text_is_terminated(with->text, sizeof with->text) || with->text[0] == '\0')
        return false;
    argument.length_bytes = (uint16_t)strlen(with->text);
    memcpy(argument.value.text, with->text, argument.length_bytes);
    return grove_argument_is_valid(&argument);
}

int on_share(struct grove_request *request, void *context) {
    struct store *store = context;
    struct sharing sharing = {0};
    struct grove_name name;
    size_t bytes = 0;
    int status = take_head(request, &sharing.wanted, sizeof sharing.wanted);
    if (status < 0)
        return status;
    const struct grove_store_share_request *wanted = &sharing.wanted;
    const uint8_t *message = message_of(request, &bytes);
    if (bytes < sizeof sharing.wanted + wanted->prefix_bytes || !is_pattern(&wanted->with) ||
        (wanted->rights & ~(uint32_t)(GROVE_STORE_READ | GROVE_STORE_WRITE)) != 0)
        return grove_fail(request, GROVE_INVALID,
                          "it is shared with a pattern over names (grid.*), to read (1), to write (2), or both (3)");
    memcpy(sharing.prefix, message + sizeof sharing.wanted, wanted->prefix_bytes);
    status = take_name(request, wanted->name.text, strnlen(wanted->name.text, sizeof wanted->name.text), &name);
    if (status == 0)
        status = access_administer(store, request, name.text);
    if (status < 0)
        return status;
    sharing.wanted.name = name;
    return spaces_act(store, request, &sharing, sizeof sharing, share_act, shared);
}

int on_shares(struct grove_request *request, void *context) {
    struct store *store = context;
    struct grove_store_namespace_request wanted;
    struct grove_name name;
    struct {
        struct grove_store_page head;
        uint8_t bytes[PAGE_BYTES];
    } page = {.head = {.version = GROVE_STORE_PROTOCOL_VERSION}};
    size_t used = 0;
    int status = take_head(request, &wanted, sizeof wanted);
    if (status == 0)
        status = take_name(request, wanted.name.text, strnlen(wanted.name.text, sizeof wanted.name.text), &name);
    if (status == 0)
        status = access_administer(store, request, name.text);
    if (status < 0)
        return status;
    for (const struct share *share = store->shares; share != NULL; share = share->next) {
        struct grove_store_share_request record = {.version = GROVE_STORE_PROTOCOL_VERSION, .rights = share->rights};
        size_t bytes = (sizeof record + share->prefix_bytes + 7) & ~(size_t)7;
        if (strcmp(share->name, name.text) != 0)
            continue;
        if (used + bytes > sizeof page.bytes) {
            page.head.has_more = 1; /* a namespace with so many shares is listed as far as a page goes */
            break;
        }
        record.name = name;
        name_set(&record.with, share->with_text);
        record.prefix_bytes = share->prefix_bytes;
        memset(page.bytes + used, 0, bytes);
        memcpy(page.bytes + used, &record, sizeof record);
        memcpy(page.bytes + used + sizeof record, share->prefix, share->prefix_bytes);
        used += bytes;
        page.head.count++;
    }
    return reply_bytes(request, &page, sizeof page.head + used);
}
