/*
 * The list of hooks, page by page. See system_hooks.h.
 */
#include "userspace/grove/commands/system_hooks.h"

#include <string.h>

#define OPTIONAL_TIMEOUT_NS GROVE_SECOND

static json_t *to_json(const struct grove_hooks_record *record) {
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "point", grove_hook_point_text(record->hook.point),
        "endpoint", record->hook.endpoint.text, "pattern", record->hook.pattern, "priority", (int)record->hook.priority,
        "owner", record->owner.text, "timeout_ns", (json_int_t)record->hook.timeout_ns, "asked",
        (json_int_t)record->runs, "changes", (json_int_t)record->changes, "vetoes", (json_int_t)record->vetoes,
        "failures", (json_int_t)record->failures, "longest_ns", (json_int_t)record->longest_ns);
    if (object == NULL)
        return json_object();
    if (record->last_failure[0] != '\0')
        json_object_set_new(object, "last_failure", json_string(record->last_failure));
    if (record->last_veto[0] != '\0')
        json_object_set_new(object, "last_veto", json_string(record->last_veto));
    uint64_t now_ns = grove_now_ns();
    if (record->paused_until_ns > now_ns)
        json_object_set_new(object, "paused_ns", json_integer((json_int_t)(record->paused_until_ns - now_ns)));
    return object;
}

static void end_texts(struct grove_hooks_record *record) {
    record->hook.endpoint.text[GROVE_NAME_MAX] = record->owner.text[GROVE_NAME_MAX] = '\0';
    record->hook.pattern[GROVE_HOOK_SUBJECT_MAX] = '\0';
    record->last_failure[GROVE_HOOK_REASON_MAX] = record->last_veto[GROVE_HOOK_REASON_MAX] = '\0';
}

static int add_page(const struct invocation *invocation, const struct grove_answer *answer, json_t *hooks,
                    uint32_t *cursor) {
    struct grove_hooks_page page = {0};
    if (answer->length_bytes >= sizeof page)
        memcpy(&page, answer->data, sizeof page);
    if (page.version != GROVE_HOOKS_VERSION || page.count > GROVE_HOOKS_PAGE_RECORDS ||
        answer->length_bytes < sizeof page + page.count * sizeof(struct grove_hooks_record) ||
        (page.cursor != 0 && page.cursor <= *cursor))
        return command_fail(invocation, "the service of hooks answered with too little");
    for (uint32_t index = 0; index < page.count; index++) {
        struct grove_hooks_record record;
        memcpy(&record, (const char *)answer->data + sizeof page + index * sizeof record, sizeof record);
        end_texts(&record);
        json_array_append_new(hooks, to_json(&record));
    }
    *cursor = page.cursor;
    return 0;
}

/* One page; 0 or a negative status, with the last error set. */
static int ask(struct grove_channel *channel, const struct grove_hooks_list *wanted, uint64_t timeout_ns,
               struct grove_answer *answer) {
    return grove_call(
        channel,
        &(struct grove_call){
            .method = GROVE_HOOKS_LIST, .data = wanted, .length_bytes = sizeof *wanted, .timeout_ns = timeout_ns},
        answer);
}

int system_hooks(const struct invocation *invocation, bool is_optional, json_t **hooks) {
    struct grove_hooks_list wanted = {.version = GROVE_HOOKS_VERSION};
    struct grove_session *session;
    struct grove_channel *channel = NULL;
    json_t *found = json_array();
    int status = command_connect(invocation, &session);
    if (status == 0)
        status =
            grove_connect_with(GROVE_HOOKS_ENDPOINT, &(struct grove_connect_options){.session = session}, &channel);
    bool is_said = status > 0;
    do {
        struct grove_answer answer;
        if (status == 0)
            status = ask(channel, &wanted, is_optional ? OPTIONAL_TIMEOUT_NS : SYSTEM_TIMEOUT_NS, &answer);
        if (status != 0)
            break;
        status = add_page(invocation, &answer, found, &wanted.cursor);
        is_said = status != 0;
        grove_answer_release(&answer);
    } while (status == 0 && wanted.cursor != 0);
    grove_channel_close(channel);
    if (status == 0) {
        *hooks = found;
        return 0;
    }
    json_decref(found);
    return is_said || is_optional ? COMMAND_FAILED : command_fail_kernel(invocation);
}
