/*
 * One row for each type says what its values look like; lists are checked item by item.
 */
#include "lib/config/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/pattern.h"
#include "lib/text/text.h"

/* ---- texts ---- */

const char *config_text_next(const struct config_text *text, const char *item) {
    if (item == NULL)
        return text->bytes > 0 ? text->items : NULL;
    item += strlen(item) + 1;
    return (size_t)(item - text->items) < text->bytes ? item : NULL;
}

uint32_t config_text_count(const struct config_text *text) {
    uint32_t count = 0;
    for (const char *item = NULL; (item = config_text_next(text, item)) != NULL;)
        count++;
    return count;
}

/* ---- types ---- */

static int parse_string(const char *text, union config_number *number) {
    (void)text;
    number->whole = 0;
    return 0;
}

static int parse_int(const char *text, union config_number *number) {
    uint64_t magnitude;
    bool is_negative = text[0] == '-';
    if (text_number_parse(text + is_negative, &magnitude) < 0 || magnitude > (uint64_t)INT64_MAX + is_negative)
        return GROVE_INVALID;
    number->whole = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

static int parse_float(const char *text, union config_number *number) {
    char *end;
    if (text[0] == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0')
        return GROVE_INVALID;
    double real = strtod(text, &end);
    if (*end != '\0' || !isfinite(real))
        return GROVE_INVALID;
    number->real = real;
    return 0;
}

static int parse_bool(const char *text, union config_number *number) {
    bool is_yes = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
    if (!is_yes && strcmp(text, "false") != 0 && strcmp(text, "no") != 0)
        return GROVE_INVALID;
    number->whole = is_yes;
    return 0;
}

static int parse_duration(const char *text, union config_number *number) {
    return text_duration_parse(text, &number->amount);
}

static int parse_size(const char *text, union config_number *number) {
    return text_size_parse(text, &number->amount);
}

static int parse_address(const char *text, union config_number *number) {
    struct grove_address address;
    size_t host_bytes;
    const char *rest;
    number->whole = 0;
    if (text_address_host_name(text, &host_bytes, &rest))
        return 0;
    return text_address_parse(text, &address, NULL, 0);
}

static const struct type {
    const char *name, *phrase;
    int (*parse)(const char *text, union config_number *number);
    bool is_text;
} types[GROVE_CONFIG_TYPE_COUNT] = {
    [GROVE_CONFIG_STRING] = {"string", "a text", parse_string, true},
    [GROVE_CONFIG_INT] = {"int", "a whole number", parse_int, false},
    [GROVE_CONFIG_FLOAT] = {"float", "a number like 49.5", parse_float, false},
    [GROVE_CONFIG_BOOL] = {"bool", "true or false", parse_bool, false},
    [GROVE_CONFIG_DURATION] = {"duration", "a time with a unit, like 250ms, 5s or 2m", parse_duration, false},
    [GROVE_CONFIG_SIZE] = {"size", "a size in bytes, or like 512K, 64M or 2G", parse_size, false},
    [GROVE_CONFIG_ADDRESS] = {"address", "an address like 127.0.0.1:502", parse_address, true},
};

int config_number_parse(uint16_t type, const char *text, union config_number *number) {
    return types[type].parse(text, number);
}

const char *config_type_phrase(uint16_t type) {
    return types[type].phrase;
}

const char *config_type_name(uint16_t type) {
    return types[type].name;
}

/* ---- what a key allows ---- */

struct checking {
    const struct config_schema *schema;
    const struct config_schema_key *key;
    char *problem;
    size_t problem_bytes;
};

/* "the value" for a secret, which is shown to nobody. */
static const char *shown(const struct checking *checking, const char *item, char text[96]) {
    bool is_secret = (checking->key->flags & CONFIG_KEY_SECRET) != 0;
    (void)snprintf(text, 96, is_secret ? "the value" : "\"%.80s\"", item);
    return text;
}

#define REFUSE(checking, ...) \
    ((void)snprintf((checking)->problem, (checking)->problem_bytes, __VA_ARGS__), GROVE_INVALID)

/* -1, 0 or 1 as a is smaller than, equal to or larger than b. */
static int compare(uint16_t type, union config_number a, union config_number b) {
    if (type == GROVE_CONFIG_FLOAT)
        return (a.real > b.real) - (a.real < b.real);
    if (type == GROVE_CONFIG_DURATION || type == GROVE_CONFIG_SIZE)
        return (a.amount > b.amount) - (a.amount < b.amount);
    return (a.whole > b.whole) - (a.whole < b.whole);
}

static void format_number(uint16_t type, uint64_t bits, char text[40]) {
    union config_number number = {.amount = bits};
    if (type == GROVE_CONFIG_FLOAT)
        (void)snprintf(text, 40, "%g", number.real);
    else if (type == GROVE_CONFIG_DURATION)
        (void)text_duration_format(number.amount, text, 40);
    else if (type == GROVE_CONFIG_SIZE)
        (void)text_size_format(number.amount, text, 40);
    else
        (void)snprintf(text, 40, "%lld", (long long)number.whole);
}

static int check_range(const struct checking *checking, const char *item, union config_number number) {
    const struct config_schema_key *key = checking->key;
    char least[40], most[40], value[96];
    bool has_least = (key->flags & CONFIG_KEY_LEAST) != 0, has_most = (key->flags & CONFIG_KEY_MOST) != 0;
    if (types[key->type].is_text) {
        number.whole = (int64_t)strlen(item);
    }
    uint16_t type = types[key->type].is_text ? (uint16_t)GROVE_CONFIG_INT : key->type;
    bool is_low = has_least && compare(type, number, (union config_number){.amount = key->least}) < 0;
    bool is_high = has_most && compare(type, number, (union config_number){.amount = key->most}) > 0;
    if (!is_low && !is_high)
        return 0;
    format_number(type, key->least, least);
    format_number(type, key->most, most);
    const char *unit = types[key->type].is_text ? " bytes long" : "";
    if (has_least && has_most)
        return REFUSE(checking, "%s is out of range; it is from %s to %s%s", shown(checking, item, value), least, most,
                      unit);
    return REFUSE(checking, "%s is out of range; it is at %s %s%s", shown(checking, item, value),
                  has_least ? "least" : "most", has_least ? least : most, unit);
}

static int check_choice(const struct checking *checking, const char *item) {
    const struct config_text choices = {config_schema_text(checking->schema, checking->key->choices),
                                        checking->key->choices.length_bytes};
    char all[256] = "", value[96];
    size_t used = 0;
    if (checking->key->choice_count == 0)
        return 0;
    for (const char *choice = NULL; (choice = config_text_next(&choices, choice)) != NULL;) {
        if (strcmp(choice, item) == 0)
            return 0;
        if (used < sizeof all)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used > 0 ? ", " : "", choice);
    }
    return REFUSE(checking, "%s is none of its values; it is one of %s", shown(checking, item, value), all);
}

static int check_item(const struct checking *checking, const char *item) {
    const struct config_schema_key *key = checking->key;
    const char *pattern = config_schema_text(checking->schema, key->pattern);
    union config_number number;
    char value[96];
    if (types[key->type].parse(item, &number) < 0)
        return REFUSE(checking, "%s is not %s", shown(checking, item, value), types[key->type].phrase);
    int status = check_choice(checking, item);
    if (status == 0)
        status = check_range(checking, item, number);
    if (status == 0 && pattern[0] != '\0' && !config_pattern_matches(pattern, item))
        return REFUSE(checking, "%s does not match the pattern %s", shown(checking, item, value), pattern);
    return status;
}

int config_value_check(const struct config_schema *schema, const struct config_schema_key *key,
                       const struct config_text *text, char *problem, size_t problem_bytes) {
    char unused[1];
    struct checking checking = {schema, key, problem != NULL ? problem : unused, problem != NULL ? problem_bytes : 1};
    if (text->bytes > CONFIG_TEXT_BYTES_MAX)
        return REFUSE(&checking, "it is longer than %u bytes", CONFIG_TEXT_BYTES_MAX);
    if ((key->flags & CONFIG_KEY_LIST) == 0 && config_text_count(text) != 1)
        return REFUSE(&checking, "it takes one value, %s, and not a list", types[key->type].phrase);
    for (const char *item = NULL; (item = config_text_next(text, item)) != NULL;) {
        int status = check_item(&checking, item);
        if (status < 0)
            return status;
    }
    return 0;
}

/* ---- the form that programs read ---- */

void config_value_encode(const struct config_schema_key *key, const struct config_text *text, void *data, size_t *bytes,
                         uint32_t *kind) {
    uint8_t *to = data;
    size_t used = 0;
    bool is_list = (key->flags & CONFIG_KEY_LIST) != 0;
    *kind = key->type | (is_list ? GROVE_CONFIG_LIST : 0u) |
            ((key->flags & CONFIG_KEY_SECRET) != 0 ? GROVE_CONFIG_SECRET : 0u);
    if (is_list) {
        uint64_t count = config_text_count(text);
        memcpy(to, &count, sizeof count);
        used = sizeof count;
    }
    for (const char *item = NULL; (item = config_text_next(text, item)) != NULL;) {
        union config_number number = {.amount = 0};
        size_t length = types[key->type].is_text ? strlen(item) + 1 : sizeof number;
        (void)types[key->type].parse(item, &number);
        memcpy(to + used, types[key->type].is_text ? (const void *)item : &number, length);
        used += length;
    }
    *bytes = used;
}
