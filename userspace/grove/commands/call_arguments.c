/*
 * One table of types drives both directions.
 */
#include "userspace/grove/commands/call_arguments.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grove/abi/status.h"

#define FIELD_NAME_MAX 63u

enum kind { KIND_UNSIGNED, KIND_SIGNED, KIND_FLOAT, KIND_BOOL, KIND_TEXT, KIND_BYTES };

struct type {
    const char *name;
    enum kind kind;
    unsigned bytes; /* 0: what is left */
};
static const struct type types[] = {
    {"u8", KIND_UNSIGNED, 1}, {"u16", KIND_UNSIGNED, 2}, {"u32", KIND_UNSIGNED, 4}, {"u64", KIND_UNSIGNED, 8},
    {"i8", KIND_SIGNED, 1},   {"i16", KIND_SIGNED, 2},   {"i32", KIND_SIGNED, 4},   {"i64", KIND_SIGNED, 8},
    {"f32", KIND_FLOAT, 4},   {"f64", KIND_FLOAT, 8},    {"bool", KIND_BOOL, 1},    {"text", KIND_TEXT, 0},
    {"bytes", KIND_BYTES, 0},
};

struct field {
    char name[FIELD_NAME_MAX + 1];
    const struct type *type;
};

/* What went wrong goes here; functions that fail have written it. */
struct problem {
    char *text;
    size_t bytes;
};
#define FAIL(problem, ...) ((void)snprintf((problem)->text, (problem)->bytes, __VA_ARGS__), GROVE_INVALID)

/* ---- signatures ---- */

static const struct type *find_type(const char *name, size_t length) {
    for (size_t index = 0; index < sizeof types / sizeof types[0]; index++)
        if (strlen(types[index].name) == length && strncmp(types[index].name, name, length) == 0)
            return &types[index];
    return NULL;
}

/* The next field: 1, 0 at the end, or negative. */
static int next_field(const char **signature, struct field *field, const struct problem *problem) {
    const char *text = *signature + strspn(*signature, " ");
    size_t length = strcspn(text, " ");
    const char *colon = memchr(text, ':', length);
    if (length == 0)
        return 0;
    if (colon == NULL || colon == text || (size_t)(colon - text) > FIELD_NAME_MAX)
        return FAIL(problem, "the signature has '%.*s', which is not NAME:TYPE", (int)(length < 64 ? length : 64),
                    text);
    size_t name_bytes = (size_t)(colon - text);
    field->type = find_type(colon + 1, length - name_bytes - 1);
    if (field->type == NULL)
        return FAIL(problem, "the signature has the unknown type '%.*s'",
                    (int)(length - name_bytes - 1 < 64 ? length - name_bytes - 1 : 64), colon + 1);
    memcpy(field->name, text, name_bytes);
    field->name[name_bytes] = '\0';
    *signature = text + length;
    if (field->type->bytes == 0 && (*signature)[strspn(*signature, " ")] != '\0')
        return FAIL(problem, "the signature has fields behind %s:%s, which takes all that is left", field->name,
                    field->type->name);
    return 1;
}

/* ---- encode ---- */

/* Little-endian whatever the processor is. */
static void put_number(unsigned char *to, uint64_t number, unsigned bytes) {
    for (unsigned index = 0; index < bytes; index++)
        to[index] = (unsigned char)(number >> (8 * index));
}

static int encode_unsigned(const struct field *field, const char *word, uint64_t *number,
                           const struct problem *problem) {
    uint64_t most = field->type->bytes == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * field->type->bytes)) - 1;
    char *end;
    errno = 0;
    *number = strtoull(word, &end, 0);
    if (end == word || *end != '\0' || word[strspn(word, " \t\n")] == '-')
        return FAIL(problem, "%s is %s: a whole number from 0 to %" PRIu64 ", not '%.64s'", field->name,
                    field->type->name, most, word);
    if (errno == ERANGE || *number > most)
        return FAIL(problem, "%s is %s: %.64s is larger than %" PRIu64, field->name, field->type->name, word, most);
    return 0;
}

