/* The console as a file: see console_file.h. */
#include "kernel/machine/x86_64/process/console_file.h"

#include "kernel/machine/x86_64/console/console.h"
#include "kernel/services/vfs/errors.h"

#define PIECE_BYTES 256u
#define STANDARD_DESCRIPTORS 3u

static int read_nothing(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    (void)file;
    (void)transfer;
    (void)done_bytes;
    return 0;
}

/* Through a buffer: nothing of the program's is read while the console's lock is held. */
static int write_console(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    char piece[PIECE_BYTES];
    (void)file;
    while (transfer->left_bytes > 0) {
        size_t size = transfer_in(transfer, piece, sizeof(piece));
        console_write(piece, size);
        *done_bytes += size;
        if (size < sizeof(piece) && transfer->left_bytes > 0 && transfer_bring_in(transfer) < 0)
            return -LINUX_EFAULT;
    }
    return 0;
}

static uint32_t poll(struct open_file *file, struct wait_queue **queues) {
    (void)file;
    (void)queues;
    return LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLOUT | LINUX_POLLWRNORM;
}

static const struct file_operations operations = {
    .read = read_nothing, .write = write_console, .poll = poll, .name = "/dev/console"};

int console_file_open(struct vfs *vfs, struct descriptors *descriptors) {
    uint32_t number;
    struct open_file *file = file_create(vfs, &operations, NULL, LINUX_O_RDWR);
    if (file == NULL)
        return -LINUX_ENOMEM;
    for (uint32_t i = 0; i < STANDARD_DESCRIPTORS; i++) {
        file_ref(file);
        int status = descriptors_add(descriptors, file, 0, false, &number);
        if (status < 0) {
            file_unref(file);
            file_unref(file);
            return status;
        }
    }
    file_unref(file);
    return 0;
}
