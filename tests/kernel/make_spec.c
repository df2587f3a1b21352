/*
 * Writes a binary spec for the tests, without a manifest and without its compiler:
 *
 *     make-spec NAME FLAGS RING [KIND TEXT]... -- EXECUTABLE [ARGUMENT]...   >spec
 *
 * FLAGS is the number of enum grove_spec_flags. KIND is the number of a capability; TEXT is a path or pattern, or
 * tcp:PORT or udp:PORT on 127.0.0.1, or nothing for the whole range.
 */
#include "grove/abi/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static union {
    uint64_t aligned;
    char bytes[GROVE_SPEC_BYTES_MAX];
} blob;
static struct grove_spec *const spec = (struct grove_spec *)(void *)blob.bytes;
static char text[16384];
static uint32_t text_bytes;
static uint32_t used = (sizeof(struct grove_spec) + 7) & ~7u;

static struct grove_span keep(const char *value) {
    struct grove_span span = {text_bytes, (uint32_t)strlen(value)};
    memcpy(text + text_bytes, value, span.length_bytes + 1);
    text_bytes += span.length_bytes + 1;
    return span;
}

static void *reserve(struct grove_table *table, uint32_t count, size_t size) {
    *table = (struct grove_table){used, count};
    used = (used + (uint32_t)(count * size) + 7) & ~7u;
    return blob.bytes + table->offset_bytes;
}

static void fill(struct grove_spec_capability *capability, const char *kind, const char *value) {
    capability->kind = (uint16_t)strtoul(kind, NULL, 10);
    capability->rights = GROVE_RIGHT_USE | GROVE_RIGHT_DERIVE | GROVE_RIGHT_GRANT;
    if (value[0] == '\0')
        return;
    capability->argument_kind = (uint16_t)grove_capability_argument_kind(capability->kind);
    if (capability->argument_kind != GROVE_ARGUMENT_ADDRESS) {
        capability->text = keep(value);
        return;
    }
    uint16_t port = (uint16_t)strtoul(value + 4, NULL, 10);
    capability->address = (struct grove_address){.family = 4,
                                                 .prefix_bits = 32,
                                                 .transport = value[0] == 't' ? 6 : 17,
                                                 .port_first = port,
                                                 .port_last = port,
                                                 .bytes = {127, 0, 0, 1}};
}

/* What follows the capabilities and "--". */
static char **take_capabilities(char **word) {
    char **end = word;
    while (end[0] != NULL && end[1] != NULL && strcmp(end[0], "--") != 0)
        end += 2;
    uint32_t count = (uint32_t)(end - word) / 2;
    struct grove_spec_capability *capabilities = reserve(&spec->capabilities, count, sizeof *capabilities);
    for (uint32_t i = 0; i < count; i++)
        fill(&capabilities[i], word[(size_t)2 * i], word[(size_t)2 * i + 1]);
    return end[0] == NULL ? end : end + 1;
}

static void take_arguments(char **word) {
    static char path[] = "PATH=/usr/bin:/bin";
    uint32_t count = 0;
    while (word[count] != NULL)
        count++;
    struct grove_span *arguments = reserve(&spec->arguments, count, sizeof *arguments);
    for (uint32_t i = 0; i < count; i++)
        arguments[i] = keep(word[i]);
    struct grove_span *environment = reserve(&spec->environment, 1, sizeof *environment);
    environment[0] = keep(path);
    spec->executable = keep(word[0]);
}

int main(int count, char **words) {
    const char *problem = "too few words";
    if (count < 6)
        return fprintf(stderr, "make-spec: %s\n", problem), 2;
    spec->magic = GROVE_SPEC_MAGIC;
    spec->version = GROVE_SPEC_VERSION;
    spec->header_bytes = sizeof *spec;
    spec->flags = (uint32_t)strtoul(words[2], NULL, 10);
    spec->ring = (uint8_t)strtoul(words[3], NULL, 10);
    spec->name = keep(words[1]);
    char project[64];
    snprintf(project, sizeof project, "%.*s", (int)strcspn(words[1], "."), words[1]);
    spec->project = keep(project);
    spec->directory = spec->manifest = spec->description = keep("");
    char **program = take_capabilities(words + 4);
    if (program[0] == NULL)
        return fprintf(stderr, "make-spec: no program after --\n"), 2;
    take_arguments(program);
    spec->stop_timeout_ns = 2000000000;
    spec->readiness.kind = GROVE_READY_STARTED;
    spec->readiness.argument = spec->health.argument = keep("");
    reserve(&spec->provides, 0, 0);
    reserve(&spec->requires, 0, 0);
    reserve(&spec->methods, 0, 0);
    spec->text_offset_bytes = used;
    spec->text_bytes = text_bytes;
    spec->total_bytes = used + text_bytes;
    memcpy(blob.bytes + used, text, text_bytes);
    if (grove_spec_check(blob.bytes, spec->total_bytes, &problem) < 0)
        return fprintf(stderr, "make-spec: %s\n", problem), 1;
    return fwrite(blob.bytes, 1, spec->total_bytes, stdout) == spec->total_bytes ? 0 : 1;
}
