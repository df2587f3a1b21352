/*
 * The intent log over the store.
 *
 * One intent is one key, "intent/KIND/NUMBER" (20 digits, so that keys are in the order of age), whose value is struct
 * intent_record and the program's data (docs/formats.md). Begin expects the key to be absent, marks replace the value, end
 * deletes it: each is one durable transaction, so a crash finds the intent as it was after the last of them.
 */
#include "grove/intent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/store/internal.h"

#define INTENT_MAGIC 0x544e4947u /* "GINT" */
#define INTENT_VERSION 1u

struct intent_record {
    uint32_t magic, version;
    uint32_t steps, done; /* of the kind; marked, from the first on */
};

struct grove_intent {
    struct grove_store *store;
    char key[128];
    size_t key_bytes;
    size_t length_bytes; /* of the data behind the record */
    struct intent_record record; /* followed by the data */
};

static unsigned steps_of(const struct grove_intent_kind *kind) {
    unsigned count = 0;
    while (count < GROVE_INTENT_STEPS_MAX && kind->steps[count].name != NULL)
        count++;
    return count;
}

static int check_kind(const struct grove_intent_kind *kind) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t length = strlen(kind->name);
    if (length == 0 || length > GROVE_INTENT_NAME_MAX || strspn(kind->name, allowed) != length)
        return error_set(GROVE_INVALID, "a kind of intent is named with 1 to %u of A-Z a-z 0-9 _ -",
                         GROVE_INTENT_NAME_MAX);
    if (steps_of(kind) == 0 || kind->steps[steps_of(kind)].name != NULL)
        return error_set(GROVE_INVALID, "the intent %s must have 1 to %u steps", kind->name,
                         GROVE_INTENT_STEPS_MAX - 1);
    return 0;
}

static struct grove_intent *make(struct grove_store *store, size_t length_bytes) {
    struct grove_intent *intent = malloc(sizeof *intent + length_bytes);
    if (intent == NULL) {
        (void)error_set(GROVE_NO_MEMORY, "no memory is left for an intent");
        return NULL;
    }
    intent->store = store;
    intent->length_bytes = length_bytes;
    return intent;
}

static void *data_of(struct grove_intent *intent) {
    return &intent->record + 1;
}

struct grove_intent_data grove_intent_data(const struct grove_intent *intent) {
    return (struct grove_intent_data){.data = &intent->record + 1, .length_bytes = intent->length_bytes};
}

void grove_intent_forget(struct grove_intent *intent) {
    free(intent);
}

/* ---- the parts ---- */

