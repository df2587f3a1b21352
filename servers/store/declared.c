/*
 * What the manifest of a service says of its own namespace (`store:`), asked of the registry when the service first writes.
 *
 * Its writes wait meanwhile, in their order; when the registry does not answer in time they go on with what holds already, and
 * it is asked again by the store's next instance. A service whose manifest has changed has another container, and is
 * asked for again. What is set by hand (`grove store quota`) holds until then.
 *
 * Crash: what waits here has not been noted anywhere, and is delivered again.
 */
#include "servers/store/declared.h"

#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/registry/protocol.h"

#define DECLARED_FLAGS (GROVE_STORE_NAMESPACE_MAP | GROVE_STORE_NAMESPACE_EVENTS)
#define ASK_NS (2 * GROVE_SECOND)
/* A spec is up to 64 KiB: enough words to copy one, aligned. */
#define SPEC_WORDS (GROVE_SPEC_BYTES_MAX / 8)

/* A commit that waits. */
struct held {
    struct held *next;
    struct grove_request *request;
    struct pending pending;
};

/* A service that writes: which container was asked for last, and what waits for the answer. */
struct writer {
    struct store *store;
    char name[GROVE_NAME_MAX + 1];
    grove_object_id client;
    bool is_asked; /* the answer is not there yet */
    struct held *first, **last;
};

static struct writer *writer_of(struct store *store, const char *name) {
    struct writer *writer = name_table_find(&store->writers, name);
    if (writer != NULL)
        return writer;
    writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return NULL;
    writer->store = store;
    writer->last = &writer->first;
    memcpy(writer->name, name, strlen(name));
    if (name_table_add(&store->writers, writer->name, writer) < 0) {
        free(writer);
        return NULL;
    }
    return writer;
}

/* ---- the answer ---- */

static void let_go(struct writer *writer) {
    writer->is_asked = false;
    while (writer->first != NULL) {
        struct held *held = writer->first;
        writer->first = held->next;
        if (writer->first == NULL)
            writer->last = &writer->first;
        (void)pending_add_deferred(writer->store, held->request, &held->pending);
        free(held);
    }
}

/* As the namespace is, or would be: nothing is written when it says the same. */
static bool is_so(const struct writer *writer, const struct grove_store_section *section) {
    const struct namespace *space = namespace_find(&writer->store->engine, writer->name);
    uint32_t flags = space != NULL ? space->flags & (uint32_t)DECLARED_FLAGS : 0;
    return flags == (section->flags & (uint32_t)DECLARED_FLAGS) &&
           section->quota_bytes == (space != NULL ? space->quota_bytes : QUOTA_BYTES_DEFAULT) &&
           section->quota_keys == (space != NULL ? space->quota_keys : QUOTA_KEYS_DEFAULT);
}

static void apply(struct writer *writer, const void *bytes, uint32_t length_bytes) {
    struct grove_store_section section;
    if (bytes == NULL || length_bytes < sizeof section)
        return;
    memcpy(&section, bytes, sizeof section);
    if (section.version != GROVE_STORE_SECTION_VERSION || is_so(writer, &section))
        return;
    struct grove_store_namespace_request wanted = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                                   .fields = GROVE_STORE_CONFIGURE_BYTES | GROVE_STORE_CONFIGURE_KEYS |
                                                             GROVE_STORE_CONFIGURE_FLAGS | GROVE_STORE_CONFIGURE_EVENTS,
                                                   .quota_bytes = section.quota_bytes,
                                                   .quota_keys = section.quota_keys,
                                                   .flags = section.flags};
    name_set(&wanted.name, writer->name);
    (void)spaces_configure(writer->store, &wanted);
}

static void on_spec(int status, const struct grove_answer *answer, void *context) {
    static uint64_t copy[SPEC_WORDS]; /* the answer's memory is the registry's */
    struct writer *writer = context;
    uint32_t length_bytes = 0;
    if (status == 0) {
        const void *spec = answer->slice != NULL ? answer->slice : answer->data;
        size_t bytes = answer->slice != NULL ? answer->slice_bytes : answer->length_bytes;
        bool fits = spec != NULL && bytes <= sizeof copy;
        if (fits)
            memcpy(copy, spec, bytes);
        if (fits && grove_spec_check(copy, bytes, NULL) == 0) {
            const void *section = grove_spec_section((const void *)copy, GROVE_SECTION_STORE, &length_bytes);
            apply(writer, section, length_bytes);
        }
    }
    let_go(writer);
}

/* ---- asking ---- */

static int ask(struct writer *writer) {
    struct store *store = writer->store;
    struct registry_target target = {.version = REGISTRY_PROTOCOL_VERSION};
    name_set(&target.service, writer->name);
    int status = store->registry != NULL ? 0 : grove_connect(REGISTRY_ENDPOINT, &store->registry);
    if (status == 0)
        status = grove_call_start(
            store->registry,
            &(struct grove_call){
                .method = REGISTRY_SPEC, .data = &target, .length_bytes = sizeof target, .timeout_ns = ASK_NS},
            on_spec, writer);
    if (status == GROVE_CLOSED) {
        grove_channel_close(store->registry);
        store->registry = NULL;
    }
    return status;
}

static bool hold(struct writer *writer, struct grove_request *request, const struct pending *pending) {
    struct held *held = malloc(sizeof *held);
    if (held == NULL || request_keep(request) < 0) {
        free(held);
        return false;
    }
    *held = (struct held){.request = request, .pending = *pending};
    *writer->last = held;
    writer->last = &held->next;
    return true;
}

bool declared_holds(struct store *store, struct grove_request *request, const struct pending *pending) {
    if (grove_request_client_ring(request) != 2)
        return false;
    struct writer *writer = writer_of(store, grove_request_client(request));
    if (writer == NULL || (!writer->is_asked && writer->client == grove_request_client_id(request)))
        return false;
    if (!writer->is_asked) {
        writer->client = grove_request_client_id(request);
        writer->is_asked = ask(writer) == 0;
    }
    return writer->is_asked && hold(writer, request, pending);
}
