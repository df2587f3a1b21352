/*
 * Quotas of namespaces that a service keeps.
 *
 * The store counts by what it passes on, and never too little: each set counts as if its key were new, whatever the provider does with
 * it, and what becomes smaller does not count. When that sum would pass the quota, or nothing is known yet, the provider's keys are
 * scanned, which also tells what the keys of the transaction take now; then it is exact again. So a namespace that is far from its
 * quota costs no scan, and one that is full costs one for each commit that overwrites.
 *
 *     used = what the scan found + all that was passed on since it began + what was not answered then
 *
 * While a transaction has one of its namespaces scanned, who commits to any of them waits behind, in the order of arrival, and is
 * looked at anew. Erasing is never refused. A provider that tells wrong sizes deceives itself only; a scan takes SCAN_NS at most.
 *
 * Crash: nothing of this is kept. What waits is delivered again, and the next instance scans.
 */
#include "servers/store/counted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/store/remote.h"

#define SCAN_NS (10 * GROVE_SECOND)

struct counting {
    struct counting *next; /* in store->countings: those that scan, and those that wait for them, as they came */
    struct store *store;
    struct grove_request *request;
    struct pending pending;
    char name[GROVE_NAME_MAX + 1]; /* of what is scanned; empty: it waits for another */
    char provider[GROVE_STORE_PROVIDER_BYTES];
    struct counted counted;
    uint64_t until_ns; /* the scan may last */
    bool may_count_twice; /* something was not answered when the scan began, and may be in it */
    int status; /* why it failed; the sentence is in `pending` */
    uint64_t grown_bytes, grown_keys; /* of the namespace when the scan began, without what was not answered */
};

/* ---- what a transaction adds ---- */

struct growth {
    int64_t bytes, keys;
};

static bool is_first_of_key(const struct transaction *transaction, uint32_t index) {
    const struct operation *operation = &transaction->operations[index];
    for (uint32_t before = 0; before < index; before++) {
        const struct operation *other = &transaction->operations[before];
        if (operation_writes(other) && other->namespace == operation->namespace &&
            other->key_bytes == operation->key_bytes && memcmp(other->key, operation->key, operation->key_bytes) == 0)
            return false;
    }
    return true;
}

/* At most so much: a key that is set twice counts twice. What keys took before counts if a scan has told. */
static struct growth growth_of(const struct transaction *transaction, const struct namespace *space) {
    struct growth growth = {0};
    bool is_encrypted = (space->flags & GROVE_STORE_NAMESPACE_SEALED) != 0;
    for (uint32_t index = 0; index < transaction->count; index++) {
        const struct operation *operation = &transaction->operations[index];
        if (operation->namespace != space || !operation_writes(operation))
            continue;
        if (operation->kind == GROVE_STORE_SET) {
            growth.bytes +=
                stored_charge(operation->key_bytes, operation->value_bytes + (is_encrypted ? SEAL_OVERHEAD : 0));
            growth.keys++;
        }
        if (operation->old_charge == 0 || !is_first_of_key(transaction, index))
            continue;
        growth.bytes -= operation->old_charge;
        growth.keys--;
    }
    return growth;
}

static bool fits(const struct namespace *space, struct growth growth) {
    return (growth.bytes <= 0 || space->used_bytes + (uint64_t)growth.bytes <= space->quota_bytes) &&
           (growth.keys <= 0 || space->used_keys + (uint64_t)growth.keys <= space->quota_keys);
}

static uint64_t positive(int64_t amount) {
    return amount > 0 ? (uint64_t)amount : 0;
}

static uint64_t less(uint64_t amount, uint64_t gone) {
    return amount > gone ? amount - gone : 0;
}

static void resolve(struct store *store, const struct pending *pending) {
    for (uint32_t index = 0; index < pending->transaction->count; index++) {
        struct operation *operation = &pending->transaction->operations[index];
        const char *name = operation->name.text[0] != '\0' ? operation->name.text : pending->own;
        struct namespace *space = namespace_find(&store->engine, name);
        if (space != operation->namespace || !space->is_counted)
            operation->old_charge = 0;
        operation->namespace = space;
    }
}

/* For each of its namespaces once. */
static bool is_first_of_space(const struct transaction *transaction, uint32_t index) {
    for (uint32_t before = 0; before < index; before++)
        if (transaction->operations[before].namespace == transaction->operations[index].namespace)
            return false;
    return transaction->operations[index].namespace != NULL;
}

static void count_in(const struct transaction *transaction) {
    for (uint32_t index = 0; index < transaction->count; index++) {
        struct namespace *space = transaction->operations[index].namespace;
        if (!is_first_of_space(transaction, index))
            continue;
        struct growth growth = growth_of(transaction, space);
        space->used_bytes += positive(growth.bytes);
        space->used_keys += positive(growth.keys);
        space->grown_bytes += positive(growth.bytes);
        space->grown_keys += positive(growth.keys);
        space->flying_bytes += positive(growth.bytes);
        space->flying_keys += positive(growth.keys);
    }
}

