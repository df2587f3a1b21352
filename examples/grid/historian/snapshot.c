/* See snapshot.h. */
#include "examples/grid/historian/snapshot.h"

#include <string.h>

struct snapshot_feeder *snapshot_place(struct snapshot_feeder *table, uint64_t feeder) {
    for (unsigned i = 0; i < GRID_FEEDERS_MAX; i++)
        if (table[i].feeder == feeder || table[i].feeder == 0) {
            table[i].feeder = feeder;
            return &table[i];
        }
    return NULL;
}

bool snapshot_take(struct snapshot_feeder *table, const struct reading *reading) {
    struct snapshot_feeder *place = snapshot_place(table, reading->feeder);
    if (place == NULL || numbering_is_repeated(&place->numbering, reading->epoch, reading->sequence) ||
        numbering_is_past(&place->past, reading->epoch, reading->sequence))
        return false;
    numbering_remember(&place->past, &place->numbering, reading->epoch);
    numbering_take(&place->numbering, reading->epoch, reading->sequence);
    place->latest = *reading;
    return true;
}

size_t snapshot_encode(const struct snapshot_feeder *table, void *bytes) {
    struct snapshot_head head = {.version = SNAPSHOT_VERSION};
    while (head.feeders < GRID_FEEDERS_MAX && table[head.feeders].feeder != 0)
        head.feeders++;
    memcpy(bytes, &head, sizeof head);
    memcpy((char *)bytes + sizeof head, table, head.feeders * sizeof *table);
    return sizeof head + head.feeders * sizeof *table;
}

bool snapshot_decode(struct snapshot_feeder *table, const void *bytes, size_t length_bytes) {
    static struct snapshot_feeder read[GRID_FEEDERS_MAX];
    struct snapshot_head head;
    if (length_bytes < sizeof head)
        return false;
    memcpy(&head, bytes, sizeof head);
    if (head.version != SNAPSHOT_VERSION || head.feeders > GRID_FEEDERS_MAX ||
        length_bytes != sizeof head + head.feeders * sizeof *read)
        return false;
    memset(read, 0, sizeof read);
    memcpy(read, (const char *)bytes + sizeof head, head.feeders * sizeof *read);
    for (unsigned i = 0; i < head.feeders; i++)
        if (read[i].feeder == 0 || read[i].past.next >= NUMBERING_PAST_EPOCHS)
            return false;
    memcpy(table, read, sizeof read);
    return true;
}
