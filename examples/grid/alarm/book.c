/* The shift book; see book.h. */
#include "examples/grid/alarm/book.h"

#include "grove/abi/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int status_of(int number) {
    if (number == ENOSPC || number == EDQUOT || number == EFBIG)
        return GROVE_FULL;
    return number == EROFS || number == EACCES || number == EPERM ? GROVE_READ_ONLY : GROVE_IO;
}

static int append(int descriptor, const void *line, size_t length_bytes) {
    off_t before = lseek(descriptor, 0, SEEK_END);
    char end[] = "\n";
    struct iovec parts[2] = {{(void *)(size_t)line, length_bytes}, {end, 1}};
    if (before < 0)
        return -1;
    ssize_t wrote = writev(descriptor, parts, 2);
    if (wrote == (ssize_t)length_bytes + 1 && fdatasync(descriptor) == 0)
        return 0;
    int number = wrote >= 0 && wrote < (ssize_t)length_bytes + 1 ? ENOSPC : errno;
    if (ftruncate(descriptor, before) < 0)
        number = errno;
    errno = number;
    return -1;
}

int book_write(const char *path, const void *line, size_t length_bytes, char *sentence, size_t sentence_bytes) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    int status = descriptor < 0 || append(descriptor, line, length_bytes) < 0 ? status_of(errno) : 0;
    if (status < 0)
        snprintf(sentence, sentence_bytes, "the shift book %s cannot be written: %s", path, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return status;
}
