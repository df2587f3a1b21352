/*
 * What outlives the process, in memory and as bytes.
 *
 *     struct state_header | struct state_body | sources | records | names of services to restart
 *     source: struct state_source, its settings        setting: struct state_setting, its text
 *     record: struct state_record, its entries         entry: struct state_entry, the text before, the text after
 *
 * All numbers are little-endian; nothing is aligned. The checksum is CRC-32C over all that follows the header. Values of
 * secrets are among it: the files are for their owner alone.
 */
#include "servers/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/journal/crc32c.h"
#include "servers/common/names.h"
#include "servers/config/state_file.h"

/* ---- life ---- */

void entry_deinit(struct config_entry *entry) {
    config_text_free(&entry->before);
    config_text_free(&entry->after);
}

void record_destroy(struct record *record) {
    if (record == NULL)
        return;
    for (uint32_t index = 0; index < record->count; index++)
        entry_deinit(&record->entries[index]);
    free(record->entries);
    free(record);
}

struct source *source_create(uint32_t kind, const char *name) {
    struct source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return NULL;
    source->kind = kind;
    (void)snprintf(source->name, sizeof source->name, "%s", name);
    return source;
}

void source_destroy(struct source *source) {
    if (source == NULL)
        return;
    settings_deinit(&source->settings);
    free(source);
}

struct source *state_source(const struct state *state, uint32_t kind, const char *name) {
    for (uint32_t index = 0; index < state->source_count; index++)
        if (state->sources[index]->kind == kind && strcmp(state->sources[index]->name, name) == 0)
            return state->sources[index];
    return NULL;
}

void state_deinit(struct state *state) {
    for (uint32_t index = 0; index < state->source_count; index++)
        source_destroy(state->sources[index]);
    for (uint32_t index = 0; index < state->history_count; index++)
        record_destroy(state->history[index]);
    memset(state, 0, sizeof *state);
}

/* ---- what counts ---- */

/* The numbers of kinds only grow, and the store came last. */
static unsigned strength(uint32_t kind) {
    static const uint32_t weakest_first[] = {GROVE_CONFIG_SOURCE_PROJECT, GROVE_CONFIG_SOURCE_FILE,
                                             GROVE_CONFIG_SOURCE_STORE, GROVE_CONFIG_SOURCE_SET};
    unsigned place = 0;
    while (place < sizeof weakest_first / sizeof weakest_first[0] && weakest_first[place] != kind)
        place++;
    return place;
}

static bool is_stronger(const struct source *a, const struct source *b) {
    return b == NULL || strength(a->kind) > strength(b->kind) || (a->kind == b->kind && strcmp(a->name, b->name) > 0);
}

static bool is_kind(uint32_t kind) {
    return (kind >= GROVE_CONFIG_SOURCE_PROJECT && kind <= GROVE_CONFIG_SOURCE_SET) ||
           kind == GROVE_CONFIG_SOURCE_STORE;
}

static bool is_replaced(const struct source *source, struct source *const *instead, uint32_t count) {
    for (uint32_t index = 0; index < count; index++)
        if (instead[index]->kind == source->kind && strcmp(instead[index]->name, source->name) == 0)
            return true;
    return false;
}

const struct setting *state_effective(const struct state *state, struct source *const *instead, uint32_t instead_count,
                                      const char *service, const char *key, const struct source **from) {
    const struct source *strongest = NULL;
    const struct setting *found = NULL;
    for (uint32_t index = 0; index < state->source_count + instead_count; index++) {
        const struct source *source =
            index < state->source_count ? state->sources[index] : instead[index - state->source_count];
        if (index < state->source_count && is_replaced(source, instead, instead_count))
            continue;
        const struct setting *setting =
            is_stronger(source, strongest) ? settings_find(&source->settings, service, key) : NULL;
        if (setting != NULL) {
            strongest = source;
            found = setting;
        }
    }
    if (from != NULL)
        *from = strongest;
    return found;
}

/* ---- to bytes ---- */

struct writer {
    uint8_t *bytes;
    size_t used, room;
    int status;
};

static void put(struct writer *writer, const void *bytes, size_t length) {
    if (writer->status < 0 || length == 0)
        return;
    if (length > STATE_BYTES_MAX - writer->used) {
        writer->status = GROVE_TOO_LARGE;
        return;
    }
    if (writer->used + length > writer->room) {
        size_t room = 2 * (writer->used + length) + 4096;
        uint8_t *grown = realloc(writer->bytes, room);
        if (grown == NULL) {
            writer->status = GROVE_NO_MEMORY;
            return;
        }
        writer->bytes = grown;
        writer->room = room;
    }
    memcpy(writer->bytes + writer->used, bytes, length);
    writer->used += length;
}

