/* Fuzz target: an alarm event as text. Whatever is read is written as text that is read as the same event. */
#include "examples/grid/common/alarm_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    char text[ALARM_TEXT_BYTES], again[ALARM_TEXT_BYTES];
    struct alarm_event event, same;
    if (alarm_text_read(data, size_bytes, &event) < 0)
        return 0;
    size_t length = alarm_text_write(&event, text);
    if (length == 0 || alarm_text_read(text, length, &same) < 0)
        abort();
    size_t repeated = alarm_text_write(&same, again);
    if (repeated != length || memcmp(text, again, length) != 0)
        abort();
    return 0;
}
