/* See numbers.h. */
#include "servers/bus/numbers.h"

#include <string.h>

#include "grove/bus_protocol.h"

/* As far back as the newest event is looked for where the last ones are damaged. */
#define LAST_RECORDS 64u

uint64_t number_of_item(const struct grove_journal_item *item) {
    struct grove_bus_image image;
    if (item->gap != GROVE_JOURNAL_NO_GAP)
        return 0;
    if (item->length_bytes < sizeof image)
        return item->sequence;
    memcpy(&image, item->data, sizeof image);
    return image.durable_sequence != 0 ? image.durable_sequence : item->sequence;
}

/* The first event at or behind this record: its number, and which record it is. 0: there is none. */
static int look(struct grove_journal_reader *reader, uint64_t sequence, uint64_t *number, uint64_t *found) {
    struct grove_journal_item item;
    int status;
    (void)grove_journal_reader_seek(reader, sequence);
    while ((status = grove_journal_reader_next(reader, &item)) == 0 && item.gap != GROVE_JOURNAL_NO_GAP)
        continue;
    *number = status == 0 ? number_of_item(&item) : 0;
    *found = status == 0 ? item.sequence : 0;
    return status == GROVE_AGAIN ? 0 : status;
}

uint64_t number_at(struct grove_journal_reader *reader, uint64_t sequence) {
    uint64_t number, found;
    return look(reader, sequence, &number, &found) == 0 ? number : 0;
}

uint64_t number_first(struct grove_journal *log, struct grove_journal_reader *reader) {
    return number_at(reader, grove_journal_facts(log).first_sequence);
}

uint64_t number_last(struct grove_journal *log, struct grove_journal_reader *reader) {
    struct grove_journal_facts facts = grove_journal_facts(log);
    struct grove_journal_item item;
    uint64_t last = 0;
    if (facts.next_sequence == facts.first_sequence)
        return facts.next_sequence - 1;
    uint64_t from = facts.next_sequence - facts.first_sequence > LAST_RECORDS ? facts.next_sequence - LAST_RECORDS
                                                                              : facts.first_sequence;
    (void)grove_journal_reader_seek(reader, from);
    while (grove_journal_reader_next(reader, &item) == 0)
        last = item.gap == GROVE_JOURNAL_NO_GAP ? number_of_item(&item) : last + item.last_sequence - item.sequence + 1;
    return last > facts.next_sequence - 1 ? last : facts.next_sequence - 1;
}

/* The first record whose event has this number or a later one lies in [low, high]. */
static int bisect(struct grove_journal_reader *reader, uint64_t number, uint64_t low, uint64_t high, uint64_t *found) {
    while (low < high) {
        uint64_t middle = low + (high - low) / 2, there, record;
        int status = look(reader, middle, &there, &record);
        if (status < 0)
            return status;
        if (there == 0 || there >= number)
            high = middle;
        else
            low = record + 1;
    }
    *found = low;
    return 0;
}

/* As many records before the first one may have had this number or a later one. */
static uint64_t removed_before(uint64_t first_sequence, uint64_t first_number, uint64_t number) {
    uint64_t numbers = first_number > number ? first_number - number : 0;
    return numbers < first_sequence ? numbers : first_sequence - 1;
}

int number_seek(struct grove_journal *log, struct grove_journal_reader *reader, uint64_t number, bool is_exact) {
    struct grove_journal_facts facts = grove_journal_facts(log);
    uint64_t first = facts.first_sequence, high = number < facts.next_sequence ? number : facts.next_sequence;
    uint64_t there = 0, record = 0, found = first;
    int status = high >= first ? look(reader, high, &there, &record) : 0;
    if (status == 0 && there == number && record == high)
        return grove_journal_reader_seek(reader, high);
    if (status == 0)
        status = look(reader, first, &there, &record);
    if (status < 0)
        return status;
    if (there >= number || there == 0)
        found = is_exact && there != 0 ? first - removed_before(first, there, number) : first;
    else
        status = bisect(reader, number, first, high, &found);
    return status < 0 ? status : grove_journal_reader_seek(reader, found);
}
