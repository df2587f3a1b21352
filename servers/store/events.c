/*
 * Events of the store, at most once.
 */
#include "servers/store/events.h"

void event_shared(const struct catalog_share *share, const char *owner) {
    (void)share;
    (void)owner;
}
