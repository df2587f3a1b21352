/*
 * What lies on a program's stack when it begins: System V ABI, "Process initialization", and getauxval(3).
 *
 *     stack pointer -> count, addresses of arguments, 0, addresses of environment, 0, auxiliary vector
 *                      ... random bytes, platform, arguments, environment, the path that was executed, 8 bytes of zeros <- top
 */
#include "grove/abi/call.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/posix/execute.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define RANDOM_BYTES 16u
#define PROGRAM_HEADER_BYTES 56u
#define PAGE_BYTES 4096u
#define TICKS 100u
#define WORDS_BUFFERED 64u
#define AUXILIARY_WORDS_MAX 48u

/* Kinds of the auxiliary vector, as Linux numbers them. */
enum { AUX_END = 0, AUX_HEADERS = 3, AUX_HEADER_BYTES = 4, AUX_HEADER_COUNT = 5, AUX_PAGE_BYTES = 6, AUX_BASE = 7 };
enum { AUX_FLAGS = 8, AUX_ENTRY = 9, AUX_USER = 11, AUX_EFFECTIVE_USER = 12, AUX_GROUP = 13, AUX_EFFECTIVE_GROUP = 14 };
enum { AUX_PLATFORM = 15, AUX_CAPABILITIES = 16, AUX_TICKS = 17, AUX_SECURE = 23, AUX_RANDOM = 25 };
enum { AUX_MORE_CAPABILITIES = 26, AUX_PATH = 31, AUX_CLOCK_PAGE = 33 };

struct builder {
    uint64_t at; /* the lowest address in use; then, of words, the next */
    uint64_t words[WORDS_BUFFERED];
    uint32_t count;
    bool has_failed;
};

static uint64_t push(struct builder *builder, const void *bytes, size_t size) {
    builder->at -= size;
    if (!process_write(builder->at, bytes, size))
        builder->has_failed = true;
    return builder->at;
}

static uint64_t push_text(struct builder *builder, const char *text) {
    return push(builder, text, strlen(text) + 1);
}

static void flush(struct builder *builder) {
    if (builder->count > 0 && !process_write(builder->at, builder->words, builder->count * sizeof(uint64_t)))
        builder->has_failed = true;
    builder->at += builder->count * sizeof(uint64_t);
    builder->count = 0;
}

static void add(struct builder *builder, uint64_t word) {
    if (builder->count == WORDS_BUFFERED)
        flush(builder);
    builder->words[builder->count++] = word;
}

/* The addresses of `count` texts that lie one after the other from `address` on, and `offset` in the kernel's copy. */
static uint64_t add_addresses(struct builder *builder, const struct program_texts *texts, uint64_t offset,
                              uint64_t address, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint64_t size = program_texts_size_at(texts, offset);
        add(builder, address);
        offset += size;
        address += size;
    }
    return address;
}

struct auxiliary {
    uint64_t words[AUXILIARY_WORDS_MAX];
    uint32_t count;
};

static void add_pair(struct auxiliary *auxiliary, uint64_t kind, uint64_t value) {
    auxiliary->words[auxiliary->count++] = kind;
    auxiliary->words[auxiliary->count++] = value;
}

static void describe_program(struct auxiliary *auxiliary, const struct execution *execution) {
    const struct program_file *program = &execution->program;
    bool has_interpreter = execution->interpreter.path.mount != NULL;
    if (program->elf.headers != 0) {
        add_pair(auxiliary, AUX_HEADERS, program->base + program->elf.headers);
        add_pair(auxiliary, AUX_HEADER_BYTES, PROGRAM_HEADER_BYTES);
        add_pair(auxiliary, AUX_HEADER_COUNT, program->elf.header_count);
    }
    add_pair(auxiliary, AUX_BASE, has_interpreter ? execution->interpreter.base : 0);
    add_pair(auxiliary, AUX_FLAGS, 0);
    add_pair(auxiliary, AUX_ENTRY, program->base + program->elf.entry);
}

