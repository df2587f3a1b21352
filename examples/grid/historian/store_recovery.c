/*
 * Where the numbering stands, after whatever happened to the folder: by the newest snapshot in the journal and the readings
 * behind it.
 *
 * A snapshot is written every `snapshot_every` records, so looking back that far finds one, unless it is damaged; then it is
 * looked for further back. A journal without any begins where the segments of the format before it end.
 */
#include "examples/grid/historian/store_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void on_damage(const struct grove_journal_damage *damage, void *context) {
    (void)context;
    if (damage->kind == GROVE_JOURNAL_TORN || damage->is_known)
        return; /* what a crash cut off was not acknowledged, and comes again */
    fprintf(stderr, "historian: %s %s, %" PRIu64 " bytes at %" PRIu64 "%s%s\n", damage->file,
            damage->kind == GROVE_JOURNAL_UNREADABLE ? "cannot be read" : "is damaged", damage->length_bytes,
            damage->offset_bytes, damage->is_saved ? "; they are kept in " : "",
            damage->is_saved ? damage->quarantine : "");
}

static int open_journal(struct store *store, struct problem *problem) {
    struct grove_journal_problem said = {""};
    struct grove_journal_options options = {
        .folder = store->folder,
        .limits = {.segment_bytes = store->limits.segment_bytes, .keep_bytes = store->limits.keep_bytes},
        .content = "GRIDHIST",
        .on_damage = on_damage};
    int status = grove_journal_open(&options, &store->journal, &said);
    if (status < 0)
        snprintf(problem->sentence, sizeof problem->sentence, "%s", said.sentence);
    return status;
}

/* ---- reading forward ---- */

struct replay {
    struct store *store;
    bool is_complete; /* the beginning was read: what is taken continues it */
    bool has_snapshot;
};

static void replay_record(struct replay *replay, const struct grove_journal_item *item) {
    struct reading reading;
    if (item->kind == STORE_SNAPSHOT) {
        if (snapshot_decode(replay->store->durable, item->data, item->length_bytes)) {
            replay->has_snapshot = true;
            replay->store->since_snapshot = 0;
        }
        return;
    }
    if (item->kind != STORE_READING || item->length_bytes != sizeof reading ||
        !(replay->is_complete || replay->has_snapshot))
        return;
    memcpy(&reading, item->data, sizeof reading);
    if (reading.feeder != 0 && reading.sequence != 0)
        (void)snapshot_take(replay->store->durable, &reading);
    replay->store->since_snapshot++;
}

static int read_all(struct grove_journal_reader *reader, struct replay *replay, struct problem *problem) {
    struct grove_journal_item item;
    int status;
    while ((status = grove_journal_reader_next(reader, &item)) == 0 || status == GROVE_IO) {
        if (status == GROVE_IO)
            grove_journal_reader_pass(reader); /* a gap, which is told as one */
        else if (item.gap == GROVE_JOURNAL_NO_GAP)
            replay_record(replay, &item);
    }
    if (status == GROVE_AGAIN)
        return 0;
    snprintf(problem->sentence, sizeof problem->sentence, "the readings cannot be read: %s", grove_status_text(status));
    return status;
}

/* From this number on. `base` is what the journal began with. */
static int replay_from(struct store *store, uint64_t sequence, const struct snapshot_feeder *base,
                       struct replay *replay, struct problem *problem) {
    struct grove_journal_reader *reader = NULL;
    int status = grove_journal_reader_create(store->journal, &reader);
    if (status < 0)
        return status;
    memcpy(store->durable, base, sizeof store->durable);
    store->since_snapshot = 0;
    *replay =
        (struct replay){.store = store, .is_complete = sequence <= grove_journal_facts(store->journal).first_sequence};
    (void)grove_journal_reader_seek(reader, sequence);
    status = read_all(reader, replay, problem);
    grove_journal_reader_destroy(reader);
    return status;
}

int store_recover(struct store *store, struct problem *problem) {
    static struct snapshot_feeder base[GRID_FEEDERS_MAX];
    struct replay replay = {.is_complete = false};
    memset(base, 0, sizeof base);
    int status = old_segments_open(&store->old, store->folder, base, problem);
    if (status == 0)
        status = open_journal(store, problem);
    if (status < 0)
        return status;
    struct grove_journal_facts facts = grove_journal_facts(store->journal);
    for (uint64_t look = 2 * store->snapshot_every; status == 0; look *= 4) {
        uint64_t from =
            facts.next_sequence > facts.first_sequence + look ? facts.next_sequence - look : facts.first_sequence;
        status = replay_from(store, from, base, &replay, problem);
        if (replay.is_complete || replay.has_snapshot)
            break;
    }
    if (status == 0 && !replay.has_snapshot)
        store->since_snapshot = store->snapshot_every; /* one comes with the first commit */
    return status;
}
