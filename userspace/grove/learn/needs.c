/*
 * A growing array of capabilities, sorted and thinned out by needs_reduce.
 */
#include "userspace/grove/learn/needs.h"

#include <stdlib.h>
#include <string.h>

#define NEEDS_MAX 2048u

struct needs {
    struct grove_capability *list;
    unsigned count, room;
};

struct needs *needs_create(void) {
    return calloc(1, sizeof(struct needs));
}

void needs_destroy(struct needs *needs) {
    if (needs)
        free(needs->list);
    free(needs);
}

unsigned needs_count(const struct needs *needs) {
    return needs->count;
}

const struct grove_capability *needs_at(const struct needs *needs, unsigned index) {
    return &needs->list[index];
}

static bool is_file_kind(uint16_t kind) {
    return kind == GROVE_CAP_FS_READ || kind == GROVE_CAP_FS_WRITE || kind == GROVE_CAP_FS_EXEC;
}

/* Does holding `wide` make `narrow` unnecessary? */
static bool includes(const struct grove_capability *wide, const struct grove_capability *narrow) {
    bool kind_fits = wide->kind == narrow->kind || (narrow->kind == GROVE_CAP_FS_READ && is_file_kind(wide->kind));
    return kind_fits && grove_argument_covers(&wide->argument, &narrow->argument);
}

bool needs_add(struct needs *needs, const struct grove_capability *capability) {
    struct grove_capability need = {
        .kind = capability->kind, .rights = capability->rights, .argument = capability->argument};
    if (!grove_argument_is_valid(&need.argument))
        return true; /* nothing that could be written down */
    for (unsigned i = 0; i < needs->count; i++)
        if (includes(&needs->list[i], &need) && !needs_is_wide(&needs->list[i]))
            return true;
    if (needs->count == NEEDS_MAX)
        needs_reduce(needs);
    if (needs->count == NEEDS_MAX)
        return false;
    if (needs->count == needs->room) {
        unsigned room = needs->room ? 2 * needs->room : 64;
        struct grove_capability *grown = realloc(needs->list, room * sizeof(*grown));
        if (!grown)
            return false;
        needs->list = grown;
        needs->room = room;
    }
    needs->list[needs->count++] = need;
    return true;
}

/* ---- folders ---- */

static unsigned path_depth(const char *path, size_t length) {
    unsigned depth = 0;
    for (size_t i = 0; i < length; i++)
        depth += path[i] == '/';
    return length == 1 ? 0 : depth;
}

static bool begins_with(const char *path, size_t length, const char *folder) {
    size_t folder_length = strlen(folder);
    return length > folder_length && !memcmp(path, folder, folder_length) && path[folder_length] == '/';
}

/*
 * How deep a folder must lie not to be shared with much else: /home/NAME, /var/lib and /usr/share are, what is below them
 * belongs to somebody in particular.
 */
static bool is_too_high(const char *path, size_t length) {
    static const char *const shared[] = {"/home", "/usr", "/var", "/run/user"};
    unsigned depth = path_depth(path, length);
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
        if (begins_with(path, length, shared[i]))
            return depth <= path_depth(shared[i], strlen(shared[i])) + 1;
    return depth < 2;
}

bool needs_is_wide(const struct grove_capability *capability) {
    return is_file_kind(capability->kind) &&
           (capability->argument.kind == GROVE_ARGUMENT_NONE ||
            is_too_high(capability->argument.value.text, capability->argument.length_bytes));
}

static size_t parent_length(const struct grove_argument *argument) {
    size_t length = argument->length_bytes;
    while (length > 1 && argument->value.text[length - 1] != '/')
        length--;
    return length > 1 ? length - 1 : 1;
}

static bool same_parent(const struct grove_capability *a, const struct grove_capability *b) {
    size_t length = parent_length(&a->argument);
    return a->kind == b->kind && length == parent_length(&b->argument) &&
           !memcmp(a->argument.value.text, b->argument.value.text, length);
}

/* Make one need of the crowd that need `index` is in, if it is in one. */
static bool merge_folder(struct needs *needs, unsigned index) {
    struct grove_capability *need = &needs->list[index];
    unsigned crowd = 0;
    if (!is_file_kind(need->kind) || need->argument.kind != GROVE_ARGUMENT_PATH)
        return false;
    size_t length = parent_length(&need->argument);
    if (is_too_high(need->argument.value.text, length))
        return false;
    for (unsigned i = 0; i < needs->count; i++)
        crowd += same_parent(need, &needs->list[i]);
    if (crowd < NEEDS_CROWD)
        return false;
    memset(need->argument.value.text + length, 0, need->argument.length_bytes - length);
    need->argument.length_bytes = (uint16_t)length;
    return true;
}

