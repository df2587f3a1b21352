/*
 * How far named subscriptions are, in the file `places` of the bus's folder. It is written anew, synchronised and renamed,
 * so a crash leaves the old one or the new one. It is written at most once a second and may be behind: then events that
 * were done come again, which durable subscriptions promise no more than not to lose.
 */
#include "servers/bus/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/journal/crc32c.h"

#define PLACES_MAGIC 0x434c5047u /* "GPLC" */
#define PLACES_VERSION 1u
#define PLACES_MAX 4096u

struct places_head {
    uint32_t magic, version, count, check; /* check: CRC-32C of all behind the head */
};
_Static_assert(sizeof(struct place) == 136, "a place has one size on every machine");

struct place *place_find(struct durable *durable, const char *subscriber, const char *name) {
    for (unsigned at = 0; at < durable->place_count; at++)
        if (strcmp(durable->places[at].subscriber.text, subscriber) == 0 && strcmp(durable->places[at].name, name) == 0)
            return &durable->places[at];
    return NULL;
}

static int grow(struct durable *durable) {
    unsigned room = durable->place_room == 0 ? 16 : durable->place_room * 2;
    struct place *places = durable->place_count < PLACES_MAX ? realloc(durable->places, room * sizeof *places) : NULL;
    if (places == NULL)
        return GROVE_EXHAUSTED;
    durable->places = places;
    durable->place_room = room;
    return 0;
}

int place_set(struct durable *durable, const char *subscriber, const char *name, uint64_t sequence) {
    struct place *place = place_find(durable, subscriber, name);
    if (place == NULL && durable->place_count == durable->place_room && grow(durable) < 0)
        return GROVE_EXHAUSTED;
    if (place == NULL) {
        place = &durable->places[durable->place_count++];
        *place = (struct place){.sequence = 0};
        (void)snprintf(place->subscriber.text, sizeof place->subscriber.text, "%s", subscriber);
        (void)snprintf(place->name, sizeof place->name, "%s", name);
    }
    durable->are_places_changed |= place->sequence != sequence;
    place->sequence = sequence;
    return 0;
}

static bool are_whole(const struct places_head *head, const struct place *places, size_t bytes) {
    if (head->magic != PLACES_MAGIC || head->version != PLACES_VERSION || head->count > PLACES_MAX ||
        bytes != head->count * sizeof *places || head->check != crc32c(0, places, bytes))
        return false;
    for (uint32_t at = 0; at < head->count; at++)
        if (memchr(places[at].name, '\0', sizeof places[at].name) == NULL ||
            memchr(places[at].subscriber.text, '\0', sizeof places[at].subscriber.text) == NULL)
            return false;
    return true;
}

/* A file that fails its check is set aside: named subscriptions then begin where they ask for. */
int places_load(struct durable *durable) {
    struct places_head head;
    struct stat facts;
    int file = openat(durable->folder, "places", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return 0;
    size_t bytes =
        fstat(file, &facts) == 0 && facts.st_size > (off_t)sizeof head ? (size_t)facts.st_size - sizeof head : 0;
    struct place *places = bytes <= PLACES_MAX * sizeof *places ? malloc(bytes + 1) : NULL;
    bool is_read = places != NULL && read(file, &head, sizeof head) == (ssize_t)sizeof head &&
                   read(file, places, bytes) == (ssize_t)bytes && are_whole(&head, places, bytes);
    (void)close(file);
    if (!is_read) {
        free(places);
        (void)fprintf(stderr,
                      "bus: the places of named subscriptions are damaged; the file is kept as places.damaged\n");
        (void)renameat(durable->folder, "places", durable->folder, "places.damaged");
        return 0;
    }
    durable->places = places;
    durable->place_count = head.count;
    durable->place_room = head.count;
    return 0;
}

static int write_places(const struct durable *durable, int file) {
    size_t bytes = durable->place_count * sizeof *durable->places;
    struct places_head head = {.magic = PLACES_MAGIC,
                               .version = PLACES_VERSION,
                               .count = durable->place_count,
                               .check = crc32c(0, durable->places, bytes)};
    if (write(file, &head, sizeof head) != (ssize_t)sizeof head ||
        write(file, durable->places, bytes) != (ssize_t)bytes || fsync(file) < 0)
        return -1;
    return renameat(durable->folder, "places.new", durable->folder, "places");
}

int places_save(struct durable *durable) {
    int file = openat(durable->folder, "places.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int status = file < 0 ? -1 : write_places(durable, file);
    if (file >= 0)
        (void)close(file);
    if (status < 0)
        return GROVE_IO; /* it stays changed, and is tried again */
    durable->are_places_changed = false;
    return fsync(durable->folder) < 0 ? GROVE_IO : 0;
}