static void put_source(struct writer *writer, const struct source *source) {
    struct state_source head = {.kind = source->kind, .count = source->settings.count};
    memcpy(head.name, source->name, sizeof head.name);
    put(writer, &head, sizeof head);
    for (uint32_t index = 0; index < source->settings.count; index++) {
        const struct setting *setting = &source->settings.list[index];
        struct state_setting row = {.line = setting->line, .bytes = (uint32_t)setting->text.bytes};
        memcpy(row.service, setting->service, sizeof row.service);
        memcpy(row.key, setting->key, sizeof row.key);
        put(writer, &row, sizeof row);
        put(writer, setting->text.items, setting->text.bytes);
    }
}

static void put_record(struct writer *writer, const struct record *record) {
    struct state_record head = {.number = record->number,
                                .time_ns = record->time_ns,
                                .source = record->source,
                                .silent = record->silent,
                                .client = record->client,
                                .request = record->request,
                                .count = record->count};
    memcpy(head.who, record->who.text, sizeof head.who);
    memcpy(head.why, record->why, sizeof head.why);
    put(writer, &head, sizeof head);
    for (uint32_t index = 0; index < record->count; index++) {
        const struct config_entry *entry = &record->entries[index];
        struct state_entry row = {.flags = (entry->is_secret ? STATE_ENTRY_SECRET : 0u) |
                                           (entry->has_before ? STATE_ENTRY_BEFORE : 0u) |
                                           (entry->has_after ? STATE_ENTRY_AFTER : 0u),
                                  .before_bytes = (uint32_t)entry->before.bytes,
                                  .after_bytes = (uint32_t)entry->after.bytes};
        memcpy(row.service, entry->service.text, sizeof row.service);
        memcpy(row.key, entry->key, sizeof row.key);
        put(writer, &row, sizeof row);
        put(writer, entry->before.items, entry->before.bytes);
        put(writer, entry->after.items, entry->after.bytes);
    }
}

int state_encode(const struct state *state, void **bytes, size_t *length) {
    struct writer writer = {.status = 0};
    struct state_header header = {.magic = STATE_MAGIC, .version = STATE_VERSION};
    struct state_body body = {.number = state->number,
                              .sources = state->source_count,
                              .records = state->history_count,
                              .restarts = state->restart_count};
    put(&writer, &header, sizeof header);
    put(&writer, &body, sizeof body);
    for (uint32_t index = 0; index < state->source_count; index++)
        put_source(&writer, state->sources[index]);
    for (uint32_t index = 0; index < state->history_count; index++)
        put_record(&writer, state->history[index]);
    put(&writer, state->restarts, state->restart_count * sizeof state->restarts[0]);
    if (writer.status < 0) {
        free(writer.bytes);
        return writer.status;
    }
    header.body_bytes = writer.used - sizeof header;
    header.checksum = crc32c(0, writer.bytes + sizeof header, header.body_bytes);
    memcpy(writer.bytes, &header, sizeof header);
    *bytes = writer.bytes;
    *length = writer.used;
    return 0;
}

/* ---- from bytes ---- */

struct reader {
    const uint8_t *at;
    size_t left;
};

static bool take(struct reader *reader, void *to, size_t bytes) {
    if (bytes > reader->left)
        return false;
    memcpy(to, reader->at, bytes);
    reader->at += bytes;
    reader->left -= bytes;
    return true;
}

/* A text of a value: empty, or ending with a zero byte. Points into the bytes. */
static bool take_text(struct reader *reader, uint32_t bytes, struct config_text *text) {
    if (bytes > reader->left || bytes > CONFIG_TEXT_BYTES_MAX || (bytes > 0 && reader->at[bytes - 1] != '\0'))
        return false;
    *text = (struct config_text){(const char *)reader->at, bytes};
    reader->at += bytes;
    reader->left -= bytes;
    return true;
}

static bool is_name(const char *text, unsigned bytes) {
    return text_is_terminated(text, bytes) && config_key_is_valid(text);
}

