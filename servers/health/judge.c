/*
 * From checks to a status: the worst of them counts, and says why.
 *
 *     a critical check has failed, or the service is down for good     failing
 *     another check has failed, or is unsure; memory grows; it is       degraded
 *     down and is tried again
 *     every check was tried once, and the above is not so              ok
 *     else                                                             unknown
 */
#include "servers/health/monitor.h"

#include <stdio.h>
#include <string.h>

#include "servers/common/names.h"

struct verdict {
    uint32_t status, cause;
    char reason[GROVE_HEALTH_SENTENCE_BYTES];
};

uint32_t judge_check(const struct check *check) {
    if (check_has_failed(check))
        return check->plan.severity >= GROVE_SEVERITY_CRITICAL ? GROVE_HEALTH_FAILING : GROVE_HEALTH_DEGRADED;
    if (check_is_unsure(check))
        return GROVE_HEALTH_DEGRADED;
    return check->is_tried ? GROVE_HEALTH_OK : GROVE_HEALTH_UNKNOWN;
}

static void worsen(struct verdict *verdict, uint32_t status, uint32_t cause, const char *what, const char *reason) {
    if (status <= verdict->status)
        return;
    verdict->status = status;
    verdict->cause = cause;
    (void)snprintf(verdict->reason, sizeof verdict->reason, "%s%s%.150s", what, what[0] == '\0' ? "" : ": ", reason);
}

static void weigh_checks(const struct watched *watched, struct verdict *verdict) {
    bool is_untried = false;
    for (const struct check *check = watched->checks; check != NULL; check = check->next) {
        uint32_t status = judge_check(check);
        is_untried = is_untried || status == GROVE_HEALTH_UNKNOWN;
        if (status > GROVE_HEALTH_OK)
            worsen(verdict, status, check->cause, check->plan.name, check->reason);
    }
    if (verdict->status == GROVE_HEALTH_UNKNOWN && watched->checks != NULL && !is_untried)
        verdict->status = GROVE_HEALTH_OK;
}

void judge(struct watched *watched) {
    struct verdict verdict = {.status = GROVE_HEALTH_UNKNOWN};
    const struct kept_alert *trend = alerts_worst_trend(watched->monitor, watched->name.text);
    weigh_checks(watched, &verdict);
    worsen(&verdict, watched->down, GROVE_CAUSE_DOWN, "", watched->down_reason);
    if (trend != NULL && trend->severity >= GROVE_SEVERITY_WARNING)
        worsen(&verdict, GROVE_HEALTH_DEGRADED, GROVE_CAUSE_TREND, "", trend->text);
    bool is_new = verdict.status != watched->status || verdict.cause != watched->cause;
    if (verdict.status != watched->status)
        watched->since_ns = grove_now_ns();
    watched->status = verdict.status;
    watched->cause = verdict.cause;
    text_set(watched->reason, sizeof watched->reason, verdict.reason);
    if (is_new)
        change_tell(watched);
}
