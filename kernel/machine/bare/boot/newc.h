/*
 * The initramfs: an archive in cpio's format `newc`, read in place (Linux's Documentation/driver-api/early-userspace/
 * buffer-format says what it looks like). It is input: nothing outside of it is read, whatever it says.
 */
#ifndef GROVE_BARE_NEWC_H
#define GROVE_BARE_NEWC_H

#include <stddef.h>
#include <stdint.h>

#define NEWC_KIND_MASK 0170000u
#define NEWC_KIND_FILE 0100000u
#define NEWC_KIND_FOLDER 0040000u

struct newc_reader {
    const uint8_t *bytes;
    size_t size_bytes;
    size_t at; /* where the next entry begins */
};

/* One entry; pointers are into the archive. */
struct newc_file {
    const char *name; /* terminated, as it stands there: "bin/sh", "./bin/sh" */
    uint32_t mode;
    const uint8_t *data; /* of a file; a link's text, not terminated */
    size_t size_bytes;
    uint32_t user, group;
    uint32_t time_s; /* of the last change, since 1970 */
    uint32_t number, links; /* entries of one number, on one device, are names of one file; the last one has its data */
    uint32_t device_major, device_minor; /* that the file was on */
    uint32_t node_major, node_minor; /* that a device node stands for */
};

/* 1: an entry; 0: the end (the trailer, or nothing but zeros follow); GROVE_INVALID: it is damaged there. */
int newc_next(struct newc_reader *reader, struct newc_file *file);
/*
 * The first regular file with this path; "/" or "./" before either name does not count. GROVE_NOT_FOUND, GROVE_INVALID:
 * damaged before it was found.
 */
int newc_find(const uint8_t *bytes, size_t size_bytes, const char *path, struct newc_file *file);

#endif