static int encode_signed(const struct field *field, const char *word, uint64_t *number, const struct problem *problem) {
    int64_t most = field->type->bytes == 8 ? INT64_MAX : (INT64_C(1) << (8 * field->type->bytes - 1)) - 1;
    char *end;
    errno = 0;
    int64_t value = strtoll(word, &end, 0);
    if (end == word || *end != '\0')
        return FAIL(problem, "%s is %s: a whole number from %" PRId64 " to %" PRId64 ", not '%.64s'", field->name,
                    field->type->name, -most - 1, most, word);
    if (errno == ERANGE || value > most || value < -most - 1)
        return FAIL(problem, "%s is %s: %.64s is not from %" PRId64 " to %" PRId64, field->name, field->type->name,
                    word, -most - 1, most);
    *number = (uint64_t)value;
    return 0;
}

static int encode_float(const struct field *field, const char *word, uint64_t *number, const struct problem *problem) {
    char *end;
    double value = strtod(word, &end);
    if (end == word || *end != '\0')
        return FAIL(problem, "%s is %s: a number such as 49.8, not '%.64s'", field->name, field->type->name, word);
    if (field->type->bytes == 4) {
        float narrow = (float)value;
        uint32_t bits;
        memcpy(&bits, &narrow, sizeof bits);
        *number = bits;
    } else {
        memcpy(number, &value, sizeof value);
    }
    return 0;
}

static int encode_bool(const struct field *field, const char *word, uint64_t *number, const struct problem *problem) {
    *number = strcmp(word, "true") == 0 || strcmp(word, "1") == 0;
    if (*number == 0 && strcmp(word, "false") != 0 && strcmp(word, "0") != 0)
        return FAIL(problem, "%s is bool: true or false, not '%.64s'", field->name, word);
    return 0;
}

static int encode_number(const struct field *field, const char *word, uint64_t *number, const struct problem *problem) {
    switch (field->type->kind) {
    case KIND_UNSIGNED:
        return encode_unsigned(field, word, number, problem);
    case KIND_SIGNED:
        return encode_signed(field, word, number, problem);
    case KIND_FLOAT:
        return encode_float(field, word, number, problem);
    default:
        return encode_bool(field, word, number, problem);
    }
}

static int encode_rest(const struct field *field, const char *word, unsigned char *to, size_t room_bytes,
                       size_t *used_bytes, const struct problem *problem) {
    size_t length = strlen(word);
    if (field->type->kind == KIND_BYTES) {
        if (call_from_hex(word, to, room_bytes, used_bytes) < 0)
            return FAIL(problem, "%s is bytes: pairs of hexadecimal digits such as 00ff, not '%.64s'", field->name,
                        word);
        return 0;
    }
    if (length > room_bytes)
        return FAIL(problem, "%s is longer than the %zu bytes that are left", field->name, room_bytes);
    memcpy(to, word, length);
    *used_bytes = length;
    return 0;
}

/* A word "name=value" must name the field it stands for, so that a wrong order is noticed and not sent. */
static int value_of_word(const struct field *field, const char *word, const char **value,
                         const struct problem *problem) {
    const char *equals = strchr(word, '=');
    size_t length = strlen(field->name);
    *value = word;
    if (equals == NULL)
        return 0;
    if ((size_t)(equals - word) == length && strncmp(word, field->name, length) == 0)
        *value = equals + 1;
    else if (field->type->bytes != 0)
        return FAIL(problem, "'%.64s' stands where %s:%s belongs", word, field->name, field->type->name);
    return 0;
}

int call_encode(const char *signature, const char *const *words, unsigned count, void *message, size_t message_bytes,
                size_t *used_bytes, char *problem_text, size_t problem_bytes) {
    const struct problem problem = {problem_text, problem_bytes};
    const char *next = signature;
    unsigned char *to = message;
    struct field field;
    size_t used = 0;
    unsigned index = 0;
    int status;
    while ((status = next_field(&next, &field, &problem)) > 0) {
        const char *value;
        uint64_t number = 0;
        size_t rest = 0;
        if (index == count)
            return FAIL(&problem, "%s:%s is missing; the request is '%s'", field.name, field.type->name, signature);
        status = value_of_word(&field, words[index++], &value, &problem);
        if (status == 0 && field.type->bytes == 0)
            status = encode_rest(&field, value, to + used, message_bytes - used, &rest, &problem);
        else if (status == 0 && field.type->bytes > message_bytes - used)
            status = GROVE_TOO_LARGE;
        else if (status == 0)
            status = encode_number(&field, value, &number, &problem);
        if (status < 0)
            return status;
        put_number(to + used, number, field.type->bytes);
        used += field.type->bytes + rest;
    }
    if (status < 0)
        return status;
    if (index < count)
        return FAIL(&problem, "'%.64s' is one argument too many; the request is '%s'", words[index],
                    signature[0] == '\0' ? "(nothing)" : signature);
    *used_bytes = used;
    return 0;
}

