/* grid.conf; see config.h. One function per kind of line, one table of them, one pass that resolves names at the end. */
#include "examples/grid/common/config.h"

#include "grove/abi/status.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

static int read_duration_line(const struct line *line, uint64_t least_ns, uint64_t *field, struct problem *problem) {
    uint64_t value;
    int status = line_duration(line, 1, &value, problem);
    if (status < 0)
        return status;
    if (line->count > 2)
        return line_fail(line, problem, "'%s' is one word too many", line->word[2]);
    if (value < least_ns)
        return line_fail(line, problem, "%s is too short for %s", line->word[1], line->word[0]);
    *field = value;
    return 0;
}

static int read_period(const struct line *line, struct grid_config *config, struct problem *problem) {
    return read_duration_line(line, 1000000, &config->period_ns, problem);
}

static int read_deadline(const struct line *line, struct grid_config *config, struct problem *problem) {
    return read_duration_line(line, 1000, &config->deadline_ns, problem);
}

static int read_historian(const struct line *line, struct grid_config *config, struct problem *problem) {
    static const struct option_rule rules[] = {
        {"commit", OPTION_DURATION, false, 0, 0, offsetof(struct grid_config, commit_ns)},
        {"segment", OPTION_SIZE, false, 16384, 1u << 30, offsetof(struct grid_config, segment_bytes)},
        {"keep", OPTION_SIZE, false, 32768, 1ull << 50, offsetof(struct grid_config, keep_bytes)},
    };
    int status = line_options(line, 1, rules, COUNT(rules), config, problem);
    if (status == 0 && config->keep_bytes / 2 < config->segment_bytes)
        return line_fail(line, problem, "keep must be at least two segments: the one written to and a whole one");
    return status;
}

static int check_host(const struct line *line, const char *host, struct problem *problem) {
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return 0;
    return line_fail(line, problem, "'%s' is not an IPv4 address, as in 127.0.0.1", host);
}

static int read_device(const struct line *line, struct grid_config *config, struct problem *problem) {
    static const struct option_rule rules[] = {
        {"host", OPTION_TEXT, true, 0, 0, offsetof(struct config_device, host)},
        {"port", OPTION_WHOLE, false, 1, 65535, offsetof(struct config_device, port)},
        {"timeout", OPTION_DURATION, false, 0, 0, offsetof(struct config_device, timeout_ns)},
    };
    if (line->count < 2)
        return line_fail(line, problem, "write: device NAME host ADDRESS [port N] [timeout T]");
    if (config->device_count == GRID_DEVICES_MAX)
        return line_fail(line, problem, "more than %u devices", GRID_DEVICES_MAX);
    for (unsigned i = 0; i < config->device_count; i++)
        if (strcmp(config->device[i].name, line->word[1]) == 0)
            return line_fail(line, problem, "device %s is described twice", line->word[1]);
    struct config_device *device = &config->device[config->device_count];
    *device = (struct config_device){.port = 502, .timeout_ns = 100000000};
    memcpy(device->name, line->word[1], sizeof device->name);
    int status = line_options(line, 2, rules, COUNT(rules), device, problem);
    if (status == 0)
        status = check_host(line, device->host, problem);
    if (status == 0)
        config->device_count++;
    return status;
}

static const struct {
    const char *text;
    enum register_table table;
} table_words[] = {
    {"coil", TABLE_COIL}, {"discrete", TABLE_DISCRETE}, {"holding", TABLE_HOLDING}, {"input", TABLE_INPUT}};
static const struct {
    const char *text;
    enum register_type type;
} type_words[] = {{"bit", TYPE_BIT}, {"u16", TYPE_U16}, {"s16", TYPE_S16},
                  {"u32", TYPE_U32}, {"s32", TYPE_S32}, {"f32", TYPE_F32}};

static int read_table(const struct line *line, unsigned index, enum register_table *table, struct problem *problem) {
    for (unsigned i = 0; i < COUNT(table_words); i++)
        if (strcmp(table_words[i].text, line->word[index]) == 0) {
            *table = table_words[i].table;
            return 0;
        }
    return line_fail(line, problem, "'%s' is no Modbus table; write coil, discrete, holding or input",
                     line->word[index]);
}

