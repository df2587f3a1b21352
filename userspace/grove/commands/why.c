/*
 * grove why: what went wrong with a service, and what would mend it.
 *
 * From the kernel's audit log (refusals, ends, failed starts) and the registry (why it is in its state). A program of grove
 * run is not registered: the kernel knows it while it runs, its audit log a while longer, and what it was refused is kept
 * in the state folder (run/record.h).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "servers/common/budget_text.h"
#include "servers/common/exit_text.h"
#include "userspace/grove/commands/system_hooks.h"
#include "userspace/grove/run/record.h"

static const struct command_option options[] = {
    {"number", 'n', "COUNT", "show at most COUNT events of each kind, the latest (10)"},
    {0},
};

#define EVENTS_MAX 1000u

/* One thing that happened, with how often it happened in a row. */
struct event {
    struct grove_audit_record record;
    unsigned times;
};

struct history {
    struct event list[EVENTS_MAX];
    unsigned count, first; /* a ring */
};

static struct history refusals, ends;

/* Of a limit, what was used differs each time; it is the same trouble. */
static bool is_same(const struct grove_audit_record *a, const struct grove_audit_record *b) {
    if (a->event == GROVE_AUDIT_BUDGET)
        return b->event == a->event && a->cause == b->cause && a->detail == b->detail &&
               a->argument.budget.limit == b->argument.budget.limit;
    return a->event == b->event && a->kind == b->kind && a->length_bytes == b->length_bytes && a->cause == b->cause &&
           a->detail == b->detail && a->argument_kind == b->argument_kind &&
           memcmp(a->argument.text, b->argument.text, sizeof a->argument.text) == 0; /* the largest: all of it */
}

static void add(struct history *history, const struct grove_audit_record *record, unsigned keep) {
    for (unsigned index = 0; index < history->count; index++) {
        struct event *event = &history->list[(history->first + index) % EVENTS_MAX];
        if (is_same(&event->record, record)) {
            event->record = *record;
            event->times++;
            return;
        }
    }
    if (history->count == keep) {
        history->first = (history->first + 1) % EVENTS_MAX;
        history->count--;
    }
    history->list[(history->first + history->count++) % EVENTS_MAX] = (struct event){.record = *record, .times = 1};
}

/* Ends that are no trouble: asked for, or a task that did its work. */
static bool is_trouble(const struct grove_audit_record *record) {
    if (record->event == GROVE_AUDIT_START_FAILED || record->event == GROVE_AUDIT_BUDGET)
        return true;
    /* The end that follows a failed start says less than the failure itself. */
    return record->event == GROVE_AUDIT_EXIT && record->cause != GROVE_EXIT_STOPPED &&
           record->cause != GROVE_EXIT_START_FAILED && !exit_is_clean(record->cause, record->detail);
}

/* Services ask what their clients may do: those refusals name the service too, but are the client's. */
static bool is_refused(const struct grove_audit_record *record, const struct grove_name *name) {
    return strncmp(record->who.text, name->text, sizeof name->text) == 0;
}

static void take(const struct grove_audit_record *record, const struct grove_name *name, unsigned keep) {
    if ((record->event == GROVE_AUDIT_REFUSE || record->event == GROVE_AUDIT_SYSCALL_REFUSED) &&
        !is_refused(record, name))
        return;
    if (record->event == GROVE_AUDIT_REFUSE || record->event == GROVE_AUDIT_SYSCALL_REFUSED)
        add(&refusals, record, keep);
    else if (is_trouble(record))
        add(&ends, record, keep);
}

static int read_audit(const struct invocation *invocation, const struct grove_name *name, unsigned keep,
                      bool *is_known) {
    struct grove_session *session;
    uint64_t sequence = 0;
    int status = command_connect(invocation, &session);
    while (status == 0) {
        struct grove_message message = {.operation = GROVE_REQUEST_AUDIT_READ};
        message.body.audit_read = (struct grove_audit_read){.sequence = sequence, .name = *name};
        int result = grove_kernel_request(session, &message, NULL, 0, NULL, NULL, SYSTEM_TIMEOUT_NS);
        if (result == GROVE_NOT_FOUND)
            return 0;
        if (result < 0)
            return command_fail_library(invocation, "the audit log cannot be read");
        struct grove_audit_record record;
        memcpy(&record, message.body.bytes, sizeof record);
        take(&record, name, keep);
        *is_known = true;
        sequence = record.sequence + 1;
    }
    return status;
}

