/*
 * Finding services: the smallest set that the search names is looked through, from the cursor on.
 *
 * The work for one page is bounded by FIND_EXAMINED_MAX records looked at, whatever is registered and whatever is asked:
 * a search that finds little among many comes in several pages, some of them empty.
 */
#include "servers/registry/registry.h"

#include <string.h>

#include "servers/common/names.h"
#include "servers/common/spec_tags.h"

#define FIND_EXAMINED_MAX 1024u

/* One page on its way out; one thread, so one is enough. */
static struct {
    struct grove_found_page head;
    struct grove_found records[GROVE_FOUND_PAGE_RECORDS];
} page;

/* ---- what is asked ---- */

static bool name_is_good(const struct grove_name *name) {
    return text_is_terminated(name->text, sizeof name->text);
}

static const char *fault_of(const struct grove_find *find) {
    if (!name_is_good(&find->name) || !name_is_good(&find->project) || !name_is_good(&find->provides) ||
        !name_is_good(&find->owner))
        return "a name is longer than 63 bytes";
    for (unsigned at = 0; at < GROVE_FIND_TAGS_MAX; at++)
        if (!text_is_terminated(find->tags[at], sizeof find->tags[at]) ||
            (find->tags[at][0] != '\0' && !spec_tag_is_valid(find->tags[at])))
            return "a tag is longer than 47 bytes, or not made of A-Z a-z 0-9 _ . -";
    if (find->may.kind != 0 &&
        (find->may.kind >= GROVE_CAP_KIND_COUNT || !grove_argument_is_valid(&find->may.argument)))
        return "the capability is none that a manifest can name";
    return NULL;
}

/* ---- does a record fit? ---- */

static bool version_fits(struct grove_version version, const struct grove_find *find) {
    static const struct grove_version none;
    return grove_version_compare(version, find->from) >= 0 &&
           (grove_version_compare(find->below, none) == 0 || grove_version_compare(version, find->below) < 0);
}

static bool interface_fits(const struct record *record, const struct grove_find *find) {
    const struct grove_spec *spec = record->node.spec;
    if (find->provides.text[0] == '\0')
        return version_fits(spec->service_version, find);
    for (uint32_t at = 0; at < spec->provides.count; at++) {
        const struct grove_spec_interface *interface = grove_spec_provided(spec, at);
        if (strcmp(grove_spec_text(spec, interface->name), find->provides.text) == 0)
            return version_fits(interface->version, find);
    }
    return false;
}

static bool has_tag(const struct grove_spec *spec, const char *wanted) {
    for (const char *tag = spec_tags_next(spec, NULL); tag != NULL; tag = spec_tags_next(spec, tag))
        if (strcmp(tag, wanted) == 0)
            return true;
    return false;
}

static bool has_tags(const struct record *record, const struct grove_find *find) {
    for (unsigned at = 0; at < GROVE_FIND_TAGS_MAX; at++)
        if (find->tags[at][0] != '\0' && !has_tag(record->node.spec, find->tags[at]))
            return false;
    return true;
}

static bool may(const struct record *record, const struct grove_capability *wanted) {
    const struct grove_spec *spec = record->node.spec;
    for (uint32_t at = 0; wanted->kind != 0 && at < spec->capabilities.count; at++) {
        struct grove_capability held;
        uint16_t flags;
        grove_spec_capability(spec, at, &held, &flags);
        if (held.kind == wanted->kind && grove_argument_covers(&held.argument, &wanted->argument))
            return true;
    }
    return wanted->kind == 0;
}

static bool fits(const struct record *record, const struct grove_find *find) {
    return (find->states == 0 || (find->states & 1u << record->state) != 0) &&
           project_name_is_inside(record->project, find->project.text) &&
           (find->owner.text[0] == '\0' || strcmp(find->owner.text, record->owner.text) == 0) &&
           (find->name.text[0] == '\0' || name_matches(find->name.text, record->name)) &&
           interface_fits(record, find) && has_tags(record, find) && may(record, &find->may);
}

/* ---- where to look ---- */

static const struct record_set nobody;

static void narrow(const struct record_set **best, const struct record_set *set) {
    if (set == NULL)
        *best = &nobody;
    else if (set->count < (*best)->count)
        *best = set;
}

