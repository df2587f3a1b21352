/*
 * Dead letters on disk: one file for each, in a folder of their own.
 *
 *     NNNNNNNNNNNNNNNNNNNN.letter: struct letter (1048 bytes) | the event's image
 *
 * A letter is written under another name and renamed, so a crash of the bus leaves it whole or not at all; letters_sync
 * makes it outlive a crash of the machine. A file that fails its check is renamed to NAME.damaged and passed over. The
 * oldest of more letters or bytes than may be are removed, and counted.
 *
 * File descriptors only; one thread, but for letters_sync.
 */
#ifndef SERVERS_BUS_LETTERS_H
#define SERVERS_BUS_LETTERS_H

#include "grove/bus_protocol.h"

#define LETTER_MAGIC 0x544c4447u /* "GDLT" */
#define LETTER_VERSION 1u
/* As many as there may be, until letters_limit says otherwise. */
#define LETTERS_MAX 10000u
#define LETTERS_BYTES_MAX (UINT64_C(64) << 20)
#define LETTERS_SYNC_MAX 64u

struct letter {
    uint32_t magic, version;
    uint32_t check; /* CRC-32C of all behind this field, the image included */
    uint32_t image_bytes;
    uint64_t id, time_ns;
    uint32_t attempts;
    int32_t status;
    struct grove_name subscriber;
    char pattern[GROVE_SUBJECT_MAX + 1];
    char group[GROVE_BUS_GROUP_MAX + 1];
    char error[GROVE_BUS_ERROR_MAX + 1];
};
_Static_assert(sizeof(struct letter) == 680, "a letter has one size on every machine");

struct letter_place {
    uint64_t id, bytes;
};
struct letters {
    int folder;
    struct letter_place *place; /* by id */
    unsigned count, room;
    uint64_t bytes, next_id, dropped, damaged;
    uint64_t most, bytes_most;
    uint64_t unsynced[LETTERS_SYNC_MAX]; /* ids; more than fit are not made sure of */
    unsigned unsynced_count;
};

/* What is there. GROVE_IO, GROVE_NO_MEMORY. The folder is borrowed. */
int letters_open(struct letters *letters, int folder);
void letters_close(struct letters *letters);
/* Sets magic, version, check, image_bytes and id. GROVE_FULL, GROVE_IO, GROVE_NO_MEMORY. */
int letters_add(struct letters *letters, struct letter *letter, const struct grove_bus_image *image);
/* The first with an id above this one; GROVE_NOT_FOUND. */
int letters_next(const struct letters *letters, uint64_t after, uint64_t *id);
/* The letter, and its image to be freed. GROVE_NOT_FOUND, GROVE_CORRUPT (it is set aside), GROVE_IO, GROVE_NO_MEMORY. */
int letters_read(struct letters *letters, uint64_t id, struct letter *letter, struct grove_bus_image **image);
void letters_remove(struct letters *letters, uint64_t id);
/* From now on so many letters, and bytes, at most. */
void letters_limit(struct letters *letters, uint64_t most, uint64_t bytes_most);
/* In any thread: make sure of these. */
void letters_sync(int folder, const uint64_t *ids, unsigned count);

/* Is an image as long as its record says, and do its parts lie inside it? */
bool letter_image_is_sound(const struct grove_bus_image *image, size_t length_bytes);

#endif
