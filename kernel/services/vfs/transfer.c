/* Bytes between a file and a program: see transfer.h. */
#include "kernel/services/vfs/transfer.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

static const uint8_t zeros[512];

void transfer_init(struct transfer *transfer, const struct transfer_segment *segments, uint32_t count) {
    *transfer = (struct transfer){.segments = segments, .count = count};
    for (uint32_t i = 0; i < count; i++)
        transfer->left_bytes += segments[i].size_bytes;
}

/* The next piece of the segments that lies together, at most size_bytes of it; NULL at the end. */
static uint8_t *next_piece(struct transfer *transfer, size_t *size_bytes) {
    while (transfer->segment < transfer->count) {
        const struct transfer_segment *segment = &transfer->segments[transfer->segment];
        size_t left = segment->size_bytes - transfer->segment_done_bytes;
        if (left > 0) {
            *size_bytes = *size_bytes < left ? *size_bytes : left;
            return segment->base + transfer->segment_done_bytes;
        }
        transfer->segment++;
        transfer->segment_done_bytes = 0;
    }
    return NULL;
}

static size_t copy_piece(struct transfer *transfer, void *to, const void *from, size_t size) {
    if (transfer->copy != NULL)
        size = transfer->copy(to, from, size);
    else
        memcpy(to, from, size);
    transfer->segment_done_bytes += size;
    transfer->left_bytes -= size;
    return size;
}

size_t transfer_out(struct transfer *transfer, const void *from, size_t size_bytes) {
    size_t done = 0;
    while (done < size_bytes) {
        size_t piece = size_bytes - done;
        uint8_t *to = next_piece(transfer, &piece);
        size_t copied = to != NULL ? copy_piece(transfer, to, (const uint8_t *)from + done, piece) : 0;
        done += copied;
        if (to == NULL || copied < piece)
            break;
    }
    return done;
}

size_t transfer_in(struct transfer *transfer, void *to, size_t size_bytes) {
    size_t done = 0;
    while (done < size_bytes) {
        size_t piece = size_bytes - done;
        const uint8_t *from = next_piece(transfer, &piece);
        size_t copied = from != NULL ? copy_piece(transfer, (uint8_t *)to + done, from, piece) : 0;
        done += copied;
        if (from == NULL || copied < piece)
            break;
    }
    return done;
}

size_t transfer_zeros(struct transfer *transfer, size_t size_bytes) {
    size_t done = 0;
    while (done < size_bytes) {
        size_t piece = size_bytes - done < sizeof(zeros) ? size_bytes - done : sizeof(zeros);
        size_t copied = transfer_out(transfer, zeros, piece);
        done += copied;
        if (copied < piece)
            break;
    }
    return done;
}

int transfer_bring_in(struct transfer *transfer) {
    size_t size = 1;
    const uint8_t *address = next_piece(transfer, &size);
    if (address == NULL || transfer->bring_in == NULL)
        return -LINUX_EFAULT;
    return transfer->bring_in(address);
}

size_t transfer_piece_bytes(struct transfer *transfer) {
    size_t size = SIZE_MAX;
    return next_piece(transfer, &size) != NULL ? size : 0;
}

int transfer_all_out(struct transfer *transfer, const void *from, size_t size_bytes) {
    size_t done = transfer_out(transfer, from, size_bytes);
    while (done < size_bytes) {
        int status = transfer_bring_in(transfer);
        if (status != 0)
            return status;
        done += transfer_out(transfer, (const uint8_t *)from + done, size_bytes - done);
    }
    return 0;
}

int transfer_all_in(struct transfer *transfer, void *to, size_t size_bytes) {
    size_t done = transfer_in(transfer, to, size_bytes);
    while (done < size_bytes) {
        int status = transfer_bring_in(transfer);
        if (status != 0)
            return status;
        done += transfer_in(transfer, (uint8_t *)to + done, size_bytes - done);
    }
    return 0;
}
