/* Profiles; the format is described in profile.h. Pure but for the reading of the file. */
#include "examples/grid/substation/profile.h"

#include "grove/abi/status.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

static const struct {
    const char *word;
    double least, most;
} quantities[PROFILE_QUANTITIES] = {
    [PROFILE_LOAD] = {"load", 0, 1e6},
    [PROFILE_VOLTAGE] = {"voltage", 0, 65000},
    [PROFILE_FAULT] = {"fault", 0, 6500},
};

static int read_loop(const struct line *line, struct profile *profile, struct problem *problem) {
    uint64_t loop_ns = 0;
    int status = line_duration(line, 1, &loop_ns, problem);
    if (status < 0)
        return status;
    if (line->count > 2 || loop_ns < 1000000)
        return line_fail(line, problem, "write: loop DURATION, at least 1ms");
    profile->loop_ns = loop_ns;
    return 0;
}

static int read_system(const struct line *line, struct profile *profile, struct problem *problem) {
    static const struct option_rule rules[] = {
        {"base", OPTION_NUMBER, false, 1, 1e9, offsetof(struct profile, base_kw)},
        {"inertia", OPTION_NUMBER, false, 0.1, 100, offsetof(struct profile, inertia_s)},
        {"droop", OPTION_NUMBER, false, 0.1, 100, offsetof(struct profile, droop_percent)},
        {"reserve", OPTION_NUMBER, false, 0, 1e9, offsetof(struct profile, reserve_kw)},
    };
    return line_options(line, 1, rules, COUNT(rules), profile, problem);
}

/* The value at word `index` and the ramp after it, appended to the track. */
static int read_event(const struct line *line, unsigned index, double least, double most, struct profile_track *track,
                      struct problem *problem) {
    static const struct option_rule rules[] = {
        {"ramp", OPTION_DURATION, false, 0, 0, offsetof(struct profile_event, ramp_ns)}};
    struct profile_event event = {0};
    int status = line_duration(line, 1, &event.time_ns, problem);
    if (status == 0)
        status = line_number(line, index, least, most, &event.value, problem);
    if (status == 0)
        status = line_options(line, index + 1, rules, COUNT(rules), &event, problem);
    if (status < 0)
        return status;
    if (track->count == PROFILE_EVENTS_MAX)
        return line_fail(line, problem, "more than %u lines for one quantity", PROFILE_EVENTS_MAX);
    if (track->count > 0 && track->event[track->count - 1].time_ns >= event.time_ns)
        return line_fail(line, problem, "%s is not after the line before it; write them in the order of time",
                         line->word[1]);
    track->event[track->count++] = event;
    return 0;
}

static int read_feeder_event(const struct line *line, struct profile *profile, struct problem *problem) {
    double number = 0;
    int status = line_number(line, 3, 1, PROFILE_FEEDERS_MAX, &number, problem);
    if (status < 0)
        return status;
    unsigned feeder = (unsigned)number;
    if (number != feeder || line->count < 6)
        return line_fail(line, problem, "write: at TIME feeder NUMBER load|voltage|fault VALUE [ramp TIME]");
    for (unsigned i = 0; i < PROFILE_QUANTITIES; i++) {
        if (strcmp(quantities[i].word, line->word[4]) != 0)
            continue;
        status = read_event(line, 5, quantities[i].least, quantities[i].most, &profile->feeder[feeder - 1][i], problem);
        if (status == 0 && feeder > profile->feeder_count)
            profile->feeder_count = feeder;
        return status;
    }
    return line_fail(line, problem, "'%s' is no quantity; write load, voltage or fault", line->word[4]);
}

static int read_at(const struct line *line, struct profile *profile, struct problem *problem) {
    if (line->count >= 4 && strcmp(line->word[2], "feeder") == 0)
        return read_feeder_event(line, profile, problem);
    if (line->count >= 4 && strcmp(line->word[2], "generation") == 0)
        return read_event(line, 3, 0, 1e9, &profile->generation, problem);
    return line_fail(line, problem, "write: at TIME feeder NUMBER ..., or: at TIME generation VALUE [ramp TIME]");
}

static const struct {
    const char *word;
    int (*read)(const struct line *line, struct profile *profile, struct problem *problem);
} statements[] = {{"loop", read_loop}, {"system", read_system}, {"at", read_at}};

static int read_statement(const struct line *line, void *context, struct problem *problem) {
    for (unsigned i = 0; i < COUNT(statements); i++)
        if (strcmp(statements[i].word, line->word[0]) == 0)
            return statements[i].read(line, context, problem);
    return line_fail(line, problem, "'%s' is unknown; a line begins with loop, system or at", line->word[0]);
}

static const struct profile profile_defaults = {
    .loop_ns = UINT64_C(60000000000), .base_kw = 10000, .inertia_s = 4, .droop_percent = 5, .reserve_kw = 500};

static bool track_fits(const struct profile_track *track, uint64_t loop_ns) {
    return track->count == 0 || track->event[track->count - 1].time_ns < loop_ns;
}

/* What can only be seen when the last line is read. */
static int profile_finish(const char *source, const struct profile *profile, struct problem *problem) {
    bool fits = track_fits(&profile->generation, profile->loop_ns);
    for (unsigned i = 0; i < profile->feeder_count; i++)
        for (unsigned quantity = 0; quantity < PROFILE_QUANTITIES; quantity++)
            fits = fits && track_fits(&profile->feeder[i][quantity], profile->loop_ns);
    if (fits && profile->feeder_count > 0)
        return 0;
    snprintf(problem->sentence, sizeof problem->sentence, "%s: %s", source,
             fits ? "no feeder is described" : "a line lies after the end of the loop; write a longer loop");
    return GROVE_INVALID;
}

int profile_parse(const char *source, const char *text, size_t length_bytes, struct profile *profile,
                  struct problem *problem) {
    *profile = profile_defaults;
    int status = lines_parse(source, text, length_bytes, read_statement, profile, problem);
    return status < 0 ? status : profile_finish(source, profile, problem);
}

int profile_load(const char *path, struct profile *profile, struct problem *problem) {
    *profile = profile_defaults;
    int status = lines_parse_file(path, read_statement, profile, problem);
    return status < 0 ? status : profile_finish(path, profile, problem);
}

double profile_value(const struct profile *profile, const struct profile_track *track, uint64_t time_ns,
                     double otherwise) {
    if (track->count == 0)
        return otherwise;
    uint64_t at = time_ns % profile->loop_ns;
    unsigned next = 0;
    while (next < track->count && track->event[next].time_ns <= at)
        next++;
    /* The event that rules now, and the one before it, both in the ring of the loop. */
    const struct profile_event *event = &track->event[(next + track->count - 1) % track->count];
    const struct profile_event *before = &track->event[(next + 2 * track->count - 2) % track->count];
    uint64_t since = (at + profile->loop_ns - event->time_ns) % profile->loop_ns;
    bool is_first_round = next == 0 && time_ns < profile->loop_ns;
    if (since >= event->ramp_ns || is_first_round)
        return event->value;
    return before->value + (event->value - before->value) * (double)since / (double)event->ramp_ns;
}