/* ---- words ---- */

static void when(uint64_t time_ns, char *text, size_t text_bytes) {
    time_t seconds = (time_t)(time_ns / GROVE_SECOND);
    struct tm parts;
    if (localtime_r(&seconds, &parts) == NULL || strftime(text, text_bytes, "%Y-%m-%d %H:%M:%S", &parts) == 0)
        text[0] = '\0';
}

static void end_in_words(const struct grove_audit_record *record, char *text, size_t text_bytes) {
    if (record->event == GROVE_AUDIT_BUDGET)
        (void)budget_text(record->cause, record->argument.budget.used, record->argument.budget.limit,
                          record->detail != 0, text, text_bytes);
    else if (record->event == GROVE_AUDIT_START_FAILED)
        (void)exit_text(GROVE_EXIT_START_FAILED, record->detail, record->cause, text, text_bytes);
    else
        (void)exit_text(record->cause, record->detail, 0, text, text_bytes);
}

static json_t *events_json(const struct history *history, bool are_refusals) {
    json_t *list = json_array();
    for (unsigned index = 0; index < history->count; index++) {
        const struct event *event = &history->list[(history->first + index) % EVENTS_MAX];
        char sentence[640] = "", grant[400] = "";
        if (are_refusals)
            (void)refusal_explain(&event->record, sentence, sizeof sentence, grant, sizeof grant);
        else
            end_in_words(&event->record, sentence, sizeof sentence);
        json_t *object =
            json_pack("{s:s, s:I, s:i, s:i}", "what", sentence, "time_ns", (json_int_t)event->record.time_ns, "times",
                      (int)event->times, "generation", (int)event->record.generation);
        if (grant[0] != '\0')
            (void)json_object_set_new(object, "grant", json_string(grant));
        (void)json_array_append_new(list, object);
    }
    return list;
}

static void print_events(const struct invocation *invocation, const char *heading, json_t *events, bool is_program) {
    size_t index;
    json_t *event;
    if (json_array_size(events) == 0)
        return;
    printf("%s%s%s\n", output_on(invocation, OUTPUT_STRONG), heading, output_off(invocation));
    json_array_foreach(events, index, event) {
        char time_text[32];
        const char *grant = json_string_value(json_object_get(event, "grant"));
        json_int_t times = json_integer_value(json_object_get(event, "times"));
        when((uint64_t)json_integer_value(json_object_get(event, "time_ns")), time_text, sizeof time_text);
        printf("  %s  %s", time_text, json_string_value(json_object_get(event, "what")));
        if (times > 1)
            printf(" (%" JSON_INTEGER_FORMAT " times)", times);
        printf("\n");
        if (grant != NULL && is_program)
            printf("    to grant it: %s--allow %s%s\n", output_on(invocation, OUTPUT_GOOD), grant,
                   output_off(invocation));
        else if (grant != NULL)
            printf("    to allow it, add to capabilities: of its manifest\n      %s- %s%s\n",
                   output_on(invocation, OUTPUT_GOOD), grant, output_off(invocation));
    }
}

/* ---- services ---- */

static json_t *read_state(const struct invocation *invocation, const struct grove_name *name) {
    struct registry_record record;
    struct init_page page;
    struct init_record records[INIT_SERVICES_MAX + 1];
    if (!system_is_own(name))
        return system_status(invocation, name, &record) == 0 ? system_record_json(&record, NULL) : NULL;
    if (system_init(invocation, INIT_STATUS, "", &page, records) != 0)
        return NULL;
    for (uint32_t index = 0; index < page.count; index++) {
        if (strcmp(records[index].name.text, name->text) != 0)
            continue;
        system_record_of(&records[index], &record);
        return system_record_json(&record, NULL);
    }
    (void)command_fail(invocation, "there is no system service %s; \"grove ps -p system\" lists them", name->text);
    return NULL;
}

