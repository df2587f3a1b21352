/* Text that files consist of: see procfs.h. */
#include "kernel/machine/bare/text/format.h"
#include "kernel/services/procfs/procfs.h"

#include <string.h>

#define ROOM_FIRST 512u
#define ROOM_MAX (UINT64_C(4) << 20) /* of a process with very many mappings, say */

static bool make_room(struct proc_text *text, size_t size_bytes) {
    size_t room = text->room_bytes == 0 ? ROOM_FIRST : text->room_bytes;
    while (room - text->size_bytes < size_bytes)
        room *= 2;
    if (room == text->room_bytes)
        return true;
    char *bytes = room <= ROOM_MAX ? machine_take(text->machine, room) : NULL;
    if (bytes == NULL) {
        text->is_short = true;
        return false;
    }
    if (text->bytes != NULL) {
        memcpy(bytes, text->bytes, text->size_bytes);
        machine_give_back(text->machine, text->bytes, text->room_bytes);
    }
    text->bytes = bytes;
    text->room_bytes = room;
    return true;
}

void proc_print_bytes(struct proc_text *text, const void *bytes, size_t size_bytes) {
    if (size_bytes == 0 || !make_room(text, size_bytes))
        return;
    memcpy(text->bytes + text->size_bytes, bytes, size_bytes);
    text->size_bytes += size_bytes;
}

static void print_piece(void *context, const char *piece, size_t length) {
    proc_print_bytes(context, piece, length);
}

void proc_print(struct proc_text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    format_to(print_piece, text, format, arguments);
    va_end(arguments);
}