/* The options after the address of a quantity; the type is one of them, written "type u16". */
struct point_options {
    char type[LINES_WORD_BYTES_MAX + 1];
    double scale;
    bool is_low_first, is_inverted;
};

static int read_type(const struct line *line, const struct point_options *options, struct register_point *point,
                     struct problem *problem) {
    bool table_of_bits = point->table == TABLE_COIL || point->table == TABLE_DISCRETE;
    for (unsigned i = 0; i < COUNT(type_words); i++) {
        if (strcmp(type_words[i].text, options->type) != 0)
            continue;
        point->type = type_words[i].type;
        if (table_of_bits != (point->type == TYPE_BIT) && table_of_bits)
            return line_fail(line, problem, "coils and discrete inputs are of type bit, not %s", options->type);
        return 0;
    }
    return line_fail(line, problem, "'%s' is no type; write bit, u16, s16, u32, s32 or f32", options->type);
}

static int read_point(const struct line *line, enum quantity quantity, struct register_map *map,
                      struct problem *problem) {
    static const struct option_rule rules[] = {
        {"type", OPTION_TEXT, false, 0, 0, offsetof(struct point_options, type)},
        {"scale", OPTION_NUMBER, false, -1e9, 1e9, offsetof(struct point_options, scale)},
        {"low-first", OPTION_FLAG, false, 0, 0, offsetof(struct point_options, is_low_first)},
        {"inverted", OPTION_FLAG, false, 0, 0, offsetof(struct point_options, is_inverted)},
    };
    struct register_point point = {.is_mapped = true};
    double address = 0;
    int status = read_table(line, 3, &point.table, problem);
    if (status == 0)
        status = line_number(line, 4, 0, 65535, &address, problem);
    if (status < 0)
        return status;
    bool table_of_bits = point.table == TABLE_COIL || point.table == TABLE_DISCRETE;
    struct point_options options = {.scale = 1};
    snprintf(options.type, sizeof options.type, "%s", table_of_bits ? "bit" : "u16");
    status = line_options(line, 5, rules, COUNT(rules), &options, problem);
    if (status == 0)
        status = read_type(line, &options, &point, problem);
    if (status < 0)
        return status;
    if (quantity == QUANTITY_TRIP && point.table != TABLE_COIL)
        return line_fail(line, problem, "trip must be a coil: it is written");
    point.address = (uint16_t)address;
    point.scale = options.scale;
    point.is_low_first = options.is_low_first;
    point.is_inverted = options.is_inverted;
    map->point[quantity] = point;
    return 0;
}

/* The map of this name, made if it is new. */
static int map_open(const struct line *line, struct grid_config *config, struct register_map **map,
                    struct problem *problem) {
    for (unsigned i = 0; i < config->map_count; i++)
        if (strcmp(config->map[i].name, line->word[1]) == 0) {
            *map = &config->map[i].registers;
            return 0;
        }
    if (config->map_count == GRID_MAPS_MAX)
        return line_fail(line, problem, "more than %u maps", GRID_MAPS_MAX);
    struct config_map *made = &config->map[config->map_count++];
    memcpy(made->name, line->word[1], sizeof made->name);
    *map = &made->registers;
    return 0;
}

static int read_map(const struct line *line, struct grid_config *config, struct problem *problem) {
    if (line->count < 5)
        return line_fail(line, problem,
                         "write: map NAME QUANTITY TABLE ADDRESS [type T] [scale N] [low-first] "
                         "[inverted]");
    struct register_map *map = NULL;
    int status = map_open(line, config, &map, problem);
    if (status < 0)
        return status;
    for (unsigned i = 0; i < QUANTITY_COUNT; i++) {
        if (strcmp(quantity_text((enum quantity)i), line->word[2]) != 0)
            continue;
        if (map->point[i].is_mapped)
            return line_fail(line, problem, "%s of map %s is given twice", line->word[2], line->word[1]);
        return read_point(line, (enum quantity)i, map, problem);
    }
    return line_fail(line, problem, "'%s' is no quantity; write voltage, current, frequency, power, breaker or trip",
                     line->word[2]);
}

