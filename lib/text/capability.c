/*
 * The text form of capabilities: KIND or KIND:ARGUMENT, as in manifests, messages and the audit log.
 *
 * Reading is strict and says what would be right; what is formatted reads back to the same capability (rights aside,
 * which have no text form). Object capabilities have none either: only the kernel makes them.
 */
#include "lib/text/problem.h"
#include "lib/text/text.h"

#include <stdio.h>
#include <string.h>

struct kind {
    const char *name;
    uint16_t number;
    enum grove_argument_kind argument;
};

static const struct kind kinds[] = {
#define KIND_ENTRY(identifier, number, argument, text) {text, number, argument},
    GROVE_CAPABILITY_TABLE(KIND_ENTRY)
#undef KIND_ENTRY
};

static const char *const kind_names[] = {
#define KIND_NAME(identifier, number, argument, text) text,
    GROVE_CAPABILITY_TABLE(KIND_NAME)
#undef KIND_NAME
        NULL,
};

#define KIND_TOTAL (sizeof(kinds) / sizeof(kinds[0]))
#define KIND_NAME_MAX 32u

static const struct kind *find_kind(const char *text, size_t length) {
    for (size_t i = 0; i < KIND_TOTAL; i++)
        if (strlen(kinds[i].name) == length && !memcmp(kinds[i].name, text, length))
            return &kinds[i];
    return NULL;
}

uint16_t text_kind_parse(const char *text, size_t length_bytes) {
    const struct kind *kind = find_kind(text, length_bytes);
    return kind ? kind->number : GROVE_CAP_NONE;
}

const char *text_kind_name(uint16_t number) {
    for (size_t i = 0; i < KIND_TOTAL; i++)
        if (kinds[i].number == number)
            return kinds[i].name;
    return NULL;
}

static int refuse_kind(const char *text, size_t length, struct problem problem) {
    char name[KIND_NAME_MAX + 1];
    size_t shown = length < KIND_NAME_MAX ? length : KIND_NAME_MAX;
    memcpy(name, text, shown);
    name[shown] = '\0';
    if (!length)
        return problem_say(problem, "a capability is missing here; write one like FS_READ:/data");
    const char *nearest = text_nearest(name, kind_names);
    if (nearest)
        return problem_say(problem, "%s is no capability; did you mean %s?", name, nearest);
    return problem_say(
        problem, "%s is no capability; write KIND:ARGUMENT, such as FS_READ:/data or NET_CONNECT:10.0.0.1:443", name);
}

/*
 * Paths are compared by their text, so there is one way to write each: no ".", no "//", no "/" at the end. These are
 * put right silently because they mean the same; ".." is not, because behind a symbolic link it means something else.
 */
static int parse_path(const char *text, struct grove_argument *argument, struct problem problem) {
    size_t length = 0;
    if (text[0] != '/')
        return problem_say(problem, "the path \"%.64s\" is not absolute; write it from / on", text);
    for (const char *at = text; *at;) {
        while (*at == '/')
            at++;
        size_t part = strcspn(at, "/");
        if (part == 2 && at[0] == '.' && at[1] == '.')
            return problem_say(problem, "the path \"%.64s\" contains \"..\"; write the folder that is meant", text);
        if (part && !(part == 1 && at[0] == '.')) {
            if (length + 1 + part > GROVE_ARGUMENT_TEXT_MAX)
                return problem_say(problem, "the path is longer than %u bytes", GROVE_ARGUMENT_TEXT_MAX);
            argument->value.text[length++] = '/';
            memcpy(argument->value.text + length, at, part);
            length += part;
        }
        at += part;
    }
    if (!length)
        argument->value.text[length++] = '/';
    argument->length_bytes = (uint16_t)length;
    return 0;
}

/* The two wildcards stand alone or not at all. */
static bool is_token_byte(char c) {
    return (unsigned char)c > ' ' && c != 0x7f && c != '*' && c != '>';
}

static int check_token(const char *token, size_t length, bool is_last, struct problem problem) {
    if (!length)
        return problem_say(problem, "there is nothing between two dots, or at an end; write names like grid.historian");
    if (length == 1 && (token[0] == '*' || (token[0] == '>' && is_last)))
        return 0;
    if (length == 1 && token[0] == '>')
        return problem_say(problem,
                           "\">\" stands for all that follows and must come last; use * for one part of a name");
    for (size_t i = 0; i < length; i++)
        if (!is_token_byte(token[i]))
            return problem_say(problem,
                               "\"%.*s\" is no part of a name; write it without blanks, or * alone for any one part",
                               (int)(length < 64 ? length : 64), token);
    return 0;
}

