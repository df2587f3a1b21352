/*
 * Events of the store: one flat JSON object each (servers/common/system_event.h).
 */
#include "servers/store/events.h"

#include <string.h>

#include "servers/common/system_event.h"

void event_shared(const struct catalog_share *share, const char *by) {
    static const char *const rights[] = {"none", "read", "write", "both"};
    char prefix[256] = "";
    if (share->prefix_bytes > 0)
        memcpy(prefix, share->prefix, share->prefix_bytes);
    (void)system_event("storage.data.shared", share->name,
                       (const struct system_event_field[]){{.name = "with", .text = share->with},
                                                           {.name = "rights", .text = rights[share->rights & 3]},
                                                           {.name = "prefix", .text = prefix},
                                                           {.name = "by", .text = by},
                                                           {0}}); /* no bus: nobody listens */
}
