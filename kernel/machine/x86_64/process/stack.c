/* The beginning of a program's stack: see stack.h. Texts come first, at its end; what points to them below. */
#include "kernel/machine/x86_64/process/stack.h"

#include "grove/abi/status.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/process/process.h"

#include <string.h>

#define ARGUMENTS_MAX 32u
#define WORDS_MAX (ARGUMENTS_MAX + 32u)
#define RANDOM_BYTES 16u
#define PROGRAM_HEADER_BYTES 56u

/* Kinds of the auxiliary vector, as Linux numbers them. */
enum { AUX_END = 0, AUX_HEADERS = 3, AUX_HEADER_BYTES = 4, AUX_HEADER_COUNT = 5, AUX_PAGE_BYTES = 6, AUX_BASE = 7 };
enum { AUX_ENTRY = 9, AUX_USER = 11, AUX_EFFECTIVE_USER = 12, AUX_GROUP = 13, AUX_EFFECTIVE_GROUP = 14 };
enum { AUX_SECURE = 23, AUX_RANDOM = 25, AUX_CLOCK = 33 };

struct builder {
    uint64_t at; /* the lowest address in use */
    uint64_t words[WORDS_MAX];
    uint32_t count;
    bool has_failed;
};

/* Lay bytes on the stack. Returns their address. */
static uint64_t push(struct builder *builder, const void *bytes, size_t size) {
    builder->at -= size;
    if (!process_write(builder->at, bytes, size))
        builder->has_failed = true;
    return builder->at;
}

static uint64_t push_text(struct builder *builder, const char *text, size_t length) {
    push(builder, "", 1);
    return push(builder, text, length);
}

static void add(struct builder *builder, uint64_t word) {
    builder->words[builder->count++] = word;
}

static void add_pair(struct builder *builder, uint64_t kind, uint64_t value) {
    add(builder, kind);
    add(builder, value);
}

/* The words of the line, each as an argument. Returns how many arguments there are with the name. */
static int add_arguments(struct builder *builder, const char *name, const char *line, uint32_t *count) {
    add(builder, push_text(builder, name, strlen(name)));
    *count = 1;
    for (;;) {
        size_t length = 0;
        while (*line == ' ')
            line++;
        while (line[length] != 0 && line[length] != ' ')
            length++;
        if (length == 0)
            return 0;
        if (*count == ARGUMENTS_MAX)
            return GROVE_TOO_LARGE;
        add(builder, push_text(builder, line, length));
        line += length;
        ++*count;
    }
}

static void add_auxiliary(struct builder *builder, const struct elf_program *program, uint64_t base) {
    uint64_t random[RANDOM_BYTES / 8] = {processor_random(), processor_random()};
    uint64_t random_at = push(builder, random, sizeof(random));
    if (program->headers != 0) {
        add_pair(builder, AUX_HEADERS, base + program->headers);
        add_pair(builder, AUX_HEADER_BYTES, PROGRAM_HEADER_BYTES);
        add_pair(builder, AUX_HEADER_COUNT, program->header_count);
    }
    add_pair(builder, AUX_PAGE_BYTES, PAGE_BYTES);
    add_pair(builder, AUX_BASE, 0);
    add_pair(builder, AUX_ENTRY, base + program->entry);
    add_pair(builder, AUX_USER, 0);
    add_pair(builder, AUX_EFFECTIVE_USER, 0);
    add_pair(builder, AUX_GROUP, 0);
    add_pair(builder, AUX_EFFECTIVE_GROUP, 0);
    add_pair(builder, AUX_SECURE, 0);
    add_pair(builder, AUX_RANDOM, random_at);
    add_pair(builder, AUX_CLOCK, process_current()->clock_page);
    add_pair(builder, AUX_END, 0);
}

int stack_fill(const char *name, const char *line, const struct elf_program *program, uint64_t base, uint64_t *stack) {
    struct builder builder = {.at = LAYOUT_USER_END, .count = 1};
    uint32_t count = 0;
    int status = add_arguments(&builder, name, line, &count);
    if (status < 0)
        return status;
    builder.words[0] = count;
    add(&builder, 0); /* behind the arguments */
    add(&builder, 0); /* behind no environment */
    add_auxiliary(&builder, program, base);
    builder.at = (builder.at - builder.count * sizeof(uint64_t)) & ~UINT64_C(15);
    if (builder.has_failed || !process_write(builder.at, builder.words, builder.count * sizeof(uint64_t)))
        return GROVE_NO_MEMORY;
    *stack = builder.at;
    return 0;
}