static void print_state(const struct invocation *invocation, json_t *state) {
    char span[32];
    const char *reason = json_string_value(json_object_get(state, "reason"));
    json_int_t due_ns = json_integer_value(json_object_get(state, "restart_in_ns"));
    printf("%s%s%s is %s", output_on(invocation, OUTPUT_STRONG), json_string_value(json_object_get(state, "name")),
           output_off(invocation), json_string_value(json_object_get(state, "state")));
    if (reason != NULL)
        printf(": %s", reason);
    if (due_ns > 0)
        printf("; the next try is in %s", output_duration((uint64_t)due_ns, span, sizeof span));
    printf(", %" JSON_INTEGER_FORMAT " restarts so far\n", json_integer_value(json_object_get(state, "restarts")));
}

static bool is_hook_of(const json_t *hook, const char *name) {
    return strcmp(json_string_value(json_object_get(hook, "owner")), name) == 0 ||
           strcmp(json_string_value(json_object_get(hook, "endpoint")), name) == 0;
}

/*
 * Did this hook, the last time that it said no, say no to something of this service's? "before-write NAME KEY: reason",
 * "before-start NAME: reason", or "before-publish SUBJECT for NAME: reason".
 */
static bool said_no_to(const json_t *hook, const char *name) {
    char words[GROVE_NAME_MAX + 8];
    const char *veto = json_string_value(json_object_get(hook, "last_veto"));
    const char *subject = veto != NULL ? strchr(veto, ' ') : NULL;
    if (name == NULL)
        return false;
    size_t length = strlen(name);
    (void)snprintf(words, sizeof words, " for %s: ", name);
    return subject != NULL &&
           ((strncmp(subject + 1, name, length) == 0 && (subject[1 + length] == ' ' || subject[1 + length] == ':')) ||
            strstr(subject, words) != NULL);
}

/* What it did as a hook, or what a hook did to it: hooks that failed, or said no. NULL: nothing. */
static json_t *hooks_of(const struct invocation *invocation, const char *name) {
    json_t *all, *own = NULL, *hook;
    size_t index;
    if (system_hooks(invocation, true, &all) != 0)
        return NULL;
    json_array_foreach(all, index, hook) {
        bool is_own = is_hook_of(hook, name);
        bool is_told = json_object_get(hook, "last_failure") != NULL || json_object_get(hook, "last_veto") != NULL;
        if (!(is_own && is_told) && !said_no_to(hook, name))
            continue;
        json_object_set_new(hook, "is_own", json_boolean(is_own));
        if (own == NULL)
            own = json_array();
        json_array_append(own, hook);
    }
    json_decref(all);
    return own;
}

static void print_hooks(const struct invocation *invocation, json_t *hooks) {
    json_t *hook;
    size_t index;
    json_array_foreach(hooks, index, hook) {
        const char *failure = json_string_value(json_object_get(hook, "last_failure"));
        const char *veto = json_string_value(json_object_get(hook, "last_veto"));
        if (!json_is_true(json_object_get(hook, "is_own"))) {
            printf("the hook %s %ssaid no%s to what it did, the last time at %s\n",
                   json_string_value(json_object_get(hook, "endpoint")), output_on(invocation, OUTPUT_BAD),
                   output_off(invocation), veto);
            continue;
        }
        printf("as a hook %s of %s it", json_string_value(json_object_get(hook, "point")),
               json_string_value(json_object_get(hook, "pattern")));
        if (failure != NULL)
            printf(" %swas cut off %" JSON_INTEGER_FORMAT " times%s, the last time at %s",
                   output_on(invocation, OUTPUT_BAD), json_integer_value(json_object_get(hook, "failures")),
                   output_off(invocation), failure);
        if (veto != NULL)
            printf("%s said no %" JSON_INTEGER_FORMAT " times, the last time at %s", failure != NULL ? ", and" : "",
                   json_integer_value(json_object_get(hook, "vetoes")), veto);
        if (json_object_get(hook, "paused_ns") != NULL)
            printf("; it is left out for a while");
        printf("\n");
    }
}