static int read_feeder(const struct line *line, struct grid_config *config, struct problem *problem) {
    static const struct option_rule rules[] = {
        {"name", OPTION_TEXT, true, 0, 0, offsetof(struct config_feeder, name)},
        {"device", OPTION_TEXT, true, 0, 0, offsetof(struct config_feeder, device_name)},
        {"map", OPTION_TEXT, true, 0, 0, offsetof(struct config_feeder, map_name)},
        {"unit", OPTION_WHOLE, false, 0, 255, offsetof(struct config_feeder, unit)},
        {"base", OPTION_WHOLE, false, 0, 65535, offsetof(struct config_feeder, base)},
        {"priority", OPTION_WHOLE, false, 0, 1000, offsetof(struct config_feeder, priority)},
        {"instantaneous", OPTION_NUMBER, false, 0, 1e6, offsetof(struct config_feeder, instantaneous_a)},
        {"overcurrent", OPTION_NUMBER, false, 0, 1e6, offsetof(struct config_feeder, overcurrent_a)},
        {"delay", OPTION_DURATION, false, 0, 0, offsetof(struct config_feeder, overcurrent_ns)},
    };
    double number;
    int status = line_number(line, 1, 1, 65535, &number, problem);
    if (status < 0)
        return status;
    if (config_feeder_index(config, (uint64_t)number) >= 0)
        return line_fail(line, problem, "feeder %s is described twice", line->word[1]);
    if (config->feeder_count == GRID_FEEDERS_MAX)
        return line_fail(line, problem, "more than %u feeders", GRID_FEEDERS_MAX);
    struct config_feeder *feeder = &config->feeder[config->feeder_count];
    *feeder = (struct config_feeder){.number = (uint64_t)number, .unit = 1};
    status = line_options(line, 2, rules, COUNT(rules), feeder, problem);
    if (status == 0)
        config->feeder_count++;
    return status;
}

static int read_stage(const struct line *line, struct grid_config *config, struct problem *problem) {
    static const struct option_rule rules[] = {
        {"below", OPTION_NUMBER, true, 10, 100, offsetof(struct config_stage, below_hz)},
        {"delay", OPTION_DURATION, false, 0, 0, offsetof(struct config_stage, delay_ns)},
        {"feeders", OPTION_WHOLE, true, 1, GRID_FEEDERS_MAX, offsetof(struct config_stage, feeders)},
    };
    if (config->stage_count == GRID_STAGES_MAX)
        return line_fail(line, problem, "more than %u stages", GRID_STAGES_MAX);
    struct config_stage *stage = &config->stage[config->stage_count];
    *stage = (struct config_stage){0};
    int status = line_options(line, 1, rules, COUNT(rules), stage, problem);
    if (status < 0)
        return status;
    if (config->stage_count > 0 && stage->below_hz >= stage[-1].below_hz)
        return line_fail(line, problem, "stages go down: %g Hz must come before %g Hz", stage->below_hz,
                         stage[-1].below_hz);
    config->stage_count++;
    return 0;
}

static const struct {
    const char *word;
    int (*read)(const struct line *line, struct grid_config *config, struct problem *problem);
} statements[] = {
    {"period", read_period}, {"deadline", read_deadline}, {"historian", read_historian}, {"device", read_device},
    {"map", read_map},       {"feeder", read_feeder},     {"stage", read_stage},
};

static int read_statement(const struct line *line, void *context, struct problem *problem) {
    for (unsigned i = 0; i < COUNT(statements); i++)
        if (strcmp(statements[i].word, line->word[0]) == 0)
            return statements[i].read(line, context, problem);
    return line_fail(line, problem,
                     "'%s' is unknown; a line begins with period, deadline, historian, device, map, feeder or stage",
                     line->word[0]);
}

static int config_fail(struct problem *problem, const char *source, unsigned long long feeder, const char *what,
                       const char *name) {
    snprintf(problem->sentence, sizeof problem->sentence, "%s: feeder %llu: %s %s", source, feeder, what, name);
    return GROVE_INVALID;
}

