/* The state region: kept.h. */
#include "servers/health/kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"

struct kept *kept_open(struct grove_session *session) {
    struct grove_region *region;
    bool is_fresh = true;
    struct kept *kept = NULL;
    if (grove_region_state(session, sizeof *kept, &region, &is_fresh) == 0)
        kept = grove_region_data(region, NULL);
    else
        (void)fprintf(stderr, "health: no state region, what is seen does not survive a restart: %s\n",
                      grove_last_error());
    if (kept == NULL) {
        kept = calloc(1, sizeof *kept);
        is_fresh = true;
    }
    if (kept == NULL || kept->magic == KEPT_MAGIC)
        return kept;
    if (!is_fresh)
        memset(kept, 0, sizeof *kept);
    kept->magic = KEPT_MAGIC;
    return kept;
}

struct kept_check *kept_check_find(struct kept *kept, const char *service, const char *name) {
    struct kept_check *free_one = NULL;
    for (unsigned index = 0; index < KEPT_CHECKS_MAX; index++) {
        struct kept_check *check = &kept->checks[index];
        if (check->service.text[0] == '\0') {
            free_one = free_one == NULL ? check : free_one;
            if (check->was_used == 0)
                break;
        } else if (strncmp(check->service.text, service, sizeof check->service.text) == 0 &&
                   strncmp(check->name, name, sizeof check->name) == 0) {
            return check;
        }
    }
    if (free_one == NULL)
        return NULL;
    memset(free_one, 0, sizeof *free_one);
    free_one->was_used = 1;
    text_set(free_one->name, sizeof free_one->name, name);
    name_set(&free_one->service, service);
    return free_one;
}

void kept_check_release(struct kept_check *check) {
    check->service.text[0] = '\0';
}

void kept_check_add(struct kept_check *check, const struct kept_sample *sample) {
    check->samples[check->samples_ever % KEPT_SAMPLES] = *sample;
    check->samples_ever++;
}

unsigned kept_check_samples(const struct kept_check *check) {
    return check->samples_ever < KEPT_SAMPLES ? (unsigned)check->samples_ever : KEPT_SAMPLES;
}

const struct kept_sample *kept_check_sample(const struct kept_check *check, unsigned index) {
    uint64_t first = check->samples_ever - kept_check_samples(check);
    return &check->samples[(first + index) % KEPT_SAMPLES];
}
