/* Segments and records in memory; see format.h. */
#include "lib/journal/format.h"

#include <string.h>

#include "grove/abi/status.h"
#include "lib/journal/crc32c.h"

static const char magic[8] = {'G', 'R', 'V', 'J', 'R', 'N', 'L', '1'};

void journal_header_seal(struct journal_header *header) {
    memcpy(header->magic, magic, sizeof magic);
    header->version = JOURNAL_VERSION;
    header->header_bytes = sizeof *header;
    header->check = crc32c(0, header, offsetof(struct journal_header, check));
}

int journal_header_check(const struct journal_header *header) {
    if (memcmp(header->magic, magic, sizeof magic) != 0 ||
        header->check != crc32c(0, header, offsetof(struct journal_header, check)))
        return GROVE_CORRUPT;
    bool is_known = header->version == JOURNAL_VERSION && header->header_bytes == sizeof *header;
    if (!is_known)
        return GROVE_VERSION;
    bool makes_sense = header->number > 0 && header->first_sequence > 0 && header->first_batch > 0;
    return makes_sense ? 0 : GROVE_CORRUPT;
}

uint32_t journal_seed(const struct journal_header *header) {
    return crc32c(0, &header->salt, sizeof header->salt);
}

static uint32_t record_check(const struct journal_record *record, uint32_t seed) {
    return crc32c(seed, (const unsigned char *)record + sizeof record->check, sizeof *record - sizeof record->check);
}

void journal_record_seal(struct journal_record *record, const void *data, uint32_t seed) {
    record->data_check = crc32c(seed, data, record->length_bytes);
    record->check = record_check(record, seed);
}

bool journal_record_is_whole(const struct journal_record *record, uint32_t seed) {
    return record->check == record_check(record, seed);
}

bool journal_data_is_whole(const struct journal_record *record, const void *data, uint32_t seed) {
    return record->data_check == crc32c(seed, data, record->length_bytes);
}

uint64_t journal_batch_sequence(const struct journal_record *record) {
    uint64_t before = record->position;
    if ((record->flags & JOURNAL_MARKED) != 0 && before > 0)
        before--;
    return record->sequence - before;
}
