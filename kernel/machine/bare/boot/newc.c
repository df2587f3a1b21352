/* The initramfs: see newc.h. An entry is a header of 110 characters, a name and data, each padded to 4 bytes. */
#include "kernel/machine/bare/boot/newc.h"

#include "grove/abi/status.h"

#include <stdbool.h>
#include <string.h>

#define HEADER_BYTES 110u
#define MAGIC "070701"
#define MAGIC_WITH_SUMS "070702"
#define TRAILER "TRAILER!!!"
/* Fields are eight hexadecimal digits each, behind the magic number. */
#define FIELD(number) (6 + 8 * (size_t)(number))

enum field {
    FIELD_NUMBER,
    FIELD_MODE,
    FIELD_USER,
    FIELD_GROUP,
    FIELD_LINKS,
    FIELD_TIME,
    FIELD_SIZE,
    FIELD_DEVICE_MAJOR,
    FIELD_DEVICE_MINOR,
    FIELD_NODE_MAJOR,
    FIELD_NODE_MINOR,
    FIELD_NAME_SIZE,
    FIELDS
};

static bool read_hex(const uint8_t *digits, uint32_t *value) {
    uint32_t sum = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint8_t digit = digits[i];
        uint32_t low = digit | 0x20u;
        if (digit >= '0' && digit <= '9')
            sum = sum << 4 | (uint32_t)(digit - '0');
        else if (low >= 'a' && low <= 'f')
            sum = sum << 4 | (low - 'a' + 10);
        else
            return false;
    }
    *value = sum;
    return true;
}

static bool read_fields(const uint8_t *header, uint32_t fields[FIELDS]) {
    for (unsigned i = 0; i < FIELDS; i++)
        if (!read_hex(header + FIELD(i), &fields[i]))
            return false;
    return true;
}

static size_t pad(size_t at) {
    return (at + 3) & ~(size_t)3;
}

static bool has_only_zeros(const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* The end of the archive without a trailer: nothing, or what a block device is filled up with. */
static bool is_at_end(const struct newc_reader *reader) {
    return reader->at >= reader->size_bytes ||
           has_only_zeros(reader->bytes + reader->at, reader->size_bytes - reader->at);
}

int newc_next(struct newc_reader *reader, struct newc_file *file) {
    uint32_t fields[FIELDS];
    if (reader->at < reader->size_bytes && reader->bytes[reader->at] == 0 && is_at_end(reader))
        return 0;
    if (reader->at >= reader->size_bytes)
        return 0;
    const uint8_t *header = reader->bytes + reader->at;
    size_t left = reader->size_bytes - reader->at;
    if (left < HEADER_BYTES || (memcmp(header, MAGIC, 6) != 0 && memcmp(header, MAGIC_WITH_SUMS, 6) != 0))
        return GROVE_INVALID;
    if (!read_fields(header, fields))
        return GROVE_INVALID;
    uint32_t size = fields[FIELD_SIZE], name_size = fields[FIELD_NAME_SIZE];
    if (name_size == 0 || name_size > left - HEADER_BYTES || header[HEADER_BYTES + name_size - 1] != 0)
        return GROVE_INVALID;
    size_t data_at = pad(reader->at + HEADER_BYTES + name_size);
    if (data_at > reader->size_bytes || size > reader->size_bytes - data_at)
        return GROVE_INVALID;
    const char *name = (const char *)header + HEADER_BYTES;
    if (strcmp(name, TRAILER) == 0)
        return 0;
    *file = (struct newc_file){.name = name,
                               .mode = fields[FIELD_MODE],
                               .data = reader->bytes + data_at,
                               .size_bytes = size,
                               .user = fields[FIELD_USER],
                               .group = fields[FIELD_GROUP],
                               .time_s = fields[FIELD_TIME],
                               .number = fields[FIELD_NUMBER],
                               .links = fields[FIELD_LINKS],
                               .device_major = fields[FIELD_DEVICE_MAJOR],
                               .device_minor = fields[FIELD_DEVICE_MINOR],
                               .node_major = fields[FIELD_NODE_MAJOR],
                               .node_minor = fields[FIELD_NODE_MINOR]};
    reader->at = pad(data_at + size);
    return 1;
}

static const char *without_root(const char *path) {
    while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
        path++;
    return path;
}

int newc_find(const uint8_t *bytes, size_t size, const char *path, struct newc_file *found) {
    struct newc_reader reader = {.bytes = bytes, .size_bytes = size};
    struct newc_file file;
    int status;
    while ((status = newc_next(&reader, &file)) > 0) {
        bool is_file = (file.mode & NEWC_KIND_MASK) == NEWC_KIND_FILE;
        if (is_file && strcmp(without_root(file.name), without_root(path)) == 0) {
            *found = file;
            return 0;
        }
    }
    return status == 0 ? GROVE_NOT_FOUND : status;
}
