/*
 * A search, page by page. The channel to the registry is kept for the session of the process; another session gets one
 * for the search.
 *
 * What the registry answers is read in place and checked for its length; texts end where their fields end.
 */
#include "grove/registry.h"

#include <string.h>

#include "lib/session/error.h"

#define FIND_TAG UINT64_C(0x646e6966) /* "find": the program's own channel to the registry has tag 0 */
#define PAGE_PATIENCE_NS (5 * GROVE_SECOND)

const char *grove_service_state_text(uint32_t state) {
    static const char *const texts[GROVE_SERVICE_STATE_COUNT] = {
#define STATE_TEXT(name, number, text) [number] = text,
        GROVE_SERVICE_STATE_TABLE(STATE_TEXT)
#undef STATE_TEXT
    };
    return state < GROVE_SERVICE_STATE_COUNT ? texts[state] : "unknown";
}

static void end_texts(struct grove_found *found) {
    found->name.text[GROVE_NAME_MAX] = '\0';
    found->project.text[GROVE_NAME_MAX] = '\0';
    found->owner.text[GROVE_NAME_MAX] = '\0';
    found->tags[sizeof found->tags - 1] = '\0';
    found->reason[sizeof found->reason - 1] = '\0';
}

static int show_page(const struct grove_answer *answer, uint64_t *cursor, grove_found_handler *handler, void *context) {
    struct grove_found_page page;
    struct grove_found found;
    int status = 0;
    if (answer->length_bytes < sizeof page)
        return error_set(GROVE_CORRUPT, "the registry's answer is too short");
    memcpy(&page, answer->data, sizeof page);
    if ((answer->length_bytes - sizeof page) / sizeof found < page.count)
        return error_set(GROVE_CORRUPT, "the registry's answer is shorter than it says");
    for (uint32_t index = 0; status == 0 && index < page.count; index++) {
        memcpy(&found, (const char *)answer->data + sizeof page + index * sizeof found, sizeof found);
        end_texts(&found);
        status = handler(&found, context);
    }
    if (status == 0 && page.cursor != 0 && page.cursor <= *cursor)
        return error_set(GROVE_CORRUPT, "the registry's pages do not come to an end");
    *cursor = page.cursor;
    return status;
}

static int search(struct grove_channel *registry, const struct grove_find *find, grove_found_handler *handler,
                  void *context) {
    struct grove_find next = *find;
    int status;
    next.version = GROVE_REGISTRY_VERSION;
    next.limit = 0;
    next.cursor = 0;
    do {
        struct grove_answer answer;
        status = grove_call(registry,
                            &(struct grove_call){.method = GROVE_REGISTRY_FIND,
                                                 .data = &next,
                                                 .length_bytes = sizeof next,
                                                 .timeout_ns = PAGE_PATIENCE_NS},
                            &answer);
        if (status < 0)
            return status;
        status = show_page(&answer, &next.cursor, handler, context);
        grove_answer_release(&answer);
    } while (status == 0 && next.cursor != 0);
    return status;
}

int grove_registry_find(struct grove_session *session, const struct grove_find *find, grove_found_handler *handler,
                        void *context) {
    static _Thread_local struct grove_channel *kept; /* of the default session, which belongs to one thread */
    struct grove_channel *registry = kept;
    int status = 0;
    const struct grove_connect_options options = {.session = session, .tag = FIND_TAG};
    if (session != NULL || kept == NULL)
        status = grove_connect_with(GROVE_REGISTRY_ENDPOINT, &options, &registry);
    if (status < 0)
        return status;
    status = search(registry, find, handler, context);
    if (session == NULL && status != GROVE_CLOSED) {
        kept = registry;
        return status;
    }
    grove_channel_close(registry);
    if (session == NULL)
        kept = NULL;
    return status;
}
