/* Rows of files, in the file system that the initramfs was unpacked into, which is a tmpfs: see rows.h. */
#include "rows.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "/bench"
#define INSIDE FOLDER "/inside"
#define EXAMPLE INSIDE "/example"
#define CREATED INSIDE "/created"
#define WRITTEN_BYTES 4096u

/* A file three folders deep; it stays for the next row. */
static int prepare(void) {
    if ((mkdir(FOLDER, 0755) < 0 && errno != EEXIST) || (mkdir(INSIDE, 0755) < 0 && errno != EEXIST))
        return -errno;
    int file = open(EXAMPLE, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    return file < 0 ? -errno : rows_check(close(file));
}

int row_open_close(uint32_t count, uint64_t *cycles) {
    int status = prepare();
    uint64_t begin = cycles_now();
    for (uint32_t i = 0; i < count && status == 0; i++) {
        int file = open(EXAMPLE, O_RDONLY | O_CLOEXEC);
        status = file < 0 ? -errno : rows_check(close(file));
    }
    *cycles = cycles_now() - begin;
    return status;
}

int row_stat(uint32_t count, uint64_t *cycles) {
    struct stat about;
    int status = prepare();
    uint64_t begin = cycles_now();
    for (uint32_t i = 0; i < count && status == 0; i++)
        status = rows_check(stat(EXAMPLE, &about));
    *cycles = cycles_now() - begin;
    return status;
}

int row_create(uint32_t count, uint64_t *cycles) {
    static const char bytes[WRITTEN_BYTES];
    int status = prepare();
    uint64_t begin = cycles_now();
    for (uint32_t i = 0; i < count && status == 0; i++) {
        int file = open(CREATED, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
        if (file < 0 || write(file, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes) || close(file) < 0 ||
            unlink(CREATED) < 0)
            status = -errno;
    }
    *cycles = cycles_now() - begin;
    return status;
}