/* A single record, by a name that has no wildcards, or by the endpoint. False: it takes a set. */
static bool find_single(struct registry *registry, const struct grove_find *find, struct record **record) {
    if (find->provides.text[0] != '\0')
        *record = name_table_find(&registry->by_endpoint, find->provides.text);
    else if (find->name.text[0] != '\0' && strpbrk(find->name.text, "*?") == NULL)
        *record = record_find(registry, find->name.text);
    else
        return false;
    return true;
}

/* A search for several states at once is narrowed by its other criteria only. */
static const struct record_set *smallest(const struct registry *registry, const struct grove_find *find) {
    const struct record_index *index = &registry->index;
    const struct record_set *best = &index->all;
    if (find->project.text[0] != '\0')
        narrow(&best, index_find(&index->projects, find->project.text));
    if (find->owner.text[0] != '\0')
        narrow(&best, index_find(&index->owners, find->owner.text));
    for (unsigned at = 0; at < GROVE_FIND_TAGS_MAX; at++)
        if (find->tags[at][0] != '\0')
            narrow(&best, index_find(&index->tags, find->tags[at]));
    if (find->may.kind != 0)
        narrow(&best, &index->capabilities[find->may.kind]);
    for (uint32_t state = 0; state < GROVE_SERVICE_STATE_COUNT; state++)
        if (find->states == 1u << state)
            narrow(&best, &index->states[state]);
    return best;
}

/* ---- the answer ---- */

/* Copied: formatting them would be a good part of a search. One that does not fit is left out. */
static void fill_tags(const struct grove_spec *spec, struct grove_found *found) {
    size_t length = 0;
    for (const char *tag = spec_tags_next(spec, NULL); tag != NULL; tag = spec_tags_next(spec, tag)) {
        size_t blank = length > 0, tag_bytes = strlen(tag);
        if (blank + tag_bytes >= sizeof found->tags - length)
            continue;
        if (blank)
            found->tags[length] = ' ';
        memcpy(found->tags + length + blank, tag, tag_bytes + 1);
        length += blank + tag_bytes;
    }
}

static void add(const struct record *record) {
    struct grove_found *found = &page.records[page.head.count++];
    *found = (struct grove_found){.owner = record->owner,
                                  .service_version = record->node.spec->service_version,
                                  .state = (uint32_t)record->state,
                                  .generation = record->generation,
                                  .restarts = history_restarts(record),
                                  .ring = record->node.spec->ring,
                                  .since_ns = record->since_ns,
                                  .sequence = record->sequence};
    name_set(&found->name, record->name);
    name_set(&found->project, record->project);
    text_set(found->reason, sizeof found->reason, record->reason == NULL ? "" : record->reason);
    fill_tags(record->node.spec, found);
}

static void look_through(const struct record_set *set, const struct grove_find *find, uint32_t limit) {
    for (uint32_t place = index_place(set, find->cursor); place < set->count; place++) {
        const struct record *record = set->records[place];
        bool is_full = page.head.count == limit || page.head.examined == FIND_EXAMINED_MAX;
        if (is_full) {
            page.head.cursor = record->number;
            return;
        }
        page.head.examined++;
        if (fits(record, find))
            add(record);
    }
}

int find_records(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct grove_find find;
    struct record *single = NULL;
    int status = method_read(request, &find, sizeof find);
    if (status < 0)
        return status;
    const char *fault = fault_of(&find);
    if (fault != NULL)
        return grove_fail(request, GROVE_INVALID, "%s", fault);
    page.head = (struct grove_found_page){
        .version = GROVE_REGISTRY_VERSION, .sequence = registry->sequence, .total = registry->count};
    bool is_limited = find.limit > 0 && find.limit < GROVE_FOUND_PAGE_RECORDS;
    if (!find_single(registry, &find, &single))
        look_through(smallest(registry, &find), &find, is_limited ? find.limit : GROVE_FOUND_PAGE_RECORDS);
    else if (single != NULL && single->number >= find.cursor && fits(single, &find))
        add(single);
    return grove_reply(request, &page, sizeof page.head + page.head.count * sizeof page.records[0]);
}
