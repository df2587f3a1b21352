/*
 * A pattern is compiled to a small program for a machine that is in many places at once (Thompson's construction), so no
 * text makes it go back. Fragments of the program hold targets inside themselves only: putting an instruction in front of
 * one, or repeating one, moves its targets along.
 */
#include "lib/config/pattern.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define CODE_MAX 1024u
#define SETS_MAX 32u
#define DEPTH_MAX 16u
#define REPEAT_MAX 255u

enum operation { CODE_BYTE, CODE_ANY, CODE_SET, CODE_JUMP, CODE_SPLIT, CODE_END };
struct instruction {
    uint8_t operation; /* enum operation */
    uint8_t byte; /* BYTE: which; SET: number of the set */
    uint16_t first, second; /* JUMP, SPLIT */
};
struct program {
    struct instruction code[CODE_MAX];
    unsigned count;
    uint32_t sets[SETS_MAX][8];
    unsigned set_count;
    const char *at; /* what is not read yet */
    unsigned depth;
    const char *fault;
};

static void fail(struct program *program, const char *fault) {
    if (program->fault == NULL)
        program->fault = fault;
}

static void emit(struct program *program, struct instruction instruction) {
    if (program->count == CODE_MAX)
        fail(program, "the pattern is too long");
    else
        program->code[program->count++] = instruction;
}

static void split(struct program *program, unsigned first, unsigned second) {
    emit(program, (struct instruction){.operation = CODE_SPLIT, .first = (uint16_t)first, .second = (uint16_t)second});
}

/* Move the targets of some instructions that were moved. */
static void shift(struct program *program, unsigned from, unsigned end, unsigned by) {
    for (unsigned index = from; index < end; index++) {
        program->code[index].first = (uint16_t)(program->code[index].first + by);
        program->code[index].second = (uint16_t)(program->code[index].second + by);
    }
}

/* Make place for one instruction before the fragment that begins at `at`. */
static bool insert(struct program *program, unsigned at) {
    if (program->count == CODE_MAX) {
        fail(program, "the pattern is too long");
        return false;
    }
    memmove(&program->code[at + 1], &program->code[at], (program->count - at) * sizeof program->code[0]);
    program->count++;
    shift(program, at + 1, program->count, 1);
    return true;
}

static void insert_split(struct program *program, unsigned at, unsigned other) {
    if (insert(program, at))
        program->code[at] =
            (struct instruction){.operation = CODE_SPLIT, .first = (uint16_t)(at + 1), .second = (uint16_t)other};
}

/* The fragment of `length` instructions at `from` once more, at the end. */
static void copy(struct program *program, const struct instruction *fragment, unsigned from, unsigned length) {
    unsigned begin = program->count;
    if (length > CODE_MAX - begin) {
        fail(program, "the pattern is too long");
        return;
    }
    memcpy(&program->code[begin], fragment, length * sizeof *fragment);
    program->count += length;
    shift(program, begin, program->count, begin - from);
}

/* ---- sets ---- */

static void set_add(uint32_t *set, unsigned byte) {
    set[byte / 32] |= UINT32_C(1) << byte % 32;
}

/* \d, \w, \s; false for any other letter. */
static bool set_add_class(uint32_t *set, char letter) {
    if (letter != 'd' && letter != 'w' && letter != 's')
        return false;
    for (int byte = 0; byte < 128; byte++)
        if (letter == 'd' ? isdigit(byte) : letter == 's' ? isspace(byte) : isalnum(byte) || byte == '_')
            set_add(set, (unsigned)byte);
    return true;
}

static uint32_t *set_new(struct program *program) {
    if (program->set_count == SETS_MAX) {
        fail(program, "the pattern has more than 32 sets");
        program->set_count--;
    }
    emit(program, (struct instruction){.operation = CODE_SET, .byte = (uint8_t)program->set_count});
    uint32_t *set = program->sets[program->set_count++];
    memset(set, 0, sizeof program->sets[0]);
    return set;
}

