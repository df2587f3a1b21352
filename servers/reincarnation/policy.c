/* The ladder of policy.h. */
#include "servers/reincarnation/policy.h"

static uint32_t healed_level(const struct ladder *ladder, const struct grove_recovery_policy *policy, uint64_t now_ns) {
    uint64_t quiet_ns = now_ns > ladder->last_ns ? now_ns - ladder->last_ns : 0;
    uint64_t steps = policy->heal_ns == 0 ? 0 : quiet_ns / policy->heal_ns;
    return steps >= ladder->level ? 0 : ladder->level - (uint32_t)steps;
}

/* Ends at the cap; a factor of 100 never grows. */
static uint64_t delay_at(uint32_t level, const struct grove_recovery_policy *policy) {
    uint64_t delay_ns = policy->delay_ns;
    if (level == 0)
        return policy->first_delay_ns;
    for (uint32_t step = 1; step < level && policy->factor_percent > 100 && delay_ns < policy->delay_cap_ns; step++)
        delay_ns += delay_ns / 100 * (policy->factor_percent - 100) + 1;
    return delay_ns < policy->delay_cap_ns ? delay_ns : policy->delay_cap_ns;
}

static uint32_t step_at(uint32_t level, const struct grove_recovery_policy *policy) {
    if (level < policy->restarts || policy->step_count == 0)
        return GROVE_STEP_ITSELF;
    uint32_t index = level - policy->restarts;
    return policy->steps[index < policy->step_count ? index : policy->step_count - 1];
}

struct remedy policy_next(const struct ladder *ladder, const struct grove_recovery_policy *policy, uint64_t now_ns) {
    uint32_t level = healed_level(ladder, policy, now_ns);
    uint32_t step = step_at(level, policy);
    return (struct remedy){
        .step = step, .level = level, .delay_ns = step == GROVE_STEP_GIVE_UP ? 0 : delay_at(level, policy)};
}

void policy_count(struct ladder *ladder, const struct remedy *remedy, uint64_t now_ns) {
    ladder->level = remedy->level < UINT32_MAX ? remedy->level + 1 : remedy->level;
    ladder->total++;
    ladder->last_ns = now_ns;
}
