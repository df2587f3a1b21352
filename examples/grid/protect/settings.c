/* The settings of protection; see settings.h. Reading them is a look into shared memory, without a call. */
#include "examples/grid/protect/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TRIES 100u

/* Where a key's value comes from: a proposal, if it has one, or the map. */
struct source {
    struct grove_config *keys;
    const struct grove_config_proposal *proposal;
};

static const struct grove_config_proposed *proposed(const struct source *source, const char *key) {
    for (unsigned i = 0; source->proposal != NULL && i < source->proposal->count; i++)
        if (strcmp(source->proposal->changes[i].key, key) == 0)
            return &source->proposal->changes[i];
    return NULL;
}

/* A key that has no value leaves *value as it is. */
static void read_float(const struct source *source, const char *key, double *value) {
    const struct grove_config_proposed *change = proposed(source, key);
    if (change == NULL)
        (void)grove_config_get_float(source->keys, key, value);
    else if (change->after != NULL)
        (void)grove_config_item_float(change->after, 0, value);
}

static void read_duration(const struct source *source, const char *key, uint64_t *value_ns) {
    const struct grove_config_proposed *change = proposed(source, key);
    if (change == NULL)
        (void)grove_config_get_duration(source->keys, key, value_ns);
    else if (change->after != NULL)
        (void)grove_config_item_duration(change->after, 0, value_ns);
}

static void read_count(const struct source *source, const char *key, uint64_t *value) {
    const struct grove_config_proposed *change = proposed(source, key);
    int64_t number = (int64_t)*value;
    if (change == NULL)
        (void)grove_config_get_int(source->keys, key, &number);
    else if (change->after != NULL)
        (void)grove_config_item_int(change->after, 0, &number);
    *value = number < 0 ? 0 : (uint64_t)number;
}

/* "feeder.4.overcurrent"; the text is good until the next call. */
static const char *key_of(char key[GROVE_CONFIG_KEY_MAX + 1], const char *group, uint64_t number, const char *name) {
    snprintf(key, GROVE_CONFIG_KEY_MAX + 1, "%s.%" PRIu64 ".%s", group, number, name);
    return key;
}

static void read_feeder(const struct source *source, uint64_t number, struct settings *settings, unsigned index) {
    char key[GROVE_CONFIG_KEY_MAX + 1];
    read_float(source, key_of(key, "feeder", number, "instantaneous"), &settings->feeder[index].instantaneous_a);
    read_float(source, key_of(key, "feeder", number, "overcurrent"), &settings->feeder[index].overcurrent_a);
    read_duration(source, key_of(key, "feeder", number, "delay"), &settings->feeder[index].overcurrent_ns);
}

/* The stages end with the first that has no frequency. */
static void read_stages(const struct source *source, struct settings *settings) {
    char key[GROVE_CONFIG_KEY_MAX + 1];
    unsigned count = 0;
    for (; count < GRID_STAGES_MAX; count++) {
        struct config_stage *stage = &settings->stage[count];
        read_float(source, key_of(key, "stage", count + 1, "below"), &stage->below_hz);
        read_duration(source, key_of(key, "stage", count + 1, "delay"), &stage->delay_ns);
        read_count(source, key_of(key, "stage", count + 1, "feeders"), &stage->feeders);
        if (stage->below_hz <= 0)
            break;
    }
    settings->stage_count = count;
}

void settings_take(struct settings *settings, const struct grid_config *config) {
    *settings = (struct settings){.deadline_ns = config->deadline_ns, .stage_count = config->stage_count};
    for (unsigned i = 0; i < config->feeder_count; i++) {
        settings->feeder[i].instantaneous_a = config->feeder[i].instantaneous_a;
        settings->feeder[i].overcurrent_a = config->feeder[i].overcurrent_a;
        settings->feeder[i].overcurrent_ns = config->feeder[i].overcurrent_ns;
    }
    memcpy(settings->stage, config->stage, config->stage_count * sizeof config->stage[0]);
}

void settings_apply(const struct settings *settings, struct grid_config *config) {
    config->deadline_ns = settings->deadline_ns;
    for (unsigned i = 0; i < config->feeder_count; i++) {
        config->feeder[i].instantaneous_a = settings->feeder[i].instantaneous_a;
        config->feeder[i].overcurrent_a = settings->feeder[i].overcurrent_a;
        config->feeder[i].overcurrent_ns = settings->feeder[i].overcurrent_ns;
    }
    config->stage_count = (unsigned)settings->stage_count;
    memcpy(config->stage, settings->stage, sizeof config->stage);
}

int settings_read(struct grove_config *keys, const struct grove_config_proposal *proposal,
                  const struct grid_config *plant, struct settings *settings) {
    const struct source source = {.keys = keys, .proposal = proposal};
    struct settings made;
    unsigned tries = 0;
    do {
        settings_take(&made, plant);
        made.change = grove_config_change_number(keys);
        read_duration(&source, "deadline", &made.deadline_ns);
        for (unsigned i = 0; i < plant->feeder_count; i++)
            read_feeder(&source, plant->feeder[i].number, &made, i);
        read_stages(&source, &made);
    } while (grove_config_change_number(keys) != made.change && ++tries < TRIES);
    if (tries == TRIES)
        return GROVE_AGAIN;
    *settings = made;
    return 0;
}

int settings_check(const struct settings *settings, const struct grid_config *plant, struct problem *problem) {
    for (unsigned i = 0; i < plant->feeder_count; i++) {
        double high = settings->feeder[i].instantaneous_a, low = settings->feeder[i].overcurrent_a;
        if (high > 0 && low >= high) {
            snprintf(problem->sentence, sizeof problem->sentence,
                     "feeder.%" PRIu64 ".overcurrent, %g A, must lie below feeder.%" PRIu64 ".instantaneous, %g A",
                     plant->feeder[i].number, low, plant->feeder[i].number, high);
            return GROVE_INVALID;
        }
    }
    for (unsigned i = 1; i < settings->stage_count; i++)
        if (settings->stage[i].below_hz >= settings->stage[i - 1].below_hz) {
            snprintf(problem->sentence, sizeof problem->sentence,
                     "stages go down: stage.%u.below, %g Hz, must lie below stage.%u.below, %g Hz", i + 1,
                     settings->stage[i].below_hz, i, settings->stage[i - 1].below_hz);
            return GROVE_INVALID;
        }
    return 0;
}
