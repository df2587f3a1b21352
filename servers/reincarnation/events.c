/* Events of reincarnation: flat JSON objects, said on the bus at most once and never waited for. */
#include "servers/common/system_event.h"
#include "servers/reincarnation/reincarnation.h"

void events_recovered(const struct matter *matter) {
    metrics_count(matter);
    bool is_escalated = matter->has_policy && matter->step != GROVE_STEP_ITSELF;
    (void)system_event(
        is_escalated ? "reincarnation.escalated" : "reincarnation.restart", matter->service.text,
        (const struct system_event_field[]){
            {.name = "cause", .text = grove_recovery_cause_text(matter->cause)},
            {.name = "step", .text = matter->has_policy ? grove_recovery_step_text(matter->step) : "restart policy"},
            {.name = "delay_ns", .number = matter->delay_ns},
            {.name = "level", .number = matter->remedy.level},
            {.name = "generation", .number = matter->generation},
            {.name = "reason", .text = matter->reason},
            {0}});
}
