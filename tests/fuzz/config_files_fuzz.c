/*
 * Fuzz target: a file of configuration. Whatever it holds, it is either refused with a sentence, or gives sorted settings
 * with names that are names.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/yaml_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct settings settings = {NULL, 0, 0};
    char problem[512] = "";
    const char *project = size_bytes > 0 && (data[0] & 1) != 0 ? "grid" : NULL;
    if (yaml_source_parse((const char *)data, size_bytes, "fuzz.yaml", project, &settings, problem, sizeof problem) <
        0) {
        if (problem[0] == '\0')
            abort();
        return 0;
    }
    for (uint32_t index = 0; index < settings.count; index++) {
        const struct setting *setting = &settings.list[index];
        if (!config_key_is_valid(setting->key) || !config_key_is_valid(setting->service) ||
            settings_find(&settings, setting->service, setting->key) != setting || setting->line == 0)
            abort();
    }
    settings_deinit(&settings);
    return 0;
}
