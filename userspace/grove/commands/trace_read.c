/*
 * One request to the kernel for each step. See trace_read.h.
 */
#include "userspace/grove/commands/trace_read.h"

#include "userspace/grove/commands/system_client.h"

enum enable { ENABLE_AS_IT_IS = 0, ENABLE_ON = 1, ENABLE_OFF = 2 };

/* The step at or after `sequence`. */
static int ask(struct trace_reader *reader, uint64_t sequence, enum enable enable, struct grove_trace_record *record) {
    struct grove_message message = {.operation = GROVE_REQUEST_TRACE_READ};
    message.body.trace_read = (struct grove_trace_read){.sequence = sequence, .enable = enable};
    int status = grove_kernel_request(reader->session, &message, NULL, 0, NULL, NULL, SYSTEM_TIMEOUT_NS);
    if (status == GROVE_NOT_FOUND || status == GROVE_AGAIN)
        return 0;
    if (status < 0) {
        (void)command_fail_library(reader->invocation, "messages cannot be traced");
        return status;
    }
    *record = message.body.trace;
    return 1;
}

/* Steps are numbered without gaps: the newest that is there is found by halving. */
int trace_reader_begin(struct trace_reader *reader) {
    struct grove_trace_record record;
    int found = ask(reader, 0, ENABLE_ON, &record);
    uint64_t known = 0, beyond = UINT64_MAX;
    if (found < 0)
        return found;
    if (found == 1)
        known = record.sequence;
    while (found >= 0 && known != 0 && beyond - known > 1) {
        uint64_t middle = known + (beyond - known) / 2;
        found = ask(reader, middle, ENABLE_AS_IT_IS, &record);
        if (found == 1)
            known = record.sequence;
        else
            beyond = middle;
    }
    reader->next = known + 1;
    return found < 0 ? found : 0;
}

int trace_reader_next(struct trace_reader *reader, struct grove_trace_record *record) {
    int found = ask(reader, reader->next, ENABLE_AS_IT_IS, record);
    if (found != 1)
        return found;
    if (record->sequence > reader->next)
        reader->missed += record->sequence - reader->next;
    reader->next = record->sequence + 1;
    return 1;
}

void trace_reader_end(struct trace_reader *reader) {
    struct grove_trace_record record;
    (void)ask(reader, reader->next, ENABLE_OFF, &record);
}
