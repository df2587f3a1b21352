/*
 * Fuzz target: a reply to a read, as a service that keeps values may give it, on its way past the hooks after a read. What the
 * store calls meanwhile is played here.
 *
 *     0  flags: 1 a page and not a value; 2 the hooks may be asked; 4 its time is over before its end
 *     1  length of what hooks make of a value they change, in 128 bytes
 *     2  what the hooks do, two bits for each question, again and again: 0, 1 go on; 2 change; 3 cannot be asked
 *     4  the reply
 *
 * Whatever comes, the request is answered once and then finished once; a page that is sent is well-formed, holds the records of the
 * given one from its beginning, in their order, and is small enough for a lane if it holds more than one.
 */
#include <stdlib.h>
#include <string.h>

#include "servers/store/points.h"

#define KEY "a-key"
#define SCRIPT_BYTES 4u
#define DATA_BYTES_MAX GROVE_HOOK_DATA_MAX

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static struct {
    uint8_t flags;
    size_t changed_bytes;
    uint16_t script;
    unsigned questions, answers, ends;
    grove_hook_handler *done; /* of the question that waits */
    void *context;
    const uint8_t *given;
    size_t given_bytes;
} play;

static uint8_t changed[DATA_BYTES_MAX];

static void expect(bool is_true) {
    if (!is_true)
        abort();
}

static bool is_page(void) {
    return (play.flags & 1) != 0;
}

/* ---- what is sent ---- */

static size_t padded(size_t bytes) {
    return (bytes + 7) & ~(size_t)7;
}

static size_t record_bytes(const struct grove_store_record *record) {
    return padded(sizeof *record + record->key_bytes + (record->has_value != 0 ? record->value_bytes : 0));
}

static void check_page(const uint8_t *sent, size_t bytes) {
    struct grove_store_page page, given;
    struct grove_store_record record, before;
    size_t at = sizeof page, given_at = sizeof given;
    expect(bytes >= sizeof page);
    memcpy(&page, sent, sizeof page);
    memcpy(&given, play.given, sizeof given);
    expect(page.count <= given.count && (page.count == given.count || page.has_more != 0));
    expect(page.count <= 1 || bytes <= PAGE_BYTES);
    for (uint32_t index = 0; index < page.count; index++) {
        expect(bytes - at >= sizeof record);
        memcpy(&record, sent + at, sizeof record);
        memcpy(&before, play.given + given_at, sizeof before);
        expect(record_bytes(&record) <= bytes - at);
        expect(record.key_bytes == before.key_bytes && record.revision == before.revision);
        expect(memcmp(sent + at + sizeof record, play.given + given_at + sizeof before, record.key_bytes) == 0);
        at += record_bytes(&record);
        given_at += record_bytes(&before);
    }
    expect(at == bytes);
}

int reply_bytes(struct grove_request *request, const void *data, size_t bytes) {
    (void)request;
    struct grove_store_record record;
    play.answers++;
    if (is_page()) {
        check_page(data, bytes);
        return 0;
    }
    expect(bytes >= sizeof record);
    memcpy(&record, data, sizeof record);
    expect(bytes == sizeof record + record.key_bytes + (record.has_value != 0 ? record.value_bytes : 0));
    return 0;
}

int(grove_fail)(struct grove_request *request, int status, const char *sentence, ...) {
    (void)request;
    expect(strlen(sentence) > 10);
    play.answers++;
    return status;
}

void grove_request_finish(struct grove_request *request) {
    (void)request;
    expect(play.answers == 1);
    play.ends++;
}

/* ---- requests ---- */

int request_keep(struct grove_request *request) {
    (void)request;
    return 0;
}

const char *grove_request_client(const struct grove_request *request) {
    (void)request;
    return "test.client";
}

uint64_t grove_request_deadline_ns(const struct grove_request *request) {
    (void)request;
    return 100;
}

uint64_t grove_now_ns(void) {
    return (play.flags & 4) != 0 && play.questions > 1 ? 100 : 1;
}

/* ---- hooks ---- */

const uint32_t *grove_hooks_mask(const struct grove_hooks *hooks) {
    static const uint32_t mask = 1u << GROVE_HOOK_AFTER_READ;
    (void)hooks;
    return &mask;
}

static unsigned step(void) {
    return (unsigned)play.script >> 2 * (play.questions % 8) & 3u;
}

int grove_hooks_run(struct grove_hooks *hooks, const struct grove_hook_question *question, grove_hook_handler *done,
                    void *context) {
    (void)hooks;
    const uint8_t *value = question->data;
    expect(play.done == NULL && strlen(question->subject) <= GROVE_HOOK_SUBJECT_MAX);
    for (size_t index = 0, sum = 0; index < question->length_bytes; index++)
        expect((sum += value[index]) >= value[index]); /* reads it */
    if ((play.flags & 2) == 0 || step() == 3) {
        play.questions++;
        return GROVE_EXHAUSTED;
    }
    play.done = done;
    play.context = context;
    return 0;
}

static void answer_question(void) {
    struct grove_hook_outcome outcome = {.result = GROVE_HOOK_CONTINUE};
    grove_hook_handler *done = play.done;
    if (step() == 2)
        outcome = (struct grove_hook_outcome){
            .result = GROVE_HOOK_CHANGE, .data = changed, .length_bytes = play.changed_bytes};
    play.questions++;
    play.done = NULL;
    done(&outcome, play.context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    static uint8_t nobody; /* its address only */
    struct store store = {.hooks = (struct grove_hooks *)(void *)&nobody};
    if (size_bytes < SCRIPT_BYTES)
        return 0;
    memset(&play, 0, sizeof play);
    play.flags = data[0];
    play.changed_bytes = data[1] * (size_t)128;
    if (play.changed_bytes > DATA_BYTES_MAX)
        play.changed_bytes = DATA_BYTES_MAX;
    memcpy(&play.script, data + 2, sizeof play.script);
    /* A copy of its own, gone when the hooks are asked again. */
    uint8_t *reply = malloc(size_bytes);
    expect(reply != NULL);
    memcpy(reply, data + SCRIPT_BYTES, size_bytes - SCRIPT_BYTES);
    play.given = data + SCRIPT_BYTES;
    play.given_bytes = size_bytes - SCRIPT_BYTES;
    bool is_held = points_hold_reply(&store, NULL, "a.b", is_page() ? NULL : (const uint8_t *)KEY,
                                     is_page() ? 0 : sizeof KEY - 1, reply, play.given_bytes);
    free(reply);
    while (play.done != NULL)
        answer_question();
    expect(play.answers == (is_held ? 1u : 0u) && play.ends == play.answers);
    return 0;
}
