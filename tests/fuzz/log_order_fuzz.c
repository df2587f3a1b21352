/*
 * Fuzz target: the log service's file of the last stamp. Whatever stands in it is taken or not, nothing of it is used that was
 * not checked, and the stamps that follow grow. The input is the file, and behind it times that the clock shows.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "servers/log/order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static char path[] = "/tmp/grove-fuzz-XXXXXX";
static int folder = -1;

static void expect(int is_true) {
    if (!is_true)
        abort();
}

static void remove_folder(void) {
    (void)unlinkat(folder, ORDER_FILE, 0);
    (void)close(folder);
    (void)rmdir(path);
}

static void write_file(const uint8_t *data, size_t size_bytes) {
    if (folder < 0) {
        expect(mkdtemp(path) != NULL);
        folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        expect(folder >= 0 && atexit(remove_folder) == 0);
    }
    int file = openat(folder, ORDER_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    expect(file >= 0 && write(file, data, size_bytes) == (ssize_t)size_bytes);
    (void)close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct order order;
    struct order_stamp decoded = {0}, last, stamp;
    size_t at = size_bytes < ORDER_FILE_BYTES ? size_bytes : ORDER_FILE_BYTES;
    write_file(data, at);
    bool is_right = order_decode(data, at, &decoded);
    expect(order_open(&order, folder) == (is_right || at == 0));
    expect(order.last.steps == decoded.steps && order.last.time_ns == decoded.time_ns);
    for (last = order.last; size_bytes - at >= sizeof(uint64_t); at += sizeof(uint64_t), last = stamp) {
        uint64_t now_ns;
        memcpy(&now_ns, data + at, sizeof now_ns);
        now_ns >>= 1; /* a clock that shows a time before the year 2262 */
        expect(order_next(&order, now_ns, &stamp) == (stamp.steps > last.steps));
        expect(stamp.steps > last.steps || (stamp.steps == last.steps && stamp.time_ns > last.time_ns) ||
               last.time_ns == UINT64_MAX);
    }
    order_close(&order);
    return 0;
}