static int parse_pattern(const char *text, struct grove_argument *argument, struct problem problem) {
    size_t length = strlen(text);
    if (length > GROVE_ARGUMENT_TEXT_MAX)
        return problem_say(problem, "the name is longer than %u bytes", GROVE_ARGUMENT_TEXT_MAX);
    for (const char *at = text;;) {
        size_t part = strcspn(at, ".");
        int status = check_token(at, part, at[part] == '\0', problem);
        if (status < 0)
            return status;
        if (!at[part])
            break;
        at += part + 1;
    }
    memcpy(argument->value.text, text, length);
    argument->length_bytes = (uint16_t)length;
    return 0;
}

static int parse_quantity(const struct kind *kind, const char *text, uint64_t *quantity, struct problem problem) {
    if (kind->number == GROVE_CAP_SCHED_RT) {
        if (text_share_parse(text, quantity) < 0)
            return problem_say(problem, "\"%.32s\" is no share of a processor; write a percentage like 20%%", text);
    } else if (text_size_parse(text, quantity) < 0) {
        return problem_say(problem, "\"%.32s\" is no size; write bytes or a unit of 1024 like 512K, 16M or 2G", text);
    }
    return 0;
}

static int parse_argument(const struct kind *kind, const char *text, struct grove_argument *argument,
                          struct problem problem) {
    if (!*text)
        return problem_say(problem, "the argument after %s: is missing; leave the : out too if all of it is meant",
                           kind->name);
    argument->kind = (uint16_t)kind->argument;
    switch (kind->argument) {
    case GROVE_ARGUMENT_PATH:
        return parse_path(text, argument, problem);
    case GROVE_ARGUMENT_ADDRESS:
        return text_address_parse(text, &argument->value.address, problem.text, problem.size_bytes);
    case GROVE_ARGUMENT_PATTERN:
        return parse_pattern(text, argument, problem);
    case GROVE_ARGUMENT_QUANTITY:
        return parse_quantity(kind, text, &argument->value.quantity, problem);
    case GROVE_ARGUMENT_NONE:
        break;
    }
    return problem_say(problem, "%s takes no argument; write %s alone", kind->name, kind->name);
}

int text_capability_parse(const char *text, struct grove_capability *capability, char *error, size_t error_bytes) {
    struct problem problem = {error, error_bytes};
    size_t name_bytes = strcspn(text, ":");
    const struct kind *kind = find_kind(text, name_bytes);
    if (!kind)
        return refuse_kind(text, name_bytes, problem);
    struct grove_capability parsed = {
        .kind = kind->number,
        .rights = GROVE_RIGHT_USE | GROVE_RIGHT_DERIVE | GROVE_RIGHT_GRANT,
    };
    if (text[name_bytes]) {
        int status = parse_argument(kind, text + name_bytes + 1, &parsed.argument, problem);
        if (status < 0)
            return status;
    }
    *capability = parsed;
    return 0;
}

/* The argument without terminator problems: lengths that lie are cut at the field's end. */
static size_t format_argument(const struct grove_capability *capability, char *text, size_t size_bytes) {
    const struct grove_argument *argument = &capability->argument;
    size_t length = argument->length_bytes;
    switch (argument->kind) {
    case GROVE_ARGUMENT_PATH:
    case GROVE_ARGUMENT_PATTERN:
        if (length > GROVE_ARGUMENT_TEXT_MAX)
            length = GROVE_ARGUMENT_TEXT_MAX;
        return (size_t)snprintf(text, size_bytes, "%.*s", (int)length, argument->value.text);
    case GROVE_ARGUMENT_ADDRESS:
        return text_address_format(&argument->value.address, text, size_bytes);
    case GROVE_ARGUMENT_QUANTITY:
        if (capability->kind == GROVE_CAP_SCHED_RT)
            return text_share_format(argument->value.quantity, text, size_bytes);
        return text_size_format(argument->value.quantity, text, size_bytes);
    default:
        return (size_t)snprintf(text, size_bytes, "?");
    }
}

size_t text_capability_format(const struct grove_capability *capability, char *text, size_t size_bytes) {
    char argument[TEXT_CAPABILITY_MAX] = "";
    const char *name = text_kind_name(capability->kind);
    bool has_argument = capability->argument.kind != GROVE_ARGUMENT_NONE;
    if (has_argument)
        format_argument(capability, argument, sizeof(argument));
    return (size_t)snprintf(text, size_bytes, "%s%s%s", name ? name : "OBJECT", has_argument ? ":" : "", argument);
}