/* ---- decode ---- */

static uint64_t get_number(const unsigned char *from, unsigned bytes) {
    uint64_t number = 0;
    for (unsigned index = 0; index < bytes; index++)
        number |= (uint64_t)from[index] << (8 * index);
    return number;
}

static json_t *float_value(uint64_t number, unsigned bytes) {
    double value;
    memcpy(&value, &number, sizeof value);
    if (bytes == 4) {
        uint32_t bits = (uint32_t)number;
        float narrow;
        memcpy(&narrow, &bits, sizeof narrow);
        value = (double)narrow;
    }
    return isfinite(value) ? json_real(value) : json_null(); /* JSON knows no infinity */
}

static json_t *number_value(const struct type *type, uint64_t number) {
    unsigned unused_bits = 64 - 8 * type->bytes;
    switch (type->kind) {
    case KIND_FLOAT:
        return float_value(number, type->bytes);
    case KIND_BOOL:
        return json_boolean(number != 0);
    case KIND_SIGNED:
        return json_integer((json_int_t)((int64_t)(number << unused_bits) >> unused_bits));
    default:
        return number > INT64_MAX ? json_real((double)number) : json_integer((json_int_t)number);
    }
}

static json_t *rest_value(const struct type *type, const unsigned char *from, size_t bytes) {
    json_t *text = type->kind == KIND_TEXT ? json_stringn((const char *)from, bytes) : NULL;
    if (text != NULL)
        return text;
    char *hex = call_to_hex(from, bytes); /* bytes, or a text that is no UTF-8 */
    text = json_string(hex == NULL ? "" : hex);
    free(hex);
    return text;
}

int call_decode(const char *signature, const void *message, size_t message_bytes, json_t **object, char *problem_text,
                size_t problem_bytes) {
    const struct problem problem = {problem_text, problem_bytes};
    const unsigned char *from = message;
    size_t left = message_bytes;
    struct field field;
    json_t *made = json_object();
    int status;
    while ((status = next_field(&signature, &field, &problem)) > 0) {
        size_t bytes = field.type->bytes == 0 ? left : field.type->bytes;
        if (bytes > left) {
            status = FAIL(&problem, "the reply ends before %s:%s", field.name, field.type->name);
            break;
        }
        (void)json_object_set_new(made, field.name,
                                  field.type->bytes == 0
                                      ? rest_value(field.type, from, bytes)
                                      : number_value(field.type, get_number(from, field.type->bytes)));
        from += bytes;
        left -= bytes;
    }
    if (status == 0 && left > 0)
        status = FAIL(&problem, "the reply has %zu bytes more than its signature says", left);
    if (status < 0) {
        json_decref(made);
        return status;
    }
    *object = made;
    return 0;
}

/* ---- hexadecimal ---- */

static int digit(char character) {
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    return character >= 'A' && character <= 'F' ? character - 'A' + 10 : -1;
}

int call_from_hex(const char *text, void *message, size_t message_bytes, size_t *used_bytes) {
    unsigned char *to = message;
    size_t used = 0;
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        int high = digit(text[0]);
        int low = high < 0 ? -1 : digit(text[1]);
        if (low < 0)
            return GROVE_INVALID;
        if (used == message_bytes)
            return GROVE_TOO_LARGE;
        to[used++] = (unsigned char)(high << 4 | low);
        text += 2;
    }
    *used_bytes = used;
    return 0;
}

char *call_to_hex(const void *message, size_t message_bytes) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = message;
    char *text = malloc(2 * message_bytes + 1);
    if (text == NULL)
        return NULL;
    for (size_t index = 0; index < message_bytes; index++) {
        text[2 * index] = digits[from[index] >> 4];
        text[2 * index + 1] = digits[from[index] & 15];
    }
    text[2 * message_bytes] = '\0';
    return text;
}
