/*
 * Checking and reading the binary spec (abi/spec.h draws its layout).
 *
 * grove_spec_check is the gate: whatever passes it can be read by the accessors without another check, so they return
 * pointers into the blob and cannot fail. It works from the outside in: the header, then the places of the tables and of
 * the text, then every span, then every value. Offsets are 32 bits wide and are added in 64, so no sum wraps.
 */
#include "grove/abi/spec.h"

#include "grove/abi/status.h"

#include <string.h>

#define SPEC_ALIGN 8u
#define SPEC_NAME_MAX GROVE_NAME_MAX
#define SPEC_FLAGS_ALL 0x3ffu
#define SPEC_CAPABILITY_FLAGS_ALL \
    (GROVE_SPEC_CAPABILITY_OPTIONAL | GROVE_SPEC_CAPABILITY_CREATE | GROVE_SPEC_CAPABILITY_HELD)

struct check {
    const struct grove_spec *spec;
    const char *problem;
};

static bool fails(struct check *check, const char *problem) {
    check->problem = problem;
    return false;
}

/* ---- places ---- */

static bool range_is_inside(const struct grove_spec *spec, uint64_t offset_bytes, uint64_t length_bytes) {
    return offset_bytes >= spec->header_bytes && offset_bytes + length_bytes <= spec->total_bytes;
}

static bool table_is_inside(const struct grove_spec *spec, struct grove_table table, uint64_t item_bytes,
                            uint32_t max) {
    return table.count == 0 || (table.count <= max && table.offset_bytes % SPEC_ALIGN == 0 &&
                                range_is_inside(spec, table.offset_bytes, table.count * item_bytes));
}

static bool tables_are_inside(struct check *check) {
    const struct grove_spec *spec = check->spec;
    if (!table_is_inside(spec, spec->capabilities, sizeof(struct grove_spec_capability), GROVE_SPEC_CAPABILITIES_MAX))
        return fails(check, "the table of capabilities is too long or lies outside the spec");
    if (!table_is_inside(spec, spec->arguments, sizeof(struct grove_span), GROVE_SPEC_ARGUMENTS_MAX))
        return fails(check, "the table of arguments is too long or lies outside the spec");
    if (!table_is_inside(spec, spec->environment, sizeof(struct grove_span), GROVE_SPEC_ENVIRONMENT_MAX))
        return fails(check, "the environment is too long or lies outside the spec");
    if (!table_is_inside(spec, spec->provides, sizeof(struct grove_spec_interface), GROVE_SPEC_INTERFACES_MAX))
        return fails(check, "the table of provided interfaces is too long or lies outside the spec");
    if (!table_is_inside(spec, spec->requires, sizeof(struct grove_spec_interface), GROVE_SPEC_INTERFACES_MAX))
        return fails(check, "the table of required interfaces is too long or lies outside the spec");
    if (!table_is_inside(spec, spec->methods, sizeof(struct grove_spec_method), GROVE_SPEC_METHODS_MAX))
        return fails(check, "the table of methods is too long or lies outside the spec");
    if (!range_is_inside(spec, spec->text_offset_bytes, spec->text_bytes))
        return fails(check, "the text lies outside the spec");
    return true;
}

/* What lies between the header and the text, 8-aligned: a section, or the table of them. */
static bool lies_before_text(const struct grove_spec *spec, uint64_t offset_bytes, uint64_t length_bytes) {
    return offset_bytes % SPEC_ALIGN == 0 && offset_bytes >= spec->header_bytes &&
           offset_bytes + length_bytes <= spec->text_offset_bytes;
}

static const void *table_item(const struct grove_spec *spec, struct grove_table table, uint32_t index,
                              size_t item_bytes) {
    return (const uint8_t *)spec + table.offset_bytes + index * item_bytes;
}

/*
 * A span lies inside the text, ends in a zero byte and holds none, so that it is a C string of just its length. An empty
 * one stands anywhere: it is read as "" without looking.
 */
static bool span_is_valid(const struct grove_spec *spec, struct grove_span span) {
    if (span.length_bytes == 0)
        return true;
    if ((uint64_t)span.offset_bytes + span.length_bytes >= spec->text_bytes)
        return false;
    const char *text = (const char *)spec + spec->text_offset_bytes + span.offset_bytes;
    for (uint32_t i = 0; i < span.length_bytes; i++) {
        if (text[i] == '\0')
            return false;
    }
    return text[span.length_bytes] == '\0';
}

/* ---- values ---- */

static bool name_byte_is_valid(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '_' || byte == '-';
}