/* An intent that is not written yet, and a number for it that is likely not taken. */
static int prepare(struct grove_store *store, const struct grove_intent_kind *kind, const void *data,
                   size_t length_bytes, struct grove_intent **intent, uint64_t *number) {
    struct timespec now;
    int status = check_kind(kind);
    if (status == 0 && length_bytes > GROVE_INTENT_DATA_MAX)
        status = error_set(GROVE_TOO_LARGE, "an intent has at most %u bytes of data", GROVE_INTENT_DATA_MAX);
    struct grove_intent *made = status == 0 ? make(store, length_bytes) : NULL;
    if (made == NULL)
        return status < 0 ? status : GROVE_NO_MEMORY;
    made->record = (struct intent_record){.magic = INTENT_MAGIC, .version = INTENT_VERSION, .steps = steps_of(kind)};
    if (length_bytes > 0)
        memcpy(data_of(made), data, length_bytes);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *number = (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
    *intent = made;
    return 0;
}

static void set_key(struct grove_intent *intent, const struct grove_intent_kind *kind, uint64_t number) {
    intent->key_bytes =
        (size_t)snprintf(intent->key, sizeof intent->key, "intent/%s/%020llu", kind->name, (unsigned long long)number);
}

int grove_intent_begin(struct grove_store *store, const struct grove_intent_kind *kind, const void *data,
                       size_t length_bytes, struct grove_intent **intent) {
    struct grove_intent *made = NULL;
    uint64_t number;
    int status = prepare(store, kind, data, length_bytes, &made, &number);
    if (status < 0)
        return status;
    do {
        set_key(made, kind, number++);
        status = grove_store_compare_and_set(store, made->key, made->key_bytes, 0, &made->record,
                                             sizeof made->record + length_bytes, NULL);
    } while (status == GROVE_AGAIN); /* the clock was set back, and that number is taken */
    if (status < 0) {
        free(made);
        return status;
    }
    *intent = made;
    return 0;
}

/* A number that is taken makes the commit fail with GROVE_AGAIN, and the next attempt has another. */
int grove_intent_begin_in(struct grove_store_transaction *transaction, struct grove_store *store,
                          const struct grove_intent_kind *kind, const void *data, size_t length_bytes,
                          struct grove_intent **intent) {
    struct grove_intent *made = NULL;
    uint64_t number;
    int status = prepare(store, kind, data, length_bytes, &made, &number);
    if (status < 0)
        return status;
    set_key(made, kind, number);
    status = grove_store_transaction_expect(transaction, store->name.text, made->key, made->key_bytes, 0);
    if (status == 0)
        status = grove_store_transaction_set(transaction, store->name.text, made->key, made->key_bytes, &made->record,
                                             sizeof made->record + length_bytes, 0);
    if (status < 0) {
        free(made);
        return status;
    }
    *intent = made;
    return 0;
}

int grove_intent_end_in(struct grove_intent *intent, struct grove_store_transaction *transaction) {
    return grove_store_transaction_delete(transaction, intent->store->name.text, intent->key, intent->key_bytes);
}

static int set_done(struct grove_intent *intent, unsigned step, bool is_done) {
    unsigned before = is_done ? step : step + 1;
    if (step >= intent->record.steps || intent->record.done != before)
        return error_set(GROVE_INVALID, "steps are marked in their order: %u are done", intent->record.done);
    intent->record.done = is_done ? step + 1 : step;
    return 0;
}

int grove_intent_mark_in(struct grove_intent *intent, struct grove_store_transaction *transaction, unsigned step,
                         bool is_done) {
    int status = set_done(intent, step, is_done);
    return status < 0
               ? status
               : grove_store_transaction_set(transaction, intent->store->name.text, intent->key, intent->key_bytes,
                                             &intent->record, sizeof intent->record + intent->length_bytes, 0);
}

int grove_intent_mark(struct grove_intent *intent, unsigned step, bool is_done) {
    int status = set_done(intent, step, is_done);
    return status < 0 ? status
                      : grove_store_set(intent->store, intent->key, intent->key_bytes, &intent->record,
                                        sizeof intent->record + intent->length_bytes, NULL);
}

int grove_intent_end(struct grove_intent *intent) {
    int status = grove_store_delete(intent->store, intent->key, intent->key_bytes, NULL);
    free(intent);
    return status;
}

/* ---- finding ---- */

struct finding {
    struct grove_store *store;
    struct grove_intent *found;
    int status;
};

static int take(const struct grove_store_entry *entry, void *context) {
    struct finding *finding = context;
    struct intent_record record;
    if (entry->key_bytes >= sizeof finding->found->key || entry->length_bytes < sizeof record)
        return GROVE_CORRUPT;
    memcpy(&record, entry->data, sizeof record);
    if (record.magic != INTENT_MAGIC || record.version != INTENT_VERSION || record.done > record.steps)
        return GROVE_CORRUPT;
    finding->found = make(finding->store, entry->length_bytes - sizeof record);
    if (finding->found == NULL)
        return GROVE_NO_MEMORY;
    memcpy(finding->found->key, entry->key, entry->key_bytes);
    finding->found->key_bytes = entry->key_bytes;
    memcpy(&finding->found->record, entry->data, sizeof record);
    memcpy(data_of(finding->found), (const uint8_t *)entry->data + sizeof record, finding->found->length_bytes);
    return 1;
}

int grove_intent_next(struct grove_store *store, const struct grove_intent_kind *kind, struct grove_intent **intent,
                      unsigned *done) {
    char prefix[128];
    struct finding finding = {.store = store};
    int status = check_kind(kind);
    if (status < 0)
        return status;
    int length = snprintf(prefix, sizeof prefix, "intent/%s/", kind->name);
    struct grove_store_scan scan = {.prefix = prefix, .prefix_bytes = (size_t)length, .limit = 1};
    status = grove_store_scan(store, &scan, take, &finding, NULL);
    if (status == GROVE_CORRUPT)
        (void)error_set(status, "what is kept as an intent %s in %s is none of this version", kind->name,
                        store->name.text);
    if (status < 0)
        return status;
    if (finding.found == NULL) {
        (void)error_set(GROVE_NOT_FOUND, "no intent %s is open", kind->name);
        return GROVE_NOT_FOUND;
    }
    if (finding.found->record.steps != steps_of(kind)) {
        (void)error_set(GROVE_VERSION, "the open intent %s has %u steps, this program's has %u", kind->name,
                        finding.found->record.steps, steps_of(kind));
        free(finding.found);
        return GROVE_VERSION;
    }
    *done = finding.found->record.done;
    *intent = finding.found;
    return 0;
}

/* ---- running ---- */

/* Do all steps from the first that is not marked on. *failed is the step that failed. */
static int complete(struct grove_intent *intent, const struct grove_intent_kind *kind, void *context) {
    struct grove_intent_data data = grove_intent_data(intent);
    int status = 0;
    while (status >= 0 && intent->record.done < intent->record.steps) {
        unsigned step = intent->record.done;
        status = kind->steps[step].perform(&data, context);
        if (status >= 0)
            status = grove_intent_mark(intent, step, true);
    }
    return status < 0 ? status : 0;
}

/* Undo from `step` on, the last first: that one may have been half done, although it is not marked. */
static int undo(struct grove_intent *intent, const struct grove_intent_kind *kind, void *context) {
    struct grove_intent_data data = grove_intent_data(intent);
    unsigned step = intent->record.done;
    int status = 0;
    if (step < intent->record.steps && kind->steps[step].undo != NULL)
        status = kind->steps[step].undo(&data, context);
    while (status >= 0 && intent->record.done > 0) {
        step = intent->record.done - 1;
        if (kind->steps[step].undo != NULL)
            status = kind->steps[step].undo(&data, context);
        if (status >= 0)
            status = grove_intent_mark(intent, step, false);
    }
    return status < 0 ? status : 0;
}

static int leave_open(struct grove_intent *intent, const struct grove_intent_kind *kind, int status) {
    char because[256];
    (void)snprintf(because, sizeof because, "%s", grove_last_error());
    (void)error_set(GROVE_WRONG_STATE, "the intent %s stays open with %u of %u steps done (%s: %s)", kind->name,
                    intent->record.done, intent->record.steps, grove_status_text(status), because);
    grove_intent_forget(intent);
    return GROVE_WRONG_STATE;
}

/* All or nothing of it. Consumes the intent; GROVE_WRONG_STATE: it stays open in the store. */
static int carry_out(struct grove_intent *intent, const struct grove_intent_kind *kind, bool completes, void *context) {
    int status = completes ? complete(intent, kind, context) : 0;
    int undone = completes && status == 0 ? 0 : undo(intent, kind, context);
    if (undone == 0)
        undone = grove_store_delete(intent->store, intent->key, intent->key_bytes, NULL);
    if (undone < 0)
        return leave_open(intent, kind, undone);
    grove_intent_forget(intent);
    return status;
}

int grove_intent_run(struct grove_store *store, const struct grove_intent_kind *kind, const void *data,
                     size_t length_bytes, void *context) {
    struct grove_intent *intent;
    int status = grove_intent_begin(store, kind, data, length_bytes, &intent);
    return status < 0 ? status : carry_out(intent, kind, true, context);
}

int grove_intent_recover(struct grove_store *store, const struct grove_intent_kind *kind, void *context,
                         unsigned *count) {
    struct grove_intent *intent;
    unsigned done, recovered = 0;
    int status;
    while ((status = grove_intent_next(store, kind, &intent, &done)) == 0) {
        status = carry_out(intent, kind, kind->policy == GROVE_INTENT_COMPLETE, context);
        if (status == GROVE_WRONG_STATE)
            break; /* still open: it would be found again */
        recovered++;
    }
    if (count != NULL)
        *count = recovered;
    return status == GROVE_NOT_FOUND ? 0 : status;
}
