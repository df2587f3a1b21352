/* Fuzz target: the initramfs. Every entry lies inside of the archive, and the reader comes to an end. */
#include "kernel/machine/bare/boot/newc.h"

#include "grove/abi/status.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void check_inside(const struct newc_file *file, const uint8_t *data, size_t size) {
    const uint8_t *name = (const uint8_t *)file->name;
    if (name < data || name + strlen(file->name) >= data + size)
        abort();
    if (file->data < data || file->data > data + size || file->size_bytes > (size_t)(data + size - file->data))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct newc_reader reader = {.bytes = data, .size_bytes = size_bytes};
    struct newc_file file;
    int status;
    size_t last = 0;
    while ((status = newc_next(&reader, &file)) > 0) {
        check_inside(&file, data, size_bytes);
        if (reader.at <= last)
            abort();
        last = reader.at;
    }
    if (status != 0 && status != GROVE_INVALID)
        abort();
    status = newc_find(data, size_bytes, "/init", &file);
    if (status == 0)
        check_inside(&file, data, size_bytes);
    return 0;
}
