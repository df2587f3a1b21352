/* See index.h. */
#include "servers/registry/index.h"

#include <stdlib.h>
#include <string.h>

#include "servers/common/spec_tags.h"
#include "servers/registry/registry.h"

#define SIZE_FIRST 8u

/* ---- one set ---- */

uint32_t index_place(const struct record_set *set, uint64_t number) {
    uint32_t low = 0, high = set->count;
    if (high > 0 && set->records[high - 1]->number < number)
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->records[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int make_room(struct record_set *set, uint32_t wanted) {
    if (wanted <= set->size)
        return 0;
    uint32_t size = set->size == 0 ? SIZE_FIRST : 2 * set->size;
    struct record **grown = realloc(set->records, (size < wanted ? wanted : size) * sizeof(struct record *));
    if (grown == NULL)
        return GROVE_NO_MEMORY;
    set->records = grown;
    set->size = size < wanted ? wanted : size;
    return 0;
}

static bool holds(const struct record_set *set, const struct record *record) {
    uint32_t place = index_place(set, record->number);
    return place < set->count && set->records[place] == record;
}

/* Twice is once: a spec may name a tag or a kind several times. */
static int insert(struct record_set *set, struct record *record) {
    if (holds(set, record))
        return 0;
    if (make_room(set, set->count + 1) < 0)
        return GROVE_NO_MEMORY;
    uint32_t place = index_place(set, record->number);
    memmove(&set->records[place + 1], &set->records[place], (set->count - place) * sizeof(struct record *));
    set->records[place] = record;
    set->count++;
    return 0;
}

static void take_out(struct record_set *set, const struct record *record) {
    if (!holds(set, record))
        return;
    uint32_t place = index_place(set, record->number);
    set->count--;
    memmove(&set->records[place], &set->records[place + 1], (set->count - place) * sizeof(struct record *));
}

/* ---- sets by a text ---- */

const struct record_set *index_find(const struct name_table *table, const char *key) {
    return name_table_find(table, key);
}

static struct record_set *make_set(struct name_table *table, const char *key) {
    size_t key_bytes = strlen(key) + 1;
    struct record_set *set = calloc(1, sizeof *set + key_bytes); /* in one piece: a search touches both */
    if (set == NULL)
        return NULL;
    set->key = memcpy(set + 1, key, key_bytes);
    if (name_table_add(table, set->key, set) == 0)
        return set;
    free(set);
    return NULL;
}

static int insert_under(struct name_table *table, const char *key, struct record *record) {
    struct record_set *set = name_table_find(table, key);
    if (set == NULL)
        set = make_set(table, key);
    return set == NULL ? GROVE_NO_MEMORY : insert(set, record);
}

static void take_out_under(struct name_table *table, const char *key, const struct record *record) {
    struct record_set *set = name_table_find(table, key);
    if (set == NULL)
        return;
    take_out(set, record);
    if (set->count > 0)
        return;
    (void)name_table_remove(table, key);
    free(set->records);
    free(set);
}

/* ---- all that a record is in ---- */

typedef int visit_set(struct record_set *set, struct record *record);
typedef int visit_text(struct name_table *table, const char *key, struct record *record);

static int take_out_of(struct record_set *set, struct record *record) {
    take_out(set, record);
    return 0;
}

static int take_out_of_text(struct name_table *table, const char *key, struct record *record) {
    take_out_under(table, key, record);
    return 0;
}

/* "a.b.c" is in a.b.c, a.b and a. */
static int visit_projects(struct record_index *index, struct record *record, visit_text *visit) {
    char project[GROVE_NAME_MAX + 1];
    int status = 0;
    size_t length = strnlen(record->project, GROVE_NAME_MAX);
    memcpy(project, record->project, length);
    project[length] = '\0';
    for (char *dot = project; status == 0 && dot != NULL;) {
        status = visit(&index->projects, project, record);
        dot = strrchr(project, '.');
        if (dot != NULL)
            *dot = '\0';
    }
    return status;
}

static int visit_texts(struct record_index *index, struct record *record, visit_text *visit) {
    const struct grove_spec *spec = record->node.spec;
    int status = visit_projects(index, record, visit);
    if (status == 0)
        status = visit(&index->owners, record->owner.text, record);
    for (const char *tag = spec_tags_next(spec, NULL); status == 0 && tag != NULL; tag = spec_tags_next(spec, tag))
        status = visit(&index->tags, tag, record);
    for (uint32_t at = 0; status == 0 && at < spec->requires.count; at++)
        status = visit(&index->requirers, grove_spec_text(spec, grove_spec_required(spec, at)->name), record);
    return status;
}

static int visit_sets(struct record_index *index, struct record *record, visit_set *visit) {
    const struct grove_spec *spec = record->node.spec;
    struct grove_capability capability;
    uint16_t flags;
    int status = visit(&index->all, record);
    if (status == 0)
        status = visit(&index->states[record->state], record);
    for (uint32_t at = 0; status == 0 && at < spec->capabilities.count; at++) {
        grove_spec_capability(spec, at, &capability, &flags);
        if (capability.kind < GROVE_CAP_KIND_COUNT)
            status = visit(&index->capabilities[capability.kind], record);
    }
    return status;
}

void index_remove(struct record_index *index, struct record *record) {
    (void)visit_texts(index, record, take_out_of_text);
    (void)visit_sets(index, record, take_out_of);
}

int index_add(struct record_index *index, struct record *record) {
    int status = 0;
    for (uint32_t state = 0; status == 0 && state < GROVE_SERVICE_STATE_COUNT; state++)
        status = make_room(&index->states[state], index->all.count + 1);
    if (status == 0)
        status = visit_sets(index, record, insert);
    if (status == 0)
        status = visit_texts(index, record, insert_under);
    if (status < 0)
        index_remove(index, record);
    return status;
}

void index_state_changed(struct record_index *index, struct record *record, uint32_t before) {
    take_out(&index->states[before], record);
    (void)insert(&index->states[record->state], record); /* there is room: index_add made it */
}

/* ---- the end, for tests ---- */

static void deinit_table(struct name_table *table) {
    for (size_t slot = 0; slot < table->size; slot++) {
        struct record_set *set = table->slots[slot].value;
        if (table->slots[slot].name == NULL)
            continue;
        free(set->records);
        free(set);
    }
    name_table_deinit(table);
}

void index_deinit(struct record_index *index) {
    struct name_table *tables[] = {&index->tags, &index->projects, &index->owners, &index->requirers};
    free(index->all.records);
    for (unsigned state = 0; state < GROVE_SERVICE_STATE_COUNT; state++)
        free(index->states[state].records);
    for (unsigned kind = 0; kind < GROVE_CAP_KIND_COUNT; kind++)
        free(index->capabilities[kind].records);
    for (unsigned at = 0; at < sizeof tables / sizeof tables[0]; at++)
        deinit_table(tables[at]);
    *index = (struct record_index){0};
}
