/*
 * COMMAND: a program beside the service, in a container of its own with the service's rights, exits with 0. The registry,
 * which may grant those rights, runs it; this service has none of them.
 */
#include "servers/health/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/exit_text.h"
#include "servers/common/names.h"
#include "servers/registry/protocol.h"

#define REGISTRY_MARGIN_NS (5 * GROVE_SECOND) /* for the start of the container, and a restart of the registry */

struct run {
    command_done *done;
    void *context;
};

static void on_end(int status, const struct grove_answer *answer, void *context) {
    char sentence[GROVE_HEALTH_SENTENCE_BYTES] = "";
    struct registry_beside_end end;
    struct run *run = context;
    if (status < 0) {
        text_set(sentence, sizeof sentence, grove_last_error());
    } else if (answer->length_bytes < sizeof end) {
        status = GROVE_CORRUPT;
        (void)snprintf(sentence, sizeof sentence, "the registry's answer is too short");
    } else {
        memcpy(&end, answer->data, sizeof end);
        if (end.is_late != 0)
            (void)snprintf(sentence, sizeof sentence, "the command did not end in time");
        else if (!exit_is_clean(end.exit_cause, end.exit_detail))
            (void)exit_text(end.exit_cause, end.exit_detail, end.layer, sentence, sizeof sentence);
        status = sentence[0] == '\0' ? 0 : GROVE_HANDLER_FAILED;
    }
    run->done(run->context, status, sentence);
    free(run);
}

/* Words behind each other, each with its zero byte. False if they do not fit. */
static bool add_word(struct registry_beside *request, size_t *used, const char *word, size_t length) {
    if (*used + length + 1 > sizeof request->words)
        return false;
    memcpy(request->words + *used, word, length);
    request->words[*used + length] = '\0';
    *used += length + 1;
    request->word_count++;
    return true;
}

int command_run(struct monitor *monitor, const char *service, const char *command, const char *const *words,
                unsigned word_count, uint64_t timeout_ns, command_done *done, void *context) {
    static struct registry_beside request;
    size_t used = 0;
    bool fits = true;
    memset(&request, 0, sizeof request);
    request.version = REGISTRY_PROTOCOL_VERSION;
    request.timeout_ms =
        (uint32_t)(timeout_ns / GROVE_MILLISECOND < 3600000 ? timeout_ns / GROVE_MILLISECOND : 3600000);
    name_set(&request.service, service);
    for (const char *next = command + strspn(command, " "); *next != '\0' && fits; next += strspn(next, " ")) {
        size_t length = strcspn(next, " ");
        fits = add_word(&request, &used, next, length);
        next += length;
    }
    for (unsigned index = 0; index < word_count && fits; index++)
        fits = add_word(&request, &used, words[index], strlen(words[index]));
    struct run *run = fits && monitor->registry != NULL ? malloc(sizeof *run) : NULL;
    if (run == NULL)
        return fits ? GROVE_AGAIN : GROVE_TOO_LARGE;
    *run = (struct run){.done = done, .context = context};
    int status = grove_call_start(monitor->registry,
                                  &(struct grove_call){.method = REGISTRY_BESIDE,
                                                       .priority = GROVE_PRIORITY_MEDIUM,
                                                       .data = &request,
                                                       .length_bytes = sizeof request,
                                                       .timeout_ns = timeout_ns + REGISTRY_MARGIN_NS},
                                  on_end, run);
    if (status < 0)
        free(run);
    return status;
}

/* That the registry was not there, or busy beside the service, says nothing about the service. */
static bool is_no_result(int status) {
    return status == GROVE_AGAIN || status == GROVE_EXHAUSTED || status == GROVE_CLOSED || status == GROVE_TIMED_OUT ||
           status == GROVE_CANCELLED || status == GROVE_NO_MEMORY;
}

static void checked(void *context, int status, const char *sentence) {
    struct try *try = context;
    if (is_no_result(status))
        try->generation = UINT32_MAX;
    try_end(try, status == 0 ? GROVE_CAUSE_NONE : GROVE_CAUSE_FAILED_CHECK, "the command: %.170s", sentence);
}

void command_start(struct try *try) {
    const struct check *check = try->check;
    int status = command_run(try->monitor, check->watched->name.text, check->plan.argument, NULL, 0,
                             check->plan.timeout_ns, checked, try);
    if (status < 0)
        checked(try, status, grove_status_text(status));
}