static void describe_rest(struct auxiliary *auxiliary, struct builder *builder, const struct execution *execution,
                          uint64_t path_at) {
    const struct machine_layout *layout = machine_layout();
    const struct credentials *credentials = &execution->credentials;
    uint64_t random[RANDOM_BYTES / 8] = {machine_chance(), machine_chance()};
    add_pair(auxiliary, AUX_CAPABILITIES, layout->capabilities);
    add_pair(auxiliary, AUX_PAGE_BYTES, PAGE_BYTES);
    add_pair(auxiliary, AUX_TICKS, TICKS);
    add_pair(auxiliary, AUX_USER, credentials->user);
    add_pair(auxiliary, AUX_EFFECTIVE_USER, credentials->effective_user);
    add_pair(auxiliary, AUX_GROUP, credentials->group);
    add_pair(auxiliary, AUX_EFFECTIVE_GROUP, credentials->effective_group);
    add_pair(auxiliary, AUX_SECURE, execution->is_secure);
    add_pair(auxiliary, AUX_RANDOM, push(builder, random, sizeof(random)));
    add_pair(auxiliary, AUX_MORE_CAPABILITIES, layout->more_capabilities);
    add_pair(auxiliary, AUX_PATH, path_at);
    add_pair(auxiliary, AUX_PLATFORM, push_text(builder, layout->platform));
    if (execution->clock_header != 0)
        add_pair(auxiliary, AUX_CLOCK_PAGE, execution->clock_header);
    add_pair(auxiliary, GROVE_AUX_CALLS, GROVE_CALLS);
    add_pair(auxiliary, AUX_END, 0);
}

/* Texts, from the top down: path, environment and arguments as the caller gave them, then what scripts put before. */
static uint64_t push_texts(struct builder *builder, struct execution *execution, uint64_t prefix_at[PREFIX_MAX]) {
    const struct program_texts *texts = &execution->texts;
    uint64_t size = texts->bytes - execution->skipped_bytes;
    builder->at -= size;
    uint64_t start = builder->at;
    if (!program_texts_write(texts, execution->skipped_bytes, start))
        builder->has_failed = true;
    for (uint32_t i = 0; i < execution->prefix_count; i++)
        prefix_at[i] = push_text(builder, execution->prefix[i]);
    execution->memory->arguments_start = builder->at;
    execution->memory->arguments_end = start + execution->argument_bytes - execution->skipped_bytes;
    execution->memory->environment_start = execution->memory->arguments_end;
    execution->memory->environment_end = start + size;
    return start;
}

int execution_fill_stack(struct execution *execution) {
    struct builder builder = {.at = execution->stack_top - sizeof(uint64_t)};
    struct auxiliary auxiliary = {.count = 0};
    uint64_t prefix_at[PREFIX_MAX];
    uint64_t path_at = push_text(&builder, execution->name);
    uint64_t start = push_texts(&builder, execution, prefix_at);
    describe_program(&auxiliary, execution);
    describe_rest(&auxiliary, &builder, execution, path_at);
    uint32_t argument_count = execution->prefix_count + execution->argument_count;
    uint64_t words = 1 + (uint64_t)argument_count + 1 + execution->environment_count + 1 + auxiliary.count;
    builder.at = (builder.at - words * sizeof(uint64_t)) & ~UINT64_C(15);
    execution->stack_pointer = builder.at;
    add(&builder, argument_count);
    for (uint32_t i = execution->prefix_count; i > 0; i--)
        add(&builder, prefix_at[i - 1]);
    uint64_t next =
        add_addresses(&builder, &execution->texts, execution->skipped_bytes, start, execution->argument_count);
    add(&builder, 0);
    (void)add_addresses(&builder, &execution->texts, execution->argument_bytes, next, execution->environment_count);
    add(&builder, 0);
    flush(&builder);
    execution->memory->auxiliary_start = builder.at;
    execution->memory->auxiliary_bytes = auxiliary.count * sizeof(uint64_t);
    for (uint32_t i = 0; i < auxiliary.count; i++)
        add(&builder, auxiliary.words[i]);
    flush(&builder);
    return builder.has_failed ? -LINUX_ENOMEM : 0;
}
