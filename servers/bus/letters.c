/* Dead letters on disk; see letters.h. */
#include "servers/bus/letters.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/journal/crc32c.h"

#define NAME_BYTES 48

static void file_name(uint64_t id, char name[NAME_BYTES]) {
    (void)snprintf(name, NAME_BYTES, "%020" PRIu64 ".letter", id);
}

static uint32_t check_of(const struct letter *letter, const void *image) {
    const size_t covered = offsetof(struct letter, check) + sizeof letter->check;
    return crc32c(crc32c(0, (const char *)letter + covered, sizeof *letter - covered), image, letter->image_bytes);
}

/* Subject, publisher and reply_to, each as long as it says: they are used as texts. */
static bool texts_are_whole(const struct grove_bus_image *image) {
    const uint16_t lengths[] = {image->subject_bytes, image->publisher_bytes, image->reply_bytes};
    const char *at = (const char *)(image + 1);
    for (unsigned text = 0; text < sizeof lengths / sizeof lengths[0]; text++) {
        if (at[lengths[text]] != '\0' || memchr(at, '\0', lengths[text]) != NULL)
            return false;
        at += lengths[text] + 1u;
    }
    return lengths[0] > 0;
}

bool letter_image_is_sound(const struct grove_bus_image *image, size_t length_bytes) {
    if (length_bytes < sizeof *image || image->size_bytes != length_bytes)
        return false;
    uint64_t texts = (uint64_t)image->subject_bytes + image->publisher_bytes + image->reply_bytes + 3;
    uint64_t trace_bytes = (image->flags & GROVE_BUS_IMAGE_TRACED) != 0 ? sizeof(struct grove_trace_context) : 0;
    if (image->subject_bytes > GROVE_SUBJECT_MAX || image->publisher_bytes > GROVE_NAME_MAX ||
        image->reply_bytes > GROVE_SUBJECT_MAX || image->headers_bytes > GROVE_BUS_DATA_MAX ||
        image->data_bytes > GROVE_BUS_DATA_MAX)
        return false;
    return ((sizeof *image + texts + image->headers_bytes + 7) & ~UINT64_C(7)) + image->data_bytes + trace_bytes <=
               length_bytes &&
           texts_are_whole(image);
}

/* ---- the table ---- */

static int compare_ids(const void *left, const void *right) {
    uint64_t a = ((const struct letter_place *)left)->id, b = ((const struct letter_place *)right)->id;
    return (a > b) - (a < b);
}

static int grow(struct letters *letters) {
    if (letters->count < letters->room)
        return 0;
    unsigned room = letters->room == 0 ? 16 : letters->room * 2;
    struct letter_place *place = realloc(letters->place, room * sizeof *place);
    if (place == NULL)
        return GROVE_NO_MEMORY;
    letters->place = place;
    letters->room = room;
    return 0;
}

static void forget(struct letters *letters, unsigned at) {
    letters->bytes -= letters->place[at].bytes;
    letters->count--;
    memmove(&letters->place[at], &letters->place[at + 1], (letters->count - at) * sizeof letters->place[0]);
}

static struct letter_place *find(const struct letters *letters, uint64_t id) {
    const struct letter_place wanted = {.id = id};
    return letters->count == 0
               ? NULL
               : bsearch(&wanted, letters->place, letters->count, sizeof letters->place[0], compare_ids);
}