/* Tokens of [A-Za-z0-9_-] between dots, none of them empty. */
static bool name_is_valid(const struct grove_spec *spec, struct grove_span span) {
    if (!span_is_valid(spec, span) || span.length_bytes == 0 || span.length_bytes > SPEC_NAME_MAX)
        return false;
    const char *text = grove_spec_text(spec, span);
    bool is_token_begun = false;
    for (uint32_t i = 0; i < span.length_bytes; i++) {
        if (text[i] == '.' && !is_token_begun)
            return false;
        if (text[i] != '.' && !name_byte_is_valid(text[i]))
            return false;
        is_token_begun = text[i] != '.';
    }
    return is_token_begun;
}

static bool header_is_valid(struct check *check, size_t blob_bytes) {
    const struct grove_spec *spec = check->spec;
    if (spec->header_bytes != sizeof(*spec) || spec->total_bytes < spec->header_bytes ||
        spec->total_bytes != blob_bytes)
        return fails(check, "the header's sizes do not fit the spec");
    if (spec->ring < 1 || spec->ring > 3)
        return fails(check, "the ring is not 1, 2 or 3");
    if (spec->stream_in > GROVE_STREAM_PASSED || spec->stream_out > GROVE_STREAM_PASSED ||
        spec->stream_error > GROVE_STREAM_PASSED)
        return fails(check, "a stream's mode is unknown");
    if ((spec->flags & ~SPEC_FLAGS_ALL) != 0)
        return fails(check, "a flag is unknown");
    if (spec->phase > 7)
        return fails(check, "the boot phase is not 0 to 7");
    return true;
}

static bool identity_is_valid(struct check *check) {
    const struct grove_spec *spec = check->spec;
    if (!name_is_valid(spec, spec->name))
        return fails(check, "the name is not made of tokens of [A-Za-z0-9_-] between dots, at most 63 bytes long");
    if (!name_is_valid(spec, spec->project))
        return fails(check, "the project's name is not made of tokens of [A-Za-z0-9_-] between dots");
    if (!span_is_valid(spec, spec->executable) || !span_is_valid(spec, spec->directory) ||
        !span_is_valid(spec, spec->manifest) || !span_is_valid(spec, spec->description))
        return fails(check, "a text of the header lies outside the text or does not end in a zero byte");
    if (spec->executable.length_bytes == 0 || grove_spec_text(spec, spec->executable)[0] != '/')
        return fails(check, "the executable is not an absolute path");
    if (spec->directory.length_bytes != 0 && grove_spec_text(spec, spec->directory)[0] != '/')
        return fails(check, "the working directory is not an absolute path");
    return true;
}

static bool capability_is_valid(struct check *check, uint32_t index) {
    const struct grove_spec *spec = check->spec;
    const struct grove_spec_capability *entry = table_item(spec, spec->capabilities, index, sizeof(*entry));
    if (entry->kind == GROVE_CAP_NONE || entry->kind >= GROVE_CAP_KIND_COUNT)
        return fails(check, "a capability's kind is unknown");
    if ((entry->rights & ~(GROVE_RIGHTS_ALL | GROVE_RIGHT_EXTERNAL)) != 0)
        return fails(check, "a capability's rights are unknown");
    if (entry->argument_kind != GROVE_ARGUMENT_NONE &&
        entry->argument_kind != grove_capability_argument_kind(entry->kind))
        return fails(check, "a capability's argument is not of the kind it takes");
    if ((entry->flags & ~SPEC_CAPABILITY_FLAGS_ALL) != 0)
        return fails(check, "a capability's flags are unknown");
    if (!span_is_valid(spec, entry->text) || entry->text.length_bytes > GROVE_ARGUMENT_TEXT_MAX)
        return fails(check, "a capability's text is too long or lies outside the text");
    struct grove_capability capability;
    grove_spec_capability(spec, index, &capability, NULL);
    if (!grove_argument_is_valid(&capability.argument))
        return fails(check, "a capability's argument is malformed");
    return true;
}

static bool capabilities_are_valid(struct check *check) {
    for (uint32_t i = 0; i < check->spec->capabilities.count; i++) {
        if (!capability_is_valid(check, i))
            return false;
    }
    return true;
}

static bool spans_are_valid(struct check *check, struct grove_table table, const char *problem) {
    for (uint32_t i = 0; i < table.count; i++) {
        const struct grove_span *span = table_item(check->spec, table, i, sizeof(*span));
        if (!span_is_valid(check->spec, *span))
            return fails(check, problem);
    }
    return true;
}

static bool interfaces_are_valid(struct check *check, struct grove_table table) {
    for (uint32_t i = 0; i < table.count; i++) {
        const struct grove_spec_interface *interface = table_item(check->spec, table, i, sizeof(*interface));
        if (!name_is_valid(check->spec, interface->name))
            return fails(check, "an interface's name is not made of tokens of [A-Za-z0-9_-] between dots");
        if ((interface->flags & ~(uint32_t)GROVE_INTERFACE_OPTIONAL) != 0)
            return fails(check, "an interface's flags are unknown");
    }
    return true;
}

