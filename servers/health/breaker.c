/* The circuit breaker: breaker.h draws it. */
#include "servers/health/breaker.h"

bool breaker_allows(struct breaker *breaker, uint64_t now_ns) {
    if (breaker->state != GROVE_BREAKER_OPEN)
        return true;
    if (now_ns < breaker->until_ns)
        return false;
    breaker->state = GROVE_BREAKER_HALF_OPEN;
    return true;
}

uint64_t breaker_due_ns(const struct breaker *breaker, uint64_t due_ns) {
    return breaker->state == GROVE_BREAKER_OPEN && breaker->until_ns > due_ns ? breaker->until_ns : due_ns;
}

static void open_for(struct breaker *breaker, const struct breaker_rules *rules, uint64_t span_ns, uint64_t now_ns) {
    breaker->state = GROVE_BREAKER_OPEN;
    breaker->span_ns = span_ns < rules->span_max_ns ? span_ns : rules->span_max_ns;
    breaker->until_ns = now_ns + breaker->span_ns;
}

bool breaker_result(struct breaker *breaker, const struct breaker_rules *rules, bool is_good, uint64_t interval_ns,
                    uint64_t now_ns) {
    uint32_t before = breaker->state;
    if (is_good) {
        *breaker = (struct breaker){.state = GROVE_BREAKER_CLOSED};
        return before != GROVE_BREAKER_CLOSED;
    }
    if (breaker->failures < UINT32_MAX)
        breaker->failures++;
    if (before == GROVE_BREAKER_HALF_OPEN)
        open_for(breaker, rules, 2 * breaker->span_ns, now_ns);
    else if (before == GROVE_BREAKER_CLOSED && breaker->failures >= rules->failures)
        open_for(breaker, rules,
                 BREAKER_SPAN_INTERVALS * (interval_ns < rules->span_max_ns ? interval_ns : rules->span_max_ns),
                 now_ns);
    return before == GROVE_BREAKER_CLOSED && breaker->state == GROVE_BREAKER_OPEN;
}

void breaker_hope(struct breaker *breaker) {
    if (breaker->state == GROVE_BREAKER_OPEN)
        breaker->until_ns = 0;
}
