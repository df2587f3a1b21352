/* Words for what health and recovery are about. */
#include "grove/health.h"

#define WORD(name, number, text) [number] = text,
#define WORDS(table) \
    static const char *const words[] = {table(WORD)}; \
    return number < sizeof words / sizeof words[0] ? words[number] : "unknown"

const char *grove_health_status_text(uint32_t number) {
    WORDS(GROVE_HEALTH_STATUS_TABLE);
}

const char *grove_health_kind_text(uint32_t number) {
    WORDS(GROVE_HEALTH_KIND_TABLE);
}

const char *grove_health_cause_text(uint32_t number) {
    WORDS(GROVE_HEALTH_CAUSE_TABLE);
}

const char *grove_health_severity_text(uint32_t number) {
    WORDS(GROVE_HEALTH_SEVERITY_TABLE);
}

const char *grove_recovery_cause_text(uint32_t number) {
    WORDS(GROVE_RECOVERY_CAUSE_TABLE);
}

const char *grove_recovery_step_text(uint32_t number) {
    WORDS(GROVE_RECOVERY_STEP_TABLE);
}