static bool methods_are_valid(struct check *check) {
    const struct grove_spec *spec = check->spec;
    for (uint32_t i = 0; i < spec->methods.count; i++) {
        const struct grove_spec_method *method = table_item(spec, spec->methods, i, sizeof(*method));
        if (!span_is_valid(spec, method->name) || !span_is_valid(spec, method->request) ||
            !span_is_valid(spec, method->reply))
            return fails(check, "a method's text lies outside the text or does not end in a zero byte");
        if (method->interface >= spec->provides.count)
            return fails(check, "a method belongs to an interface that is not provided");
    }
    return true;
}

static const struct grove_spec_sections *sections_of(const struct grove_spec *spec) {
    return (const void *)((const uint8_t *)spec + spec->sections_offset_bytes);
}

static bool section_is_valid(struct check *check, const struct grove_spec_sections *sections, uint32_t index) {
    const struct grove_spec_section *section = &sections->entries[index];
    if (section->tag == 0 || section->reserved != 0)
        return fails(check, "a section has no tag, or a reserved field that is not 0");
    if (!lies_before_text(check->spec, section->offset_bytes, section->length_bytes))
        return fails(check, "a section is not 8-aligned or does not lie between the header and the text");
    for (uint32_t i = 0; i < index; i++) {
        if (sections->entries[i].tag == section->tag)
            return fails(check, "two sections have the same tag");
    }
    return true;
}

/* The place of the table is checked before its count is read. After tables_are_inside: the text's place is known. */
static bool sections_are_valid(struct check *check) {
    const struct grove_spec *spec = check->spec;
    if (spec->sections_offset_bytes == 0)
        return true;
    if (!lies_before_text(spec, spec->sections_offset_bytes, sizeof(struct grove_spec_sections)))
        return fails(check, "the table of sections is not 8-aligned or does not lie between the header and the text");
    const struct grove_spec_sections *sections = sections_of(spec);
    if (sections->count == 0 || sections->count > GROVE_SPEC_SECTIONS_MAX || sections->reserved != 0 ||
        !lies_before_text(spec, spec->sections_offset_bytes,
                          sizeof(*sections) + sections->count * sizeof(struct grove_spec_section)))
        return fails(check, "the table of sections is empty, too long or does not lie before the text");
    for (uint32_t i = 0; i < sections->count; i++) {
        if (!section_is_valid(check, sections, i))
            return false;
    }
    return true;
}

const char *grove_schedule_fault(const struct grove_schedule *schedule) {
    bool is_fair_priority = schedule->priority >= -20 && schedule->priority <= 19;
    bool is_fixed_priority = schedule->priority >= 1 && schedule->priority <= 99;
    bool is_reservation = schedule->runtime_ns > 0 && schedule->runtime_ns <= schedule->deadline_ns &&
                          schedule->deadline_ns <= schedule->period_ns &&
                          schedule->period_ns <= GROVE_SCHEDULE_PERIOD_NS_MAX;
    switch (schedule->class) {
    case GROVE_SCHEDULE_FAIR:
        return is_fair_priority ? NULL : "a fair schedule's priority is not -20 to 19";
    case GROVE_SCHEDULE_FIXED:
    case GROVE_SCHEDULE_ROUND_ROBIN:
        return is_fixed_priority ? NULL : "a fixed priority is not 1 to 99";
    case GROVE_SCHEDULE_DEADLINE:
        return is_reservation ? NULL : "a deadline schedule needs 0 < runtime <= deadline <= period <= 1 h";
    case GROVE_SCHEDULE_IDLE:
        return NULL;
    default:
        return "the schedule class is unknown";
    }
}

static bool schedule_is_valid(struct check *check) {
    const char *fault = grove_schedule_fault(&check->spec->schedule);
    return fault == NULL || fails(check, fault);
}

static bool policy_is_valid(struct check *check) {
    const struct grove_spec *spec = check->spec;
    if (spec->readiness.kind > GROVE_READY_EXIT || !span_is_valid(spec, spec->readiness.argument))
        return fails(check, "the readiness is unknown or its argument lies outside the text");
    if (spec->health.kind > GROVE_HEALTH_COMMAND || !span_is_valid(spec, spec->health.argument))
        return fails(check, "the health check is unknown or its argument lies outside the text");
    if (spec->restart.policy > GROVE_RESTART_ALWAYS)
        return fails(check, "the restart policy is unknown");
    return true;
}

static bool content_is_valid(struct check *check, size_t blob_bytes) {
    const struct grove_spec *spec = check->spec;
    return header_is_valid(check, blob_bytes) && tables_are_inside(check) && sections_are_valid(check) &&
           identity_is_valid(check) && capabilities_are_valid(check) &&
           spans_are_valid(check, spec->arguments,
                           "an argument lies outside the text or does not end in a zero byte") &&
           spans_are_valid(check, spec->environment,
                           "an environment entry lies outside the text or does not end in a zero byte") &&
           interfaces_are_valid(check, spec->provides) && interfaces_are_valid(check, spec->requires) &&
           methods_are_valid(check) && schedule_is_valid(check) && policy_is_valid(check);
}

