/*
 * The ladder of delays. Nothing here sleeps, reads a clock or allocates; a crash leaves the ladder where it was.
 */
#include "servers/common/backoff.h"

#define BASE_DELAY_DEFAULT_NS UINT64_C(100000000)
#define DELAY_CAP_DEFAULT_NS UINT64_C(30000000000)
#define FACTOR_DEFAULT_PERCENT 200u

static struct grove_restart sane(const struct grove_restart *policy) {
    struct grove_restart result = *policy;
    if (result.base_delay_ns == 0)
        result.base_delay_ns = BASE_DELAY_DEFAULT_NS;
    if (result.factor_percent < 100)
        result.factor_percent = FACTOR_DEFAULT_PERCENT;
    if (result.delay_cap_ns == 0)
        result.delay_cap_ns = DELAY_CAP_DEFAULT_NS;
    if (result.delay_cap_ns < result.base_delay_ns)
        result.delay_cap_ns = result.base_delay_ns;
    if (result.give_up_count > BACKOFF_REMEMBERED)
        result.give_up_count = BACKOFF_REMEMBERED;
    return result;
}

static uint64_t within(uint64_t delay_ns, const struct backoff_bounds *bounds) {
    if (delay_ns < bounds->least_ns)
        delay_ns = bounds->least_ns;
    return bounds->most_ns != 0 && delay_ns > bounds->most_ns ? bounds->most_ns : delay_ns;
}

struct grove_restart backoff_bound(const struct grove_restart *policy, const struct backoff_bounds *bounds) {
    struct grove_restart result = sane(policy);
    result.first_delay_ns = within(result.first_delay_ns, bounds);
    result.base_delay_ns = within(result.base_delay_ns, bounds);
    result.delay_cap_ns = within(result.delay_cap_ns, bounds);
    if (bounds->goes_on)
        result.give_up_count = 0;
    return result;
}

/* Bounded by the cap: the loop ends as soon as the delay reaches it, and a factor of 100 never grows. */
static uint64_t delay_at(uint32_t level, const struct grove_restart *policy) {
    if (level == 0)
        return policy->first_delay_ns;
    uint64_t delay_ns = policy->base_delay_ns;
    if (policy->factor_percent == 100)
        return delay_ns;
    for (uint32_t step = 1; step < level && delay_ns < policy->delay_cap_ns; step++)
        delay_ns += delay_ns / 100 * (policy->factor_percent - 100) + 1;
    return delay_ns < policy->delay_cap_ns ? delay_ns : policy->delay_cap_ns;
}

static uint32_t restarts_within(const struct backoff *backoff, uint64_t now_ns, uint64_t window_ns) {
    uint32_t known = backoff->total < BACKOFF_REMEMBERED ? backoff->total : BACKOFF_REMEMBERED;
    uint32_t count = 0;
    for (uint32_t index = 0; index < known; index++) {
        uint64_t time_ns = backoff->restarts_ns[index];
        if (time_ns != 0 && now_ns - time_ns < window_ns)
            count++;
    }
    return count;
}

static void heal(struct backoff *backoff, const struct grove_restart *policy, uint64_t now_ns) {
    uint64_t quiet_ns = now_ns - backoff->last_ns;
    uint64_t steps = quiet_ns / policy->delay_cap_ns;
    backoff->level = steps >= backoff->level ? 0 : backoff->level - (uint32_t)steps;
}

bool backoff_next(struct backoff *backoff, const struct grove_restart *policy, uint64_t now_ns, uint64_t *delay_ns) {
    struct grove_restart rules = sane(policy);
    heal(backoff, &rules, now_ns);
    backoff->last_ns = now_ns;
    if (rules.give_up_count > 0 && restarts_within(backoff, now_ns, rules.give_up_window_ns) >= rules.give_up_count)
        return false;
    *delay_ns = delay_at(backoff->level, &rules);
    backoff_count(backoff, now_ns);
    backoff->level++;
    return true;
}

void backoff_count(struct backoff *backoff, uint64_t now_ns) {
    backoff->restarts_ns[backoff->total % BACKOFF_REMEMBERED] = now_ns;
    backoff->total++;
}

void backoff_forgive(struct backoff *backoff) {
    backoff->level = 0;
    for (uint32_t index = 0; index < BACKOFF_REMEMBERED; index++)
        backoff->restarts_ns[index] = 0;
}