void counted_answered(const struct store *store, const struct transaction *transaction, const char *own) {
    for (uint32_t index = 0; index < transaction->count; index++) {
        const struct operation *operation = &transaction->operations[index];
        struct namespace *space = operation->namespace;
        const char *name = operation->name.text[0] != '\0' ? operation->name.text : own;
        if (!is_first_of_space(transaction, index) || namespace_find(&store->engine, name) != space)
            continue;
        struct growth growth = growth_of(transaction, space);
        space->flying_bytes = less(space->flying_bytes, positive(growth.bytes));
        space->flying_keys = less(space->flying_keys, positive(growth.keys));
    }
}

void counted_forget(struct namespace *space) {
    space->is_counted = false;
    space->used_bytes = space->used_keys = 0;
    space->flying_bytes = space->flying_keys = 0;
}

/* ---- waiting ---- */

static bool has_namespace(const struct transaction *transaction, const struct namespace *space) {
    for (uint32_t index = 0; index < transaction->count; index++)
        if (transaction->operations[index].namespace == space)
            return true;
    return false;
}

static bool must_wait(const struct store *store, const struct transaction *transaction) {
    for (const struct counting *at = store->countings; at != NULL; at = at->next)
        for (uint32_t index = 0; at->name[0] != '\0' && index < transaction->count; index++)
            if (transaction->operations[index].namespace != NULL &&
                has_namespace(at->pending.transaction, transaction->operations[index].namespace))
                return true;
    return false;
}

static struct counting *hold(struct store *store, struct grove_request *request, const struct pending *pending) {
    struct counting *held = calloc(1, sizeof *held);
    struct counting **place = &store->countings;
    if (held == NULL || request_keep(request) < 0) {
        free(held);
        transaction_destroy(pending->transaction);
        (void)grove_fail(request, GROVE_NO_MEMORY, "the store has no memory for another request");
        return NULL;
    }
    *held = (struct counting){.store = store, .request = request, .pending = *pending};
    while (*place != NULL)
        place = &(*place)->next;
    *place = held;
    return held;
}

static void unlink_from(struct store *store, const struct counting *held) {
    struct counting **place = &store->countings;
    while (*place != held)
        place = &(*place)->next;
    *place = held->next;
}

/* ---- the scan ---- */

static void ask_page(struct counting *counting);
static void scan(struct counting *counting, const struct namespace *space);

static int look_anew(struct grove_request *request, void *context) {
    struct counting *counting = context;
    struct pending pending = counting->pending;
    struct store *store = counting->store;
    free(counting);
    if (!counted_holds(store, request, &pending))
        remote_pass(store, request, &pending);
    return 0;
}

/* Those that wait, out of the list; those that scan stay in it. */
static struct counting *take_waiting(struct store *store) {
    struct counting *waiting = NULL, **last = &waiting;
    for (struct counting **place = &store->countings; *place != NULL;) {
        struct counting *at = *place;
        if (at->name[0] != '\0') {
            place = &at->next;
            continue;
        }
        *place = at->next;
        at->next = NULL;
        *last = at;
        last = &at->next;
    }
    return waiting;
}

/* They are looked at in their order; one of them may scan again, and then the others wait for that. */
static void let_go(struct store *store) {
    for (struct counting *waiting = take_waiting(store), *next; waiting != NULL; waiting = next) {
        next = waiting->next;
        request_again(waiting->request, look_anew, waiting, NULL);
    }
}

static int refuse(struct grove_request *request, void *context) {
    struct counting *counting = context;
    const struct namespace *space = namespace_find(&counting->store->engine, counting->name);
    transaction_destroy(counting->pending.transaction);
    if (space == NULL)
        return grove_fail(request, GROVE_WRONG_STATE, "the namespace %s was dropped meanwhile", counting->name);
    return grove_fail(
        request, GROVE_EXHAUSTED,
        "the namespace %s has %llu of its %llu bytes and %llu of its %llu keys in use, and this would take "
        "more: delete something, or raise its quota (\"grove store quota\")",
        space->name, (unsigned long long)space->used_bytes, (unsigned long long)space->quota_bytes,
        (unsigned long long)space->used_keys, (unsigned long long)space->quota_keys);
}

static int fail(struct grove_request *request, void *context) {
    struct counting *counting = context;
    transaction_destroy(counting->pending.transaction);
    return grove_fail(request, counting->status,
                      "the provider of the namespace %s could not be asked what it holds: %s", counting->name,
                      counting->pending.sentence);
}

static void scan_ends(struct counting *counting, grove_handler *answer) {
    struct store *store = counting->store;
    unlink_from(store, counting);
    if (answer != NULL) {
        request_again(counting->request, answer, counting, NULL);
        free(counting);
    } else {
        counting->name[0] = '\0';
        request_again(counting->request, look_anew, counting, NULL);
    }
    let_go(store);
}

