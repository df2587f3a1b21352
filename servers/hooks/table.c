/*
 * What is set, in the state region.
 *
 * A slot counts while its order is not 0. It is written whole before its order, and freed by its order alone, so a death
 * at any store leaves it set or not set. Setting a hook again fills another slot and then frees the old one: a death in
 * between leaves both, and the next instance keeps the newer one. The region holds nothing that anybody else can write, but
 * it may come from an instance of another version: one that does not fit is begun anew.
 */
#include <stdio.h>
#include <string.h>

#include "servers/hooks/answer.h"
#include "servers/hooks/hooks.h"

/* ---- the state region ---- */

static bool is_same_hook(const struct grove_hooks_set *one, const struct grove_hooks_set *other) {
    return one->point == other->point && strcmp(one->endpoint.text, other->endpoint.text) == 0 &&
           strcmp(one->pattern, other->pattern) == 0;
}

static void drop_doubles(struct hooks_state *state) {
    for (unsigned one = 0; one < state->hook_count; one++)
        for (unsigned other = 0; other < state->hook_count && state->hooks[one].order != 0; other++)
            if (state->hooks[other].order > state->hooks[one].order &&
                is_same_hook(&state->hooks[one].hook, &state->hooks[other].hook))
                state->hooks[one].order = 0;
    for (unsigned one = 0; one < state->extension_count; one++)
        for (unsigned other = 0; other < state->extension_count && state->extensions[one].order != 0; other++)
            if (state->extensions[other].order > state->extensions[one].order &&
                state->extensions[other].extension.kind == state->extensions[one].extension.kind &&
                strcmp(state->extensions[other].extension.name.text, state->extensions[one].extension.name.text) == 0)
                state->extensions[one].order = 0;
}

static bool is_intact(const struct hooks_state *state) {
    return state->magic == HOOKS_STATE_MAGIC && state->version == HOOKS_STATE_VERSION &&
           state->hook_count <= GROVE_HOOKS_MAX && state->extension_count <= GROVE_EXTENSIONS_MAX;
}

int table_open(struct hooks *hooks) {
    struct grove_region *region;
    bool is_fresh;
    int status = grove_region_state(hooks->session, sizeof *hooks->state, &region, &is_fresh);
    if (status < 0)
        return status;
    hooks->state = grove_region_data(region, NULL);
    if (is_fresh || !is_intact(hooks->state)) {
        if (!is_fresh) /* else it is zeros, of which no page is there yet */
            memset(hooks->state, 0, sizeof *hooks->state);
        hooks->state->next_order = 1;
        hooks->state->version = HOOKS_STATE_VERSION;
        __atomic_store_n(&hooks->state->magic, HOOKS_STATE_MAGIC, __ATOMIC_RELEASE);
    }
    drop_doubles(hooks->state);
    hooks->sequence = grove_now_ns(); /* above all that an earlier instance gave out */
    table_changed(hooks);
    return 0;
}

uint64_t table_next_order(struct hooks *hooks) {
    uint64_t order = hooks->state->next_order;
    __atomic_store_n(&hooks->state->next_order, order + 1, __ATOMIC_RELEASE);
    return order;
}

/* ---- slots ---- */

/* One that a question is with is left alone until it has come back. */
struct hook_slot *table_free_hook(struct hooks *hooks) {
    uint32_t count = hooks->state->hook_count;
    for (unsigned index = 0; index < count; index++)
        if (hooks->state->hooks[index].order == 0 && hooks->facts[index].users == 0)
            return &hooks->state->hooks[index];
    if (count == GROVE_HOOKS_MAX)
        return NULL;
    __atomic_store_n(&hooks->state->hook_count, count + 1, __ATOMIC_RELEASE);
    return &hooks->state->hooks[count];
}

struct hook_facts *table_facts(struct hooks *hooks, const struct hook_slot *slot) {
    struct hook_facts *facts = &hooks->facts[slot - hooks->state->hooks];
    if (facts->order == slot->order || facts->users > 0)
        return facts;
    grove_channel_close(facts->channel);
    *facts = (struct hook_facts){.order = slot->order};
    return facts;
}

void table_forget(struct hooks *hooks, struct hook_slot *slot) {
    struct hook_facts *facts = &hooks->facts[slot - hooks->state->hooks];
    __atomic_store_n(&slot->order, 0, __ATOMIC_RELEASE);
    if (facts->users > 0)
        return; /* its answer still comes; the slot is cleaned when it is used again */
    grove_channel_close(facts->channel);
    *facts = (struct hook_facts){.order = 0};
}

/* ---- choosing ---- */

static bool comes_before(const struct hook_slot *one, const struct hook_slot *other) {
    return one->hook.priority != other->hook.priority ? one->hook.priority < other->hook.priority
                                                      : one->order < other->order;
}

static bool is_of_itself(uint32_t point, const struct hook_slot *slot, const char *subject) {
    return point <= GROVE_HOOK_AFTER_START &&
           (strcmp(slot->owner.text, subject) == 0 || strcmp(slot->hook.endpoint.text, subject) == 0);
}

/* A service does not look at what it publishes itself: it may do so while it looks at something. */
static bool is_by_itself(uint32_t point, const struct hook_slot *slot, const char *who) {
    return (point == GROVE_HOOK_BEFORE_PUBLISH || point == GROVE_HOOK_AFTER_PUBLISH) &&
           strcmp(slot->owner.text, who) == 0;
}

struct hook_slot *table_next(struct hooks *hooks, uint32_t point, const char *subject, const char *who,
                             const struct hook_slot *after) {
    struct hook_slot *found = NULL;
    for (unsigned index = 0; index < hooks->state->hook_count; index++) {
        struct hook_slot *slot = &hooks->state->hooks[index];
        if (slot->order == 0 || slot->hook.point != point || hooks->facts[index].paused_until_ns != 0 ||
            (after != NULL && !comes_before(after, slot)) || (found != NULL && !comes_before(slot, found)) ||
            is_of_itself(point, slot, subject) || is_by_itself(point, slot, who) ||
            !pattern_matches(slot->hook.pattern, subject))
            continue;
        found = slot;
    }
    return found;
}

/* ---- what is known outside ---- */

void table_changed(struct hooks *hooks) {
    uint32_t mask = 0;
    for (unsigned index = 0; index < hooks->state->hook_count; index++)
        if (hooks->state->hooks[index].order != 0 && hooks->facts[index].paused_until_ns == 0)
            mask |= 1u << hooks->state->hooks[index].hook.point;
    if (mask == hooks->mask)
        return;
    hooks->mask = mask;
    hooks->sequence++;
    owners_tell(hooks);
}