static int note(struct letters *letters, const char *name) {
    char *end, expected[NAME_BYTES];
    struct stat facts;
    uint64_t id = strtoull(name, &end, 10);
    file_name(id, expected);
    if (id == 0 || id == UINT64_MAX || strcmp(name, expected) != 0 ||
        fstatat(letters->folder, name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    int status = grow(letters);
    if (status < 0)
        return status;
    letters->place[letters->count++] = (struct letter_place){.id = id, .bytes = (uint64_t)facts.st_size};
    letters->bytes += (uint64_t)facts.st_size;
    if (id >= letters->next_id)
        letters->next_id = id + 1;
    return 0;
}

int letters_open(struct letters *letters, int folder) {
    *letters = (struct letters){.folder = folder, .next_id = 1, .most = LETTERS_MAX, .bytes_most = LETTERS_BYTES_MAX};
    int descriptor = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = descriptor < 0 ? NULL : fdopendir(descriptor);
    const struct dirent *entry;
    int status = 0;
    if (listing == NULL) {
        if (descriptor >= 0)
            (void)close(descriptor);
        return GROVE_IO;
    }
    while (status == 0 && (entry = readdir(listing)) != NULL)
        status = note(letters, entry->d_name);
    (void)closedir(listing);
    if (letters->count > 1)
        qsort(letters->place, letters->count, sizeof letters->place[0], compare_ids);
    return status;
}

void letters_close(struct letters *letters) {
    free(letters->place);
    *letters = (struct letters){.folder = -1};
}

/* ---- one letter ---- */

static int write_letter(const struct letters *letters, const struct letter *letter,
                        const struct grove_bus_image *image) {
    char name[NAME_BYTES];
    struct iovec parts[2] = {{(void *)(uintptr_t)letter, sizeof *letter},
                             {(void *)(uintptr_t)image, image->size_bytes}};
    file_name(letter->id, name);
    int file = openat(letters->folder, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return errno == ENOSPC || errno == EDQUOT ? GROVE_FULL : GROVE_IO;
    ssize_t wrote = writev(file, parts, 2);
    int status = wrote == (ssize_t)(sizeof *letter + image->size_bytes) ? 0
                 : wrote >= 0 || errno == ENOSPC || errno == EDQUOT     ? GROVE_FULL
                                                                        : GROVE_IO;
    (void)close(file);
    if (status == 0 && renameat(letters->folder, "new", letters->folder, name) < 0)
        status = GROVE_IO;
    if (status < 0)
        (void)unlinkat(letters->folder, "new", 0);
    return status;
}

static void remove_oldest(struct letters *letters) {
    for (; letters->count > letters->most || letters->bytes > letters->bytes_most; letters->dropped++)
        letters_remove(letters, letters->place[0].id);
}

int letters_add(struct letters *letters, struct letter *letter, const struct grove_bus_image *image) {
    int status = grow(letters);
    if (status < 0)
        return status;
    letter->magic = LETTER_MAGIC;
    letter->version = LETTER_VERSION;
    letter->image_bytes = image->size_bytes;
    letter->id = letters->next_id;
    letter->check = check_of(letter, image);
    status = write_letter(letters, letter, image);
    if (status < 0)
        return status;
    uint64_t bytes = sizeof *letter + image->size_bytes;
    letters->place[letters->count++] = (struct letter_place){.id = letters->next_id++, .bytes = bytes};
    letters->bytes += bytes;
    if (letters->unsynced_count < LETTERS_SYNC_MAX)
        letters->unsynced[letters->unsynced_count++] = letter->id;
    remove_oldest(letters);
    return 0;
}

void letters_limit(struct letters *letters, uint64_t most, uint64_t bytes_most) {
    letters->most = most;
    letters->bytes_most = bytes_most;
    remove_oldest(letters);
}

int letters_next(const struct letters *letters, uint64_t after, uint64_t *id) {
    unsigned low = 0, high = letters->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (letters->place[middle].id <= after)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == letters->count)
        return GROVE_NOT_FOUND;
    *id = letters->place[low].id;
    return 0;
}

static void set_aside(struct letters *letters, uint64_t id) {
    char name[NAME_BYTES], damaged[NAME_BYTES + 8];
    file_name(id, name);
    (void)snprintf(damaged, sizeof damaged, "%s.damaged", name);
    (void)renameat(letters->folder, name, letters->folder, damaged);
    (void)fprintf(stderr, "bus: the dead letter %s is damaged; it is kept as %s\n", name, damaged);
    letters->damaged++;
    struct letter_place *place = find(letters, id);
    if (place != NULL)
        forget(letters, (unsigned)(place - letters->place));
}

static bool texts_end(const struct letter *letter) {
    return memchr(letter->subscriber.text, '\0', sizeof letter->subscriber.text) != NULL &&
           memchr(letter->pattern, '\0', sizeof letter->pattern) != NULL &&
           memchr(letter->group, '\0', sizeof letter->group) != NULL &&
           memchr(letter->error, '\0', sizeof letter->error) != NULL;
}

static int read_file(int file, uint64_t id, struct letter *letter, struct grove_bus_image **image) {
    struct stat facts;
    if (fstat(file, &facts) < 0)
        return GROVE_IO;
    if (read(file, letter, sizeof *letter) != (ssize_t)sizeof *letter)
        return GROVE_CORRUPT;
    if (letter->magic != LETTER_MAGIC || letter->version != LETTER_VERSION || letter->id != id || !texts_end(letter) ||
        (uint64_t)facts.st_size != sizeof *letter + letter->image_bytes)
        return GROVE_CORRUPT;
    struct grove_bus_image *made = malloc(letter->image_bytes + 1u);
    if (made == NULL)
        return GROVE_NO_MEMORY;
    if (read(file, made, letter->image_bytes) != (ssize_t)letter->image_bytes ||
        letter->check != check_of(letter, made) || !letter_image_is_sound(made, letter->image_bytes)) {
        free(made);
        return GROVE_CORRUPT;
    }
    *image = made;
    return 0;
}

int letters_read(struct letters *letters, uint64_t id, struct letter *letter, struct grove_bus_image **image) {
    char name[NAME_BYTES];
    if (find(letters, id) == NULL)
        return GROVE_NOT_FOUND;
    file_name(id, name);
    int file = openat(letters->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return GROVE_IO;
    int status = read_file(file, id, letter, image);
    (void)close(file);
    if (status == GROVE_CORRUPT)
        set_aside(letters, id);
    return status;
}

void letters_remove(struct letters *letters, uint64_t id) {
    char name[NAME_BYTES];
    struct letter_place *place = find(letters, id);
    file_name(id, name);
    (void)unlinkat(letters->folder, name, 0);
    if (place != NULL)
        forget(letters, (unsigned)(place - letters->place));
}

void letters_sync(int folder, const uint64_t *ids, unsigned count) {
    for (unsigned at = 0; at < count; at++) {
        char name[NAME_BYTES];
        file_name(ids[at], name);
        int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (file < 0)
            continue; /* purged meanwhile */
        (void)fsync(file);
        (void)close(file);
    }
    (void)fsync(folder);
}
