/*
 * Events of the store: one flat JSON object each (servers/common/json_text.h).
 */
#include "servers/store/events.h"

#include <stdio.h>
#include <string.h>

#include "grove/bus.h"
#include "servers/common/json_text.h"

#define JSON_BYTES 2048u
#define SUBJECT_BYTES 128u

void event_shared(const struct catalog_share *share, const char *by) {
    static const char *const rights[] = {"none", "read", "write", "both"};
    char text[JSON_BYTES], subject[SUBJECT_BYTES], prefix[256] = "";
    struct json_text json;
    size_t length;
    if (share->prefix_bytes > 0)
        memcpy(prefix, share->prefix, share->prefix_bytes);
    json_text_begin(&json, text, sizeof text);
    json_text_string(&json, "service", share->name);
    json_text_string(&json, "with", share->with);
    json_text_string(&json, "rights", rights[share->rights & 3]);
    json_text_string(&json, "prefix", prefix);
    json_text_string(&json, "by", by);
    (void)snprintf(subject, sizeof subject, "storage.data.shared.%s", share->name);
    if (json_text_end(&json, &length) == 0)
        (void)grove_bus_emit(subject, text, length); /* no bus: nobody listens */
}
