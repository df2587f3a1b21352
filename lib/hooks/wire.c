/* See wire.h. Nothing here allocates, and nothing trusts a length but that of the message. */
#include "lib/hooks/wire.h"

#include <string.h>

#include "lib/session/error.h"

int hook_call_read(const void *data, size_t bytes, struct grove_hooks_run *run, struct grove_hook_call *call) {
    if (bytes < sizeof *run || bytes - sizeof *run > GROVE_HOOK_DATA_MAX)
        return error_set(GROVE_INVALID, "a call of a hook has %zu bytes and more, and this one has %zu", sizeof *run,
                         bytes);
    memcpy(run, data, sizeof *run);
    if (run->version != GROVE_HOOKS_VERSION)
        return error_set(GROVE_VERSION, "hooks are called in version %u here, not %u", GROVE_HOOKS_VERSION,
                         run->version);
    run->subject[GROVE_HOOK_SUBJECT_MAX] = '\0';
    run->who.text[GROVE_NAME_MAX] = '\0';
    *call = (struct grove_hook_call){
        .point = run->point,
        .is_cut = run->total_bytes > bytes - sizeof *run,
        .subject = run->subject,
        .who = run->who.text,
        .data = (const char *)data + sizeof *run,
        .length_bytes = bytes - sizeof *run,
        .total_bytes = run->total_bytes,
    };
    return 0;
}

void hook_outcome_read(const void *data, size_t bytes, char reason[GROVE_HOOK_REASON_MAX + 1],
                       struct grove_hook_outcome *outcome) {
    struct grove_hooks_result head;
    *outcome = (struct grove_hook_outcome){.result = GROVE_HOOK_CONTINUE};
    if (bytes < sizeof head)
        return;
    memcpy(&head, data, sizeof head);
    const char *rest = (const char *)data + sizeof head;
    bytes -= sizeof head;
    if (head.version != GROVE_HOOKS_VERSION)
        return;
    if (head.result == GROVE_HOOK_CHANGE)
        *outcome = (struct grove_hook_outcome){.result = GROVE_HOOK_CHANGE, .data = rest, .length_bytes = bytes};
    if (head.result != GROVE_HOOK_VETO)
        return;
    size_t said = bytes < GROVE_HOOK_REASON_MAX ? bytes : GROVE_HOOK_REASON_MAX;
    if (said > 0)
        memcpy(reason, rest, said);
    reason[said] = '\0';
    *outcome = (struct grove_hook_outcome){.result = GROVE_HOOK_VETO, .reason = reason};
}