static void parse_range(struct program *program, uint32_t *set) {
    bool is_escaped = *program->at == '\\' && program->at[1] != '\0';
    program->at += is_escaped;
    unsigned first = (unsigned char)*program->at++, last = first;
    if (is_escaped && set_add_class(set, (char)first))
        return;
    if (program->at[0] == '-' && program->at[1] != ']' && program->at[1] != '\0') {
        program->at++;
        program->at += *program->at == '\\' && program->at[1] != '\0';
        last = (unsigned char)*program->at++;
    }
    if (last < first)
        fail(program, "a range in [ ] has its larger end first");
    for (unsigned byte = first; byte <= last; byte++)
        set_add(set, byte);
}

static void parse_set(struct program *program) {
    uint32_t *set = set_new(program);
    bool is_inverted = *program->at == '^';
    program->at += is_inverted;
    bool is_first = true;
    for (; *program->at != '\0' && (*program->at != ']' || is_first); is_first = false)
        parse_range(program, set);
    if (*program->at == '\0')
        fail(program, "a [ has no ]");
    else
        program->at++;
    for (unsigned word = 0; is_inverted && word < 8; word++)
        set[word] = ~set[word];
}

/* ---- expressions ---- */

static void parse_choice(struct program *program);

static void parse_group(struct program *program) {
    if (++program->depth > DEPTH_MAX)
        fail(program, "parentheses are nested more than 16 deep");
    else
        parse_choice(program);
    program->depth--;
    if (program->fault == NULL && *program->at != ')')
        fail(program, "a ( has no )");
    else
        program->at += *program->at == ')';
}

static void parse_escape(struct program *program) {
    uint32_t class[8] = {0};
    char letter = *program->at;
    if (letter == '\0') {
        fail(program, "nothing stands behind the last \\");
        return;
    }
    program->at++;
    if (set_add_class(class, letter))
        memcpy(set_new(program), class, sizeof class);
    else
        emit(program, (struct instruction){.operation = CODE_BYTE, .byte = (uint8_t)letter});
}

static void parse_atom(struct program *program) {
    char byte = *program->at++;
    if (byte == '(')
        parse_group(program);
    else if (byte == '[')
        parse_set(program);
    else if (byte == '\\')
        parse_escape(program);
    else if (byte == '*' || byte == '+' || byte == '?' || byte == '{')
        fail(program, "nothing stands before a repetition; write \\ before a character that is meant as it is");
    else
        emit(program, (struct instruction){.operation = byte == '.' ? CODE_ANY : CODE_BYTE, .byte = (uint8_t)byte});
}

static bool parse_count(struct program *program, unsigned *count) {
    unsigned digits = 0;
    *count = 0;
    for (; isdigit((unsigned char)*program->at) && digits < 4; digits++)
        *count = *count * 10 + (unsigned)(*program->at++ - '0');
    return digits > 0;
}

/* {m}, {m,n}, {m,}: the fragment so many times, then the rest optional. */
static void parse_counted(struct program *program, unsigned begin) {
    struct instruction fragment[CODE_MAX];
    unsigned least, most, length = program->count - begin;
    bool is_good = parse_count(program, &least), is_open = false;
    most = least;
    if (is_good && *program->at == ',') {
        program->at++;
        is_open = !parse_count(program, &most);
    }
    if (!is_good || *program->at != '}' || least > REPEAT_MAX || most > REPEAT_MAX || (!is_open && most < least)) {
        fail(program, "a repetition in braces is {m}, {m,n} or {m,}, up to 255");
        return;
    }
    program->at++;
    memcpy(fragment, &program->code[begin], length * sizeof fragment[0]);
    program->count = begin;
    for (unsigned index = 0; index < least && program->fault == NULL; index++)
        copy(program, fragment, begin, length);
    for (unsigned index = least; !is_open && index < most && program->fault == NULL; index++) {
        split(program, program->count + 1, program->count + 1 + length);
        copy(program, fragment, begin, length);
    }
    if (is_open) {
        unsigned top = program->count;
        split(program, top + 1, top + 2 + length);
        copy(program, fragment, begin, length);
        emit(program, (struct instruction){.operation = CODE_JUMP, .first = (uint16_t)top});
    }
}