/* Find the device and the map that a feeder names, and try its addresses. */
static int resolve_feeder(const char *source, const struct grid_config *config, struct config_feeder *feeder,
                          struct problem *problem) {
    for (feeder->device = 0; feeder->device < config->device_count; feeder->device++)
        if (strcmp(config->device[feeder->device].name, feeder->device_name) == 0)
            break;
    if (feeder->device == config->device_count)
        return config_fail(problem, source, feeder->number, "there is no line for device", feeder->device_name);
    for (feeder->map = 0; feeder->map < config->map_count; feeder->map++)
        if (strcmp(config->map[feeder->map].name, feeder->map_name) == 0)
            break;
    if (feeder->map == config->map_count)
        return config_fail(problem, source, feeder->number, "there is no line for map", feeder->map_name);
    struct register_plan plan;
    const struct register_map *map = &config->map[feeder->map].registers;
    if (register_plan(map, (uint16_t)feeder->base, &plan) < 0 ||
        feeder->base + map->point[QUANTITY_TRIP].address > 65535)
        return config_fail(problem, source, feeder->number, "base plus an address is over 65535 in map",
                           feeder->map_name);
    if (plan.count == 0)
        return config_fail(problem, source, feeder->number, "nothing to read in map", feeder->map_name);
    return 0;
}

int config_feeder_index(const struct grid_config *config, uint64_t number) {
    for (unsigned i = 0; i < config->feeder_count; i++)
        if (config->feeder[i].number == number)
            return (int)i;
    return -1;
}

static const struct grid_config config_defaults = {
    .period_ns = 20000000,
    .deadline_ns = 20000000,
    .commit_ns = 50000000,
    .segment_bytes = 4u << 20,
    .keep_bytes = 1u << 30,
};

/* What can only be seen when the last line is read. */
static int config_finish(const char *source, struct grid_config *config, struct problem *problem) {
    if (config->feeder_count == 0) {
        snprintf(problem->sentence, sizeof problem->sentence, "%s: no feeder is described; write a line for each",
                 source);
        return GROVE_INVALID;
    }
    for (unsigned i = 0; i < config->feeder_count; i++) {
        int status = resolve_feeder(source, config, &config->feeder[i], problem);
        if (status < 0)
            return status;
    }
    return 0;
}

int config_parse(const char *source, const char *text, size_t length_bytes, struct grid_config *config,
                 struct problem *problem) {
    *config = config_defaults;
    int status = lines_parse(source, text, length_bytes, read_statement, config, problem);
    return status < 0 ? status : config_finish(source, config, problem);
}

int config_load(const char *path, struct grid_config *config, struct problem *problem) {
    *config = config_defaults;
    int status = lines_parse_file(path, read_statement, config, problem);
    return status < 0 ? status : config_finish(path, config, problem);
}

bool config_read_address(const char *text, char host[LINES_WORD_BYTES_MAX + 1], uint64_t *port) {
    char copy[LINES_WORD_BYTES_MAX + 1];
    struct in_addr address;
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof copy)
        return false;
    snprintf(copy, sizeof copy, "%.*s", (int)(colon - text), text);
    char *end;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || *end != 0 || number == 0 || number > 65535 || inet_pton(AF_INET, copy, &address) != 1)
        return false;
    memcpy(host, copy, sizeof copy);
    *port = number;
    return true;
}

int config_move_device(struct grid_config *config, const char *argument, struct problem *problem) {
    const char *equals = strchr(argument, '=');
    char host[LINES_WORD_BYTES_MAX + 1];
    uint64_t port = 0;
    if (equals == NULL || !config_read_address(equals + 1, host, &port)) {
        snprintf(problem->sentence, sizeof problem->sentence,
                 "'%s': write NAME=IPV4:PORT, as in substation=127.0.0.1:1502", argument);
        return GROVE_INVALID;
    }
    size_t name_bytes = (size_t)(equals - argument);
    for (unsigned i = 0; i < config->device_count; i++) {
        struct config_device *device = &config->device[i];
        if (strlen(device->name) != name_bytes || strncmp(device->name, argument, name_bytes) != 0)
            continue;
        memcpy(device->host, host, sizeof host);
        device->port = port;
        return 0;
    }
    snprintf(problem->sentence, sizeof problem->sentence, "the configuration has no device %.*s", (int)name_bytes,
             argument);
    return GROVE_NOT_FOUND;
}
