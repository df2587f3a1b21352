/* Settings of a running protection; see tuning.h. */
#include "examples/grid/protect/tuning.h"

#include <stdio.h>

#define PATIENCE_NS (5 * GROVE_MILLISECOND)
#define RETRY_NS GROVE_SECOND

/* Take what the keys say, unless it does not fit together; then what counted before goes on. */
static int take(struct tuning *tuning, struct problem *problem) {
    struct settings made;
    int status = settings_read(tuning->keys, NULL, tuning->plant, &made);
    if (status < 0)
        return status;
    tuning->seen = made.change;
    status = settings_check(&made, tuning->plant, problem);
    if (status < 0)
        return status;
    *tuning->settings = made;
    settings_apply(&made, tuning->config);
    return 0;
}

/* Reading finds changes by itself; a watch is what brings the next map when the configuration service makes one. */
static void on_change(struct grove_config *keys, const struct grove_config_change *change, void *context) {
    (void)keys;
    (void)change;
    tuning_update(context);
}

/* Ranges were checked before. */
static int on_proposal(struct grove_config *keys, const struct grove_config_proposal *proposal, char *reason,
                       size_t reason_bytes, void *context) {
    const struct tuning *tuning = context;
    struct settings made;
    struct problem problem = {""};
    if (settings_read(keys, proposal, tuning->plant, &made) < 0)
        return 0; /* what comes of it is looked at again when it is applied */
    int status = settings_check(&made, tuning->plant, &problem);
    if (status < 0)
        snprintf(reason, reason_bytes, "%s", problem.sentence);
    return status;
}

static int open_keys(struct tuning *tuning, uint64_t timeout_ns) {
    struct grove_config_options options = {.timeout_ns = timeout_ns};
    int status = grove_config_open(&options, &tuning->keys);
    if (status == GROVE_NOT_FOUND) {
        tuning->has_no_keys = true;
        return 0;
    }
    if (status == 0)
        status = grove_config_watch(tuning->keys, ">", on_change, tuning);
    if (status == 0)
        status = grove_config_validate(tuning->keys, NULL, on_proposal, tuning);
    if (status < 0) {
        grove_config_close(tuning->keys);
        tuning->keys = NULL;
    }
    return status;
}

int tuning_start(struct tuning *tuning, bool is_kept, struct problem *problem) {
    if (is_kept) {
        settings_apply(tuning->settings, tuning->config);
        tuning_tick(tuning);
        return 0;
    }
    settings_take(tuning->settings, tuning->plant);
    int status = open_keys(tuning, 0);
    return status < 0 || tuning->has_no_keys ? status : take(tuning, problem);
}

void tuning_update(struct tuning *tuning) {
    struct problem problem = {""};
    if (tuning->keys == NULL || grove_config_change_number(tuning->keys) == tuning->seen)
        return;
    int status = take(tuning, &problem);
    if (status == 0)
        fprintf(stderr, "protect: settings of change %llu count now\n", (unsigned long long)tuning->seen);
    else if (status == GROVE_INVALID)
        fprintf(stderr, "protect: settings of change %llu do not count: %s\n", (unsigned long long)tuning->seen,
                problem.sentence);
}

void tuning_tick(struct tuning *tuning) {
    uint64_t now_ns = grove_now_ns();
    if (tuning->keys != NULL || tuning->has_no_keys || now_ns < tuning->retry_ns)
        return;
    tuning->retry_ns = now_ns + RETRY_NS;
    int status = open_keys(tuning, PATIENCE_NS);
    if (status < 0 && !tuning->has_complained)
        fprintf(stderr, "protect: goes on with the settings that it has, as new ones cannot be read: %s\n",
                grove_last_error());
    tuning->has_complained = status < 0;
    tuning_update(tuning);
}