static void parse_repeated(struct program *program) {
    unsigned begin = program->count;
    parse_atom(program);
    while (program->fault == NULL && *program->at != '\0' && strchr("*+?{", *program->at) != NULL) {
        char sign = *program->at++;
        if (sign == '{')
            parse_counted(program, begin);
        else if (sign == '+')
            split(program, begin, program->count + 1);
        else
            insert_split(program, begin, program->count + 1 + (sign == '*'));
        if (sign == '*')
            emit(program, (struct instruction){.operation = CODE_JUMP, .first = (uint16_t)begin});
    }
}

static void parse_choice(struct program *program) {
    unsigned begin = program->count;
    while (program->fault == NULL && *program->at != '\0' && *program->at != ')' && *program->at != '|') {
        bool is_last_dollar = *program->at == '$' && program->at[1] == '\0';
        if (is_last_dollar)
            program->at++;
        else
            parse_repeated(program);
    }
    if (program->fault != NULL || *program->at != '|')
        return;
    program->at++;
    insert_split(program, begin, program->count + 2);
    unsigned leave = program->count;
    emit(program, (struct instruction){.operation = CODE_JUMP});
    parse_choice(program);
    if (program->fault == NULL)
        program->code[leave].first = (uint16_t)program->count;
}

static const char *compile(struct program *program, const char *pattern) {
    program->at = pattern + (pattern[0] == '^');
    program->count = program->set_count = program->depth = 0;
    program->fault = NULL;
    parse_choice(program);
    if (program->fault == NULL && *program->at == ')')
        fail(program, "a ) has no (");
    emit(program, (struct instruction){.operation = CODE_END});
    return program->fault;
}

/* ---- the machine ---- */

struct places {
    uint16_t list[CODE_MAX];
    unsigned count;
    uint32_t marks[CODE_MAX / 32];
};

/* Follow jumps without recursion: each instruction is entered once. */
static void enter(const struct program *program, struct places *places, unsigned where) {
    uint16_t stack[2 * CODE_MAX];
    unsigned depth = 0;
    stack[depth++] = (uint16_t)where;
    while (depth > 0) {
        unsigned at = stack[--depth];
        if ((places->marks[at / 32] & UINT32_C(1) << at % 32) != 0)
            continue;
        places->marks[at / 32] |= UINT32_C(1) << at % 32;
        const struct instruction *instruction = &program->code[at];
        if (instruction->operation == CODE_SPLIT)
            stack[depth++] = instruction->second;
        if (instruction->operation == CODE_SPLIT || instruction->operation == CODE_JUMP)
            stack[depth++] = instruction->first;
        else
            places->list[places->count++] = (uint16_t)at;
    }
}

static bool takes(const struct program *program, const struct instruction *instruction, unsigned byte) {
    switch (instruction->operation) {
    case CODE_ANY:
        return true;
    case CODE_BYTE:
        return instruction->byte == byte;
    case CODE_SET:
        return (program->sets[instruction->byte][byte / 32] & UINT32_C(1) << byte % 32) != 0;
    default:
        return false;
    }
}

const char *config_pattern_fault(const char *pattern) {
    struct program program;
    return compile(&program, pattern);
}

bool config_pattern_matches(const char *pattern, const char *text) {
    struct program program;
    struct places both[2] = {{.count = 0}, {.count = 0}};
    struct places *now = &both[0], *next = &both[1];
    if (compile(&program, pattern) != NULL)
        return false;
    enter(&program, now, 0);
    for (; *text != '\0' && now->count > 0; text++) {
        next->count = 0;
        memset(next->marks, 0, sizeof next->marks);
        for (unsigned index = 0; index < now->count; index++)
            if (takes(&program, &program.code[now->list[index]], (unsigned char)*text))
                enter(&program, next, now->list[index] + 1u);
        struct places *swap = now;
        now = next;
        next = swap;
    }
    for (unsigned index = 0; index < now->count; index++)
        if (program.code[now->list[index]].operation == CODE_END)
            return *text == '\0';
    return false;
}