static int print(const struct invocation *invocation, json_t *state, bool is_program) {
    json_t *hooks = is_program ? NULL : hooks_of(invocation, json_string_value(json_object_get(state, "name")));
    json_t *document = json_pack("{s:o, s:o, s:o}", "state", state, "refusals", events_json(&refusals, true), "ends",
                                 events_json(&ends, false));
    if (hooks != NULL)
        json_object_set_new(document, "hooks", hooks);
    if (invocation->json) {
        output_json(document);
        return COMMAND_OK;
    }
    if (is_program)
        printf("%s%s%s, a program of grove run, %s\n", output_on(invocation, OUTPUT_STRONG),
               json_string_value(json_object_get(state, "name")), output_off(invocation),
               strcmp(json_string_value(json_object_get(state, "state")), "running") == 0 ? "is running" : "has ended");
    else
        print_state(invocation, state);
    print_events(invocation, "refused", json_object_get(document, "refusals"), is_program);
    print_events(invocation, "ended", json_object_get(document, "ends"), is_program);
    print_hooks(invocation, hooks);
    if (refusals.count + ends.count == 0 && hooks == NULL)
        printf("nothing was refused to it, and it has not failed since the kernel started\n");
    json_decref(document);
    return COMMAND_OK;
}

/* ---- programs of grove run ---- */

static int explain_program(const struct invocation *invocation, const struct grove_name *name, unsigned keep) {
    static struct grove_audit_record records[RUN_RECORDS_MAX];
    struct grove_session *session;
    struct grove_container_record container;
    bool is_known = false, runs = false;
    if (command_kernel_runs(invocation)) {
        if (read_audit(invocation, name, keep, &is_known) != 0 || command_connect(invocation, &session) != 0)
            return COMMAND_FAILED;
        runs = system_container(session, name, &container);
    }
    unsigned count = is_known ? 0 : run_record_read(invocation->state_folder, name->text, records);
    for (unsigned i = 0; i < count; i++)
        take(&records[i], name, keep);
    if (count == 0 && !command_kernel_runs(invocation))
        return command_connect(invocation, &session);
    if (!is_known && !runs && count == 0)
        return system_unknown(invocation, name->text);
    json_t *state = json_pack("{s:s, s:s}", "name", name->text, "state", runs ? "running" : "ended");
    if (runs && container.process != 0)
        (void)json_object_set_new(state, "process", json_integer(container.process));
    return print(invocation, state, true);
}

/* ---- the command ---- */

static int explain_service(const struct invocation *invocation, const struct grove_name *name, unsigned keep) {
    bool is_known = true;
    json_t *state = read_state(invocation, name);
    if (state == NULL)
        return COMMAND_FAILED;
    int status = read_audit(invocation, name, keep, &is_known);
    if (status == 0)
        return print(invocation, state, false);
    json_decref(state);
    return status;
}

static int run(struct invocation *invocation) {
    struct grove_name name;
    uint64_t keep;
    const char *text = invocation->arguments[0];
    bool is_service = false;
    int status = command_number(invocation, "number", 1, EVENTS_MAX, 10, &keep);
    if (status != 0)
        return status;
    /* A full name needs no registry to be understood, and so no kernel. */
    bool can_search = strchr(text, '.') == NULL || command_kernel_runs(invocation);
    status = system_name(invocation, text, &name);
    if (status == 0 && can_search)
        status = system_is_registered(invocation, &name, &is_service);
    if (status != 0)
        return status;
    return is_service ? explain_service(invocation, &name, (unsigned)keep)
                      : explain_program(invocation, &name, (unsigned)keep);
}

const struct command command_why = {
    .name = "why",
    .summary = "explain refusals, failures and restarts",
    .usage = "NAME",
    .description =
        "Says why a service is in its state, what was refused to it, with the line of its manifest that would "
        "allow it, and how its instances ended. What happened many times is shown once.\n\n"
        "NAME may also be a program of \"grove run\", by the name that its refusals were printed with, while it runs "
        "and "
        "after it has ended, whichever kernel ran it.",
    .examples = "  grove why grid.historian       why is it not ready?\n"
                "  grove why run.python3-24203    what was that program refused?",
    .operands = COMMAND_OPERANDS_SERVICE,
    .minimum = 1,
    .maximum = 1,
    .options = options,
    .run = run,
};
