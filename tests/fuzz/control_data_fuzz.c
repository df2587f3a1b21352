/* What a program lays beside the bytes of a message: no item reaches outside of it, and what is laid out is found again. */
#include "kernel/services/posix/sockets/control_data.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define ROOM 4096u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static uint8_t laid[ROOM];
    struct control_item item, again;
    size_t at = 0, used = 0, from = 0;
    if (size > ROOM)
        return 0;
    while (control_next(bytes, size, &at, &item) > 0) {
        if (item.contents < bytes || item.contents + item.size_bytes > bytes + size)
            abort();
        if (!control_add(laid, ROOM, &used, &item))
            break;
        if (control_next(laid, used, &from, &again) != 1 || again.level != item.level || again.kind != item.kind ||
            again.size_bytes != item.size_bytes || memcmp(again.contents, item.contents, item.size_bytes) != 0)
            abort();
    }
    return 0;
}