static int take_source(struct reader *reader, struct state *state) {
    struct state_source head;
    if (!take(reader, &head, sizeof head) || !text_is_terminated(head.name, sizeof head.name) || !is_kind(head.kind) ||
        state_source(state, head.kind, head.name) != NULL)
        return GROVE_CORRUPT;
    struct source *source = source_create(head.kind, head.name);
    if (source == NULL)
        return GROVE_NO_MEMORY;
    state->sources[state->source_count++] = source;
    for (uint32_t index = 0; index < head.count; index++) {
        struct state_setting row;
        struct config_text text;
        if (!take(reader, &row, sizeof row) || !is_name(row.service, sizeof row.service) ||
            !is_name(row.key, sizeof row.key) || !take_text(reader, row.bytes, &text))
            return GROVE_CORRUPT;
        int status = settings_put(&source->settings, row.service, row.key, &text, row.line);
        if (status < 0)
            return status == GROVE_NO_MEMORY ? status : GROVE_CORRUPT;
    }
    return 0;
}

static int take_entry(struct reader *reader, struct config_entry *entry) {
    struct state_entry row;
    struct config_text before, after;
    if (!take(reader, &row, sizeof row) || !is_name(row.service, sizeof row.service) ||
        !is_name(row.key, sizeof row.key) || !take_text(reader, row.before_bytes, &before) ||
        !take_text(reader, row.after_bytes, &after))
        return GROVE_CORRUPT;
    memcpy(entry->service.text, row.service, sizeof row.service);
    memcpy(entry->key, row.key, sizeof row.key);
    entry->is_secret = (row.flags & STATE_ENTRY_SECRET) != 0;
    entry->has_before = (row.flags & STATE_ENTRY_BEFORE) != 0;
    entry->has_after = (row.flags & STATE_ENTRY_AFTER) != 0;
    int status = config_text_copy(&before, &entry->before);
    return status < 0 ? status : config_text_copy(&after, &entry->after);
}

static int take_record(struct reader *reader, struct state *state) {
    struct state_record head;
    if (!take(reader, &head, sizeof head) || head.count > ENTRIES_MAX || head.number > state->number ||
        head.source >= GROVE_CONFIG_SOURCE_COUNT || !text_is_terminated(head.who, sizeof head.who) ||
        !text_is_terminated(head.why, sizeof head.why))
        return GROVE_CORRUPT;
    struct record *record = calloc(1, sizeof *record);
    if (record == NULL)
        return GROVE_NO_MEMORY;
    state->history[state->history_count++] = record;
    record->number = head.number;
    record->time_ns = head.time_ns;
    record->source = head.source;
    record->silent = head.silent;
    record->client = head.client;
    record->request = head.request;
    memcpy(record->who.text, head.who, sizeof head.who);
    memcpy(record->why, head.why, sizeof head.why);
    record->entries = calloc(head.count + 1, sizeof *record->entries);
    if (record->entries == NULL)
        return GROVE_NO_MEMORY;
    for (int status; record->count < head.count;)
        if ((status = take_entry(reader, &record->entries[record->count++])) < 0)
            return status;
    return 0;
}

static int take_body(struct reader *reader, struct state *state) {
    struct state_body body;
    int status = 0;
    if (!take(reader, &body, sizeof body) || body.sources > SOURCES_MAX || body.records > HISTORY_MAX ||
        body.restarts > INVOLVED_MAX)
        return GROVE_CORRUPT;
    state->number = body.number;
    while (status == 0 && state->source_count < body.sources)
        status = take_source(reader, state);
    while (status == 0 && state->history_count < body.records)
        status = take_record(reader, state);
    for (; status == 0 && state->restart_count < body.restarts; state->restart_count++)
        if (!take(reader, &state->restarts[state->restart_count], sizeof state->restarts[0]) ||
            !service_name_is_valid(&state->restarts[state->restart_count]))
            status = GROVE_CORRUPT;
    return status == 0 && reader->left > 0 ? GROVE_CORRUPT : status;
}

int state_decode(struct state *state, const void *bytes, size_t length) {
    struct state_header header;
    struct reader reader = {bytes, length};
    memset(state, 0, sizeof *state);
    if (!take(&reader, &header, sizeof header) || header.magic != STATE_MAGIC)
        return GROVE_CORRUPT;
    if (header.version != STATE_VERSION)
        return GROVE_VERSION;
    if (header.reserved != 0 || header.body_bytes != reader.left ||
        header.checksum != crc32c(0, reader.at, reader.left))
        return GROVE_CORRUPT;
    int status = take_body(&reader, state);
    if (status < 0)
        state_deinit(state);
    return status;
}
