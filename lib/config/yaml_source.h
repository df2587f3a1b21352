/*
 * Files of configuration: YAML, service by service.
 *
 *     grid.protect:              the full name of a service; in a project's own file its bare name will do
 *       frequency-limit: 48.9
 *       shed:                    a map below is short for keys with a dot: shed.step
 *         step: 2
 *       targets: [a, b]          a list
 *
 * Needs libyaml, and is no part of libgrove: the configuration service and the command line link it.
 */
#ifndef GROVE_CONFIG_YAML_SOURCE_H
#define GROVE_CONFIG_YAML_SOURCE_H

#include "lib/config/settings.h"

#define YAML_SOURCE_BYTES_MAX (256u << 10)
#define YAML_SOURCE_DEPTH_MAX 8u

/*
 * Parse a whole file into `settings`, sorted. `project` completes bare names; NULL: they are faults. GROVE_INVALID,
 * GROVE_TOO_LARGE, GROVE_NO_MEMORY, each with "FILE:LINE: KEY: sentence" in `problem`; the settings are empty then.
 */
int yaml_source_parse(const char *text, size_t text_bytes, const char *file, const char *project,
                      struct settings *settings, char *problem, size_t problem_bytes);

#endif
