/*
 * Reading the sections that the manifest compiler wrote, or anybody who can register a service: all of it is input. Pure.
 */
#include "servers/common/health_plan.h"

#include <string.h>

#define TIMEOUT_DEFAULT_NS (2 * GROVE_SECOND)
#define INTERVAL_DEFAULT_NS (10 * GROVE_SECOND)
#define FAILURES_DEFAULT 3u
#define FAILURES_MAX 1000u
#define TIME_MAX_NS (UINT64_C(100) * 24 * 3600 * GROVE_SECOND)
#define FACTOR_MAX_PERCENT 10000u

static bool is_check_name(const char *name) {
    size_t length = strnlen(name, GROVE_HEALTH_CHECK_NAME_BYTES);
    if (length == 0 || length == GROVE_HEALTH_CHECK_NAME_BYTES)
        return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

const char *health_plan_mend(struct grove_health_plan *plan) {
    if (plan->kind <= GROVE_CHECK_NONE || plan->kind > GROVE_CHECK_REPORT)
        return "its kind is none that there is";
    if (!is_check_name(plan->name))
        return "its name is no name: write 1 to 31 bytes of A-Z a-z 0-9 _ -";
    if (memchr(plan->argument, '\0', sizeof plan->argument) == NULL)
        return "its argument is longer than 255 bytes";
    if (plan->severity > GROVE_SEVERITY_CRITICAL)
        return "its severity is none that there is";
    if (plan->timeout_ns > TIME_MAX_NS || plan->interval_ns > TIME_MAX_NS || plan->failures > FAILURES_MAX)
        return "one of its times or numbers is out of range";
    if (plan->severity == GROVE_SEVERITY_INFO)
        plan->severity = GROVE_SEVERITY_WARNING;
    plan->timeout_ns = plan->timeout_ns == 0 ? TIMEOUT_DEFAULT_NS : plan->timeout_ns;
    plan->interval_ns = plan->interval_ns == 0 ? INTERVAL_DEFAULT_NS : plan->interval_ns;
    plan->failures = plan->failures == 0 ? FAILURES_DEFAULT : plan->failures;
    return plan->interval_ns < HEALTH_INTERVAL_MIN_NS ? "its interval is shorter than 10 ms" : NULL;
}

/* The kinds of the spec's one probe, in the terms of plans. */
static uint32_t kind_of_probe(uint32_t kind) {
    switch (kind) {
    case GROVE_HEALTH_PING:
        return GROVE_CHECK_HEARTBEAT;
    case GROVE_HEALTH_HTTP:
        return GROVE_CHECK_HTTP;
    case GROVE_HEALTH_TCP:
        return GROVE_CHECK_TCP;
    case GROVE_HEALTH_COMMAND:
        return GROVE_CHECK_COMMAND;
    default:
        return GROVE_CHECK_NONE;
    }
}

static void copy_text(char *to, size_t bytes, const char *from) {
    size_t length = strnlen(from, bytes - 1);
    memset(to, 0, bytes);
    memcpy(to, from, length);
}

static unsigned plan_of_probe(const struct grove_spec *spec, struct grove_health_plan *plan, bool *is_broken) {
    static const char *const names[] = {
        [GROVE_CHECK_HEARTBEAT] = "heartbeat",
        [GROVE_CHECK_HTTP] = "http",
        [GROVE_CHECK_TCP] = "tcp",
        [GROVE_CHECK_COMMAND] = "command",
    };
    uint32_t kind = kind_of_probe(spec->health.kind);
    const char *argument = grove_spec_text(spec, spec->health.argument);
    if (kind == GROVE_CHECK_NONE)
        return 0;
    *plan = (struct grove_health_plan){.kind = kind,
                                       .severity = GROVE_SEVERITY_CRITICAL,
                                       .failures = spec->health.failures,
                                       .timeout_ns = spec->health.timeout_ns,
                                       .interval_ns = spec->health.interval_ns};
    copy_text(plan->name, sizeof plan->name, names[kind]);
    copy_text(plan->argument, sizeof plan->argument, argument);
    *is_broken = strlen(argument) >= sizeof plan->argument || health_plan_mend(plan) != NULL;
    return *is_broken ? 0 : 1;
}

static bool is_name_taken(const struct grove_health_plan *plans, unsigned count, const char *name) {
    for (unsigned index = 0; index < count; index++)
        if (strcmp(plans[index].name, name) == 0)
            return true;
    return false;
}

unsigned health_plans(const struct grove_spec *spec, struct grove_health_plan plans[GROVE_HEALTH_CHECKS_MAX],
                      bool *is_broken) {
    uint32_t length_bytes = 0;
    struct grove_health_section head;
    const char *section = grove_spec_section(spec, GROVE_SECTION_HEALTH, &length_bytes);
    *is_broken = false;
    if (section == NULL)
        return plan_of_probe(spec, plans, is_broken);
    *is_broken = true;
    if (length_bytes < sizeof head)
        return 0;
    memcpy(&head, section, sizeof head);
    if (head.version != GROVE_HEALTH_VERSION || head.count > GROVE_HEALTH_CHECKS_MAX ||
        length_bytes != sizeof head + head.count * sizeof *plans)
        return 0;
    for (uint32_t index = 0; index < head.count; index++) {
        memcpy(&plans[index], section + sizeof head + index * sizeof *plans, sizeof *plans);
        if (health_plan_mend(&plans[index]) != NULL || plans[index].kind == GROVE_CHECK_REPORT ||
            is_name_taken(plans, index, plans[index].name))
            return 0;
    }
    *is_broken = false;
    return head.count;
}

static bool is_policy(const struct grove_recovery_policy *policy) {
    bool fits = policy->first_delay_ns <= TIME_MAX_NS && policy->delay_ns <= TIME_MAX_NS &&
                policy->delay_cap_ns <= TIME_MAX_NS && policy->heal_ns <= TIME_MAX_NS &&
                policy->factor_percent >= 100 && policy->factor_percent <= FACTOR_MAX_PERCENT &&
                policy->restarts <= FAILURES_MAX && policy->step_count <= GROVE_RECOVERY_STEPS_MAX;
    for (uint32_t index = 0; fits && index < policy->step_count; index++)
        fits = policy->steps[index] < GROVE_RECOVERY_STEPS;
    return fits;
}

bool health_recovery(const struct grove_spec *spec, struct grove_recovery_section *recovery) {
    uint32_t length_bytes = 0;
    struct grove_recovery_section copy;
    const void *section = grove_spec_section(spec, GROVE_SECTION_RECOVERY, &length_bytes);
    if (section == NULL || length_bytes != sizeof copy)
        return false;
    memcpy(&copy, section, sizeof copy);
    if (copy.version != GROVE_HEALTH_VERSION)
        return false;
    for (unsigned cause = 0; cause < GROVE_RECOVERY_CAUSES; cause++)
        if (!is_policy(&copy.causes[cause]))
            return false;
    *recovery = copy;
    return true;
}