/* ---- addresses ---- */

static bool same_but_host(const struct grove_capability *a, const struct grove_capability *b) {
    const struct grove_address *x = &a->argument.value.address, *y = &b->argument.value.address;
    return x->transport == y->transport && x->port_first == y->port_first && x->port_last == y->port_last;
}

static bool same_but_port(const struct grove_capability *a, const struct grove_capability *b) {
    const struct grove_address *x = &a->argument.value.address, *y = &b->argument.value.address;
    return x->transport == y->transport && x->family == y->family && x->prefix_bits == y->prefix_bits &&
           !memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

static unsigned count_alike(const struct needs *needs, const struct grove_capability *need,
                            bool (*alike)(const struct grove_capability *, const struct grove_capability *)) {
    unsigned count = 0;
    for (unsigned i = 0; i < needs->count; i++)
        count += needs->list[i].kind == need->kind && needs->list[i].argument.kind == GROVE_ARGUMENT_ADDRESS &&
                 alike(need, &needs->list[i]);
    return count;
}

static bool merge_address(struct needs *needs, unsigned index) {
    struct grove_capability *need = &needs->list[index];
    struct grove_address *address = &need->argument.value.address;
    if (need->argument.kind != GROVE_ARGUMENT_ADDRESS)
        return false;
    if (address->family != 0 && count_alike(needs, need, same_but_host) >= NEEDS_CROWD) {
        address->family = 0;
        address->prefix_bits = 0;
        memset(address->bytes, 0, sizeof(address->bytes));
        return true;
    }
    if (address->port_first == address->port_last && count_alike(needs, need, same_but_port) >= NEEDS_CROWD) {
        address->port_first = 0;
        address->port_last = UINT16_MAX;
        return true;
    }
    return false;
}

/* ---- the whole ---- */

static int compare(const void *a, const void *b) {
    const struct grove_capability *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    /* The text is the largest of the kinds of value, and what a value does not use is 0: this compares any kind. */
    return memcmp(x->argument.value.text, y->argument.value.text, sizeof(x->argument.value.text));
}

/* Drop what another need includes. Of two that include each other the first stays. */
static void drop_included(struct needs *needs) {
    unsigned kept = 0;
    for (unsigned i = 0; i < needs->count; i++) {
        bool is_included = false;
        for (unsigned j = 0; j < needs->count && !is_included; j++)
            is_included = j != i && includes(&needs->list[j], &needs->list[i]) &&
                          (j < i || !includes(&needs->list[i], &needs->list[j]));
        if (!is_included)
            needs->list[kept++] = needs->list[i];
        else
            /* What was moved down stays comparable: mark the place as taken by none. */
            needs->list[i].kind = GROVE_CAP_NONE;
    }
    needs->count = kept;
}

static bool has_need_below(const struct needs *needs, unsigned index) {
    for (unsigned i = 0; i < needs->count; i++)
        if (is_file_kind(needs->list[i].kind) &&
            grove_argument_covers(&needs->list[index].argument, &needs->list[i].argument) &&
            !grove_argument_covers(&needs->list[i].argument, &needs->list[index].argument))
            return true;
    return false;
}

/*
 * A look at a folder like /var, on the way to something below it, needs nothing: the way to what is granted is there.
 * Before the folder's own need would include the others.
 */
static void drop_ways(struct needs *needs) {
    unsigned kept = 0;
    for (unsigned i = 0; i < needs->count; i++) {
        bool is_way =
            needs->list[i].kind == GROVE_CAP_FS_READ && needs_is_wide(&needs->list[i]) && has_need_below(needs, i);
        if (!is_way)
            needs->list[kept++] = needs->list[i];
    }
    needs->count = kept;
}

void needs_reduce(struct needs *needs) {
    drop_ways(needs);
    drop_included(needs);
    for (bool is_changed = true; is_changed;) {
        is_changed = false;
        for (unsigned i = 0; i < needs->count && !is_changed; i++)
            is_changed = merge_folder(needs, i) || merge_address(needs, i);
        if (is_changed)
            drop_included(needs);
    }
    if (needs->count)
        qsort(needs->list, needs->count, sizeof(*needs->list), compare);
}