static int check_blob(struct check *check, const void *blob, size_t blob_bytes) {
    if (blob_bytes > GROVE_SPEC_BYTES_MAX) {
        check->problem = "the spec is larger than 65536 bytes";
        return GROVE_TOO_LARGE;
    }
    if (blob_bytes < sizeof(struct grove_spec) || (uintptr_t)blob % SPEC_ALIGN != 0) {
        check->problem = "the spec is shorter than its header or not 8-aligned";
        return GROVE_INVALID;
    }
    if (check->spec->magic != GROVE_SPEC_MAGIC) {
        check->problem = "this is not a spec";
        return GROVE_INVALID;
    }
    if (check->spec->version != GROVE_SPEC_VERSION) {
        check->problem = "the spec has a version that this kernel does not read";
        return GROVE_VERSION;
    }
    return content_is_valid(check, blob_bytes) ? GROVE_OK : GROVE_INVALID;
}

int grove_spec_check(const void *blob, size_t blob_bytes, const char **problem) {
    struct check check = {.spec = blob, .problem = NULL};
    int status = check_blob(&check, blob, blob_bytes);
    if (status < 0 && problem != NULL)
        *problem = check.problem;
    return status;
}

/* ---- accessors ---- */

const char *grove_spec_text(const struct grove_spec *spec, struct grove_span span) {
    if (span.length_bytes == 0)
        return "";
    return (const char *)spec + spec->text_offset_bytes + span.offset_bytes;
}

void grove_spec_capability(const struct grove_spec *spec, uint32_t index, struct grove_capability *capability,
                           uint16_t *flags) {
    const struct grove_spec_capability *entry = table_item(spec, spec->capabilities, index, sizeof(*entry));
    memset(capability, 0, sizeof(*capability));
    capability->kind = entry->kind;
    capability->rights = entry->rights;
    capability->argument.kind = entry->argument_kind;
    if (entry->argument_kind == GROVE_ARGUMENT_PATH || entry->argument_kind == GROVE_ARGUMENT_PATTERN) {
        capability->argument.length_bytes = (uint16_t)entry->text.length_bytes;
        memcpy(capability->argument.value.text, grove_spec_text(spec, entry->text), entry->text.length_bytes);
    } else if (entry->argument_kind == GROVE_ARGUMENT_ADDRESS) {
        capability->argument.value.address = entry->address;
    } else if (entry->argument_kind == GROVE_ARGUMENT_QUANTITY) {
        capability->argument.value.quantity = entry->quantity;
    }
    if (flags != NULL)
        *flags = entry->flags;
}

const char *grove_spec_argument(const struct grove_spec *spec, uint32_t index) {
    const struct grove_span *span = table_item(spec, spec->arguments, index, sizeof(*span));
    return grove_spec_text(spec, *span);
}

const char *grove_spec_environment(const struct grove_spec *spec, uint32_t index) {
    const struct grove_span *span = table_item(spec, spec->environment, index, sizeof(*span));
    return grove_spec_text(spec, *span);
}

const struct grove_spec_interface *grove_spec_provided(const struct grove_spec *spec, uint32_t index) {
    return table_item(spec, spec->provides, index, sizeof(struct grove_spec_interface));
}

const struct grove_spec_interface *grove_spec_required(const struct grove_spec *spec, uint32_t index) {
    return table_item(spec, spec->requires, index, sizeof(struct grove_spec_interface));
}

const struct grove_spec_method *grove_spec_method(const struct grove_spec *spec, uint32_t index) {
    return table_item(spec, spec->methods, index, sizeof(struct grove_spec_method));
}

const void *grove_spec_section(const struct grove_spec *spec, uint32_t tag, uint32_t *length_bytes) {
    if (spec->sections_offset_bytes == 0)
        return NULL;
    const struct grove_spec_sections *sections = sections_of(spec);
    for (uint32_t i = 0; i < sections->count; i++) {
        if (sections->entries[i].tag == tag) {
            *length_bytes = sections->entries[i].length_bytes;
            return (const uint8_t *)spec + sections->entries[i].offset_bytes;
        }
    }
    return NULL;
}

static int compare(uint16_t a, uint16_t b) {
    return a < b ? -1 : a > b ? 1 : 0;
}

int grove_version_compare(struct grove_version a, struct grove_version b) {
    int order = compare(a.major, b.major);
    if (order == 0)
        order = compare(a.minor, b.minor);
    return order != 0 ? order : compare(a.patch, b.patch);
}
