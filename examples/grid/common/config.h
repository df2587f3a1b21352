/*
 * The configuration of the grid (grid.conf): devices, register maps, feeders, protection, historian.
 *
 * One file, read by every service of the example, so that they cannot disagree. docs/grid.md describes each line. After
 * config_load succeeded every reference inside is resolved and every number is in range.
 */
#ifndef GRID_COMMON_CONFIG_H
#define GRID_COMMON_CONFIG_H

#include "examples/grid/common/lines.h"
#include "examples/grid/common/registers.h"

#define GRID_DEVICES_MAX 16u
#define GRID_MAPS_MAX 8u
#define GRID_FEEDERS_MAX 64u
#define GRID_STAGES_MAX 8u

struct config_device {
    char name[LINES_WORD_BYTES_MAX + 1];
    char host[LINES_WORD_BYTES_MAX + 1]; /* an IPv4 address: there is no name service inside a container */
    uint64_t port;
    uint64_t timeout_ns; /* for one answer */
};

struct config_map {
    char name[LINES_WORD_BYTES_MAX + 1];
    struct register_map registers;
};

struct config_feeder {
    uint64_t number; /* for people; 1 to 65535 */
    char name[LINES_WORD_BYTES_MAX + 1];
    char device_name[LINES_WORD_BYTES_MAX + 1];
    char map_name[LINES_WORD_BYTES_MAX + 1];
    unsigned device, map; /* indexes */
    uint64_t unit, base;
    uint64_t priority; /* the highest is shed first; 0 is never shed */
    double instantaneous_a; /* trip at once above this; 0: off */
    double overcurrent_a; /* trip when above this for overcurrent_ns; 0: off */
    uint64_t overcurrent_ns;
};

struct config_stage {
    double below_hz;
    uint64_t delay_ns;
    uint64_t feeders; /* how many it sheds */
};

struct grid_config {
    uint64_t period_ns; /* of the poll */
    uint64_t deadline_ns; /* from a reading's time stamp to the confirmed trip */
    uint64_t commit_ns; /* the historian's group commit, at most this late */
    uint64_t segment_bytes; /* of one historian segment */
    uint64_t keep_bytes; /* of all of them; at least two segments */
    unsigned device_count, map_count, feeder_count, stage_count;
    struct config_device device[GRID_DEVICES_MAX];
    struct config_map map[GRID_MAPS_MAX];
    struct config_feeder feeder[GRID_FEEDERS_MAX];
    struct config_stage stage[GRID_STAGES_MAX]; /* the highest frequency first */
};

/* GROVE_INVALID and what lines_parse_file returns; *problem says what is wrong and where. */
int config_load(const char *path, struct grid_config *config, struct problem *problem);
int config_parse(const char *source, const char *text, size_t length_bytes, struct grid_config *config,
                 struct problem *problem);
/* "127.0.0.1:1502" from a command line. False: that is no IPv4 address and port; nothing is changed. */
bool config_read_address(const char *text, char host[LINES_WORD_BYTES_MAX + 1], uint64_t *port);
/* "NAME=HOST:PORT" from a command line moves a device elsewhere. GROVE_INVALID, GROVE_NOT_FOUND. */
int config_move_device(struct grid_config *config, const char *argument, struct problem *problem);
/* Index of the feeder with this number, or -1. */
int config_feeder_index(const struct grid_config *config, uint64_t number);

#endif
