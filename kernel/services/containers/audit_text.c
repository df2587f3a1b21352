/* Audit records as lines: see audit_text.h. */
#include "kernel/services/containers/audit_text.h"

#include "grove/abi/capability.h"
#include "grove/abi/operation.h"
#include "grove/abi/spec.h"
#include "kernel/machine/bare/text/format.h"

#include <stdarg.h>
#include <stdbool.h>

struct line {
    char *text;
    size_t room_bytes, used_bytes;
};

static void add_piece(void *context, const char *piece, size_t length_bytes) {
    struct line *line = context;
    for (size_t i = 0; i < length_bytes && line->used_bytes + 1 < line->room_bytes; i++)
        line->text[line->used_bytes++] = piece[i] >= ' ' && piece[i] <= '~' ? piece[i] : '?';
}

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    format_to(add_piece, line, format, arguments);
    va_end(arguments);
}

/* ---- words for numbers ---- */

static const char *event_text(uint16_t event) {
    switch (event) {
#define EVENT_CASE(name, number, text) \
    case (number): \
        return text;
        GROVE_AUDIT_TABLE(EVENT_CASE)
#undef EVENT_CASE
    default:
        return NULL;
    }
}

static const char *kind_text(uint16_t kind) {
    switch (kind) {
#define KIND_CASE(name, number, argument, text) \
    case (number): \
        return text;
        GROVE_CAPABILITY_TABLE(KIND_CASE)
#undef KIND_CASE
    default:
        return NULL;
    }
}

static const char *layer_text(uint32_t layer) {
    switch (layer) {
#define LAYER_CASE(name, number, text) \
    case (number): \
        return text;
        GROVE_LAYER_TABLE(LAYER_CASE)
#undef LAYER_CASE
    default:
        return NULL;
    }
}

/* ---- capabilities ---- */

static void add_version6(struct line *line, const uint8_t bytes[16]) {
    for (unsigned i = 0; i < 16; i += 2)
        add(line, i == 0 ? "[%x" : ":%x", (unsigned)bytes[i] << 8 | bytes[i + 1]);
    add(line, "]");
}

static void add_address(struct line *line, const struct grove_address *address) {
    if (address->transport == 6 || address->transport == 17)
        add(line, address->transport == 6 ? "tcp:" : "udp:");
    if (address->family == 4)
        add(line, "%u.%u.%u.%u", address->bytes[0], address->bytes[1], address->bytes[2], address->bytes[3]);
    else if (address->family == 6)
        add_version6(line, address->bytes);
    else
        add(line, "*");
    if (address->port_first == address->port_last)
        add(line, ":%u", address->port_first);
    else if (address->port_first == 0 && address->port_last == UINT16_MAX)
        add(line, ":*");
    else
        add(line, ":%u-%u", address->port_first, address->port_last);
}

static void add_capability(struct line *line, const struct grove_audit_record *record) {
    const char *kind = kind_text(record->kind);
    size_t length = record->length_bytes;
    if (length > sizeof(record->argument.text))
        length = sizeof(record->argument.text);
    if (kind == NULL)
        return;
    add(line, ": %s", kind);
    if (record->argument_kind == GROVE_ARGUMENT_ADDRESS) {
        add(line, ":");
        add_address(line, &record->argument.address);
    } else if (record->argument_kind == GROVE_ARGUMENT_QUANTITY) {
        add(line, ":%lu", (unsigned long)record->argument.quantity);
    } else if (length > 0) {
        add(line, ":%.*s", (int)length, record->argument.text);
    }
}

/* ---- what there is more to say ---- */

static void add_exit(struct line *line, const struct grove_audit_record *record) {
    switch (record->cause) {
    case GROVE_EXIT_CODE:
        add(line, ": status %d", record->detail);
        break;
    case GROVE_EXIT_SIGNAL:
        add(line, ": signal %d", record->detail);
        break;
    case GROVE_EXIT_MEMORY:
        add(line, ": no more memory");
        break;
    case GROVE_EXIT_KILLED:
        add(line, ": killed");
        break;
    default:
        add(line, ": cause %u, %d", record->cause, record->detail);
    }
}

static void add_budget(struct line *line, const struct grove_audit_record *record) {
    add(line, ": resource %u, %lu of %lu", record->cause, (unsigned long)record->argument.budget.used,
        (unsigned long)record->argument.budget.limit);
}

static void add_failure(struct line *line, const struct grove_audit_record *record) {
    const char *layer = layer_text(record->cause);
    if (layer != NULL)
        add(line, ": %s, error %d", layer, record->detail);
    else
        add(line, ": layer %u, error %d", record->cause, record->detail);
}

void audit_describe(const struct grove_audit_record *record, char *text, size_t room_bytes) {
    struct line line = {.text = text, .room_bytes = room_bytes};
    const char *event = event_text(record->event);
    add(&line, "%lu %.*s ", (unsigned long)record->sequence, (int)sizeof(record->who.text), record->who.text);
    if (event != NULL)
        add(&line, "%s", event);
    else
        add(&line, "event %u", record->event);
    if (record->object.text[0] != '\0')
        add(&line, " %.*s", (int)sizeof(record->object.text), record->object.text);
    if (record->event == GROVE_AUDIT_EXIT)
        add_exit(&line, record);
    else if (record->event == GROVE_AUDIT_BUDGET)
        add_budget(&line, record);
    else if (record->event == GROVE_AUDIT_START_FAILED)
        add_failure(&line, record);
    else
        add_capability(&line, record);
    line.text[line.used_bytes] = '\0';
}