static void scanned(struct counting *counting) {
    struct namespace *space = namespace_find(&counting->store->engine, counting->name);
    if (space == NULL || space != counting->counted.space || !is_remote(space)) {
        scan_ends(counting, refuse);
        return;
    }
    space->used_bytes = counting->counted.bytes + (space->grown_bytes - counting->grown_bytes);
    space->used_keys = counting->counted.keys + (space->grown_keys - counting->grown_keys);
    space->is_counted = true;
    bool has_room = fits(space, growth_of(counting->pending.transaction, space));
    if (!has_room && counting->may_count_twice)
        scan(counting, space); /* what was under way is answered by now: nothing new was passed on meanwhile */
    else
        scan_ends(counting, has_room ? NULL : refuse);
}

static void on_page(int status, const struct grove_answer *answer, void *context) {
    struct counting *counting = context;
    bool has_more = false;
    if (status < 0) /* also where it does not come in time */
        (void)snprintf(counting->pending.sentence, sizeof counting->pending.sentence, "%s", grove_last_error());
    if (status == 0) {
        bool is_slice = answer->slice != NULL;
        status = counted_page(&counting->counted, is_slice ? answer->slice : answer->data,
                              is_slice ? answer->slice_bytes : answer->length_bytes, &has_more);
        if (status < 0)
            (void)snprintf(counting->pending.sentence, sizeof counting->pending.sentence,
                           "its answer is not well-formed");
    }
    counting->status = status;
    if (status < 0)
        scan_ends(counting, fail);
    else if (has_more)
        ask_page(counting);
    else
        scanned(counting);
}

static void ask_page(struct counting *counting) {
    uint8_t message[sizeof(struct grove_store_scan_request) + GROVE_NAME_MAX + GROVE_STORE_KEY_MAX];
    struct counted *counted = &counting->counted;
    size_t name_bytes = strlen(counting->name), at = sizeof(struct grove_store_scan_request);
    struct grove_store_scan_request scan = {.version = GROVE_STORE_PROTOCOL_VERSION,
                                            .flags = GROVE_STORE_SCAN_KEYS_ONLY | GROVE_STORE_SCAN_TO_END |
                                                     (counted->last_bytes > 0 ? (uint32_t)GROVE_STORE_SCAN_AFTER : 0),
                                            .namespace_bytes = (uint8_t)name_bytes,
                                            .from_bytes = counted->last_bytes};
    memcpy(message, &scan, sizeof scan);
    memcpy(message + at, counting->name, name_bytes);
    memcpy(message + at + name_bytes, counted->last, counted->last_bytes);
    uint64_t now_ns = grove_now_ns();
    struct grove_call call = {.method = GROVE_STORE_SCAN,
                              .data = message,
                              .length_bytes = at + name_bytes + counted->last_bytes,
                              .timeout_ns = counting->until_ns > now_ns ? counting->until_ns - now_ns : 1};
    counting->status = remote_call(counting->store, counting->provider, &call, on_page, counting);
    if (counting->status == 0)
        return;
    (void)snprintf(counting->pending.sentence, sizeof counting->pending.sentence, "%s", grove_last_error());
    scan_ends(counting, fail);
}

static void scan(struct counting *counting, const struct namespace *space) {
    counting->counted = (struct counted){.space = space, .transaction = counting->pending.transaction};
    counting->may_count_twice = space->flying_bytes > 0 || space->flying_keys > 0;
    counting->grown_bytes = space->grown_bytes - space->flying_bytes;
    counting->grown_keys = space->grown_keys - space->flying_keys;
    ask_page(counting);
}

static void begin_scan(struct counting *counting, const struct namespace *space) {
    memcpy(counting->name, space->name, sizeof counting->name);
    uint64_t deadline_ns = grove_request_deadline_ns(counting->request), most_ns = grove_now_ns() + SCAN_NS;
    counting->until_ns = deadline_ns < most_ns ? deadline_ns : most_ns;
    memcpy(counting->provider, space->provider_name, sizeof counting->provider);
    scan(counting, space);
}

/* ---- the check ---- */

static bool is_in_doubt(const struct transaction *transaction, const struct namespace *space) {
    struct growth growth = growth_of(transaction, space);
    bool grows = growth.bytes > 0 || growth.keys > 0;
    return grows && (!space->is_counted || !fits(space, growth));
}

bool counted_holds(struct store *store, struct grove_request *request, struct pending *pending) {
    const struct transaction *transaction = pending->transaction;
    struct counting *held;
    resolve(store, pending);
    if (must_wait(store, transaction)) {
        (void)hold(store, request, pending);
        return true;
    }
    for (uint32_t index = 0; index < transaction->count; index++) {
        const struct namespace *space = transaction->operations[index].namespace;
        if (!is_first_of_space(transaction, index) || !is_in_doubt(transaction, space))
            continue;
        held = hold(store, request, pending);
        if (held != NULL)
            begin_scan(held, space);
        return true;
    }
    count_in(transaction);
    return false;
}
