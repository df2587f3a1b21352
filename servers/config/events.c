/* config.changed.SERVICE: which keys, by whom, never a value. */
#include <stdio.h>
#include <string.h>

#include "servers/common/system_event.h"
#include "servers/config/config.h"

static bool is_first_of(const struct change *change, uint32_t index) {
    for (uint32_t earlier = 0; earlier < index; earlier++)
        if (strcmp(change->entries[earlier].service.text, change->entries[index].service.text) == 0)
            return false;
    return true;
}

static void event_of(const struct change *change, uint64_t number, const char *service) {
    char keys[256] = "";
    size_t used = 0;
    uint64_t count = 0;
    for (uint32_t index = 0; index < change->count; index++) {
        const struct config_entry *entry = &change->entries[index];
        if (strcmp(entry->service.text, service) != 0)
            continue;
        count++;
        if (used + strlen(entry->key) + 2 < sizeof keys)
            used += (size_t)snprintf(keys + used, sizeof keys - used, "%s%s", used > 0 ? " " : "", entry->key);
    }
    const struct system_event_field fields[] = {{.name = "change", .number = number},
                                                {.name = "count", .number = count},
                                                {.name = "keys", .text = keys},
                                                {.name = "by", .text = change->who.text},
                                                {0}};
    (void)system_event("config.changed", service, fields);
    (void)fprintf(stderr, "config: change %llu of %s by %s: %s\n", (unsigned long long)number, service,
                  change->who.text, keys);
}

void event_changed(const struct change *change, uint64_t number) {
    for (uint32_t index = 0; index < change->count; index++)
        if (is_first_of(change, index))
            event_of(change, number, change->entries[index].service.text);
}
