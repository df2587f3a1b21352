/*
 * Capability texts: what is read is valid for the kernel and comes back the same from its written form; what is refused
 * has a sentence; and any bytes as a capability can be written without harm.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text) {
    struct grove_capability first, second;
    char error[256] = "", written[TEXT_CAPABILITY_MAX], again[TEXT_CAPABILITY_MAX];
    if (text_capability_parse(text, &first, error, sizeof(error)) < 0) {
        if (!*error)
            abort();
        return;
    }
    if (!grove_argument_is_valid(&first.argument))
        abort();
    if (text_capability_format(&first, written, sizeof(written)) >= sizeof(written))
        abort();
    if (text_capability_parse(written, &second, NULL, 0) < 0)
        abort();
    bool is_same = first.kind == second.kind && first.rights == second.rights &&
                   grove_argument_covers(&first.argument, &second.argument) &&
                   grove_argument_covers(&second.argument, &first.argument);
    text_capability_format(&second, again, sizeof(again));
    if (!is_same || strcmp(written, again) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct grove_capability capability = {0};
    char text[1024], small[8];
    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    check_text(text);
    memcpy(&capability, data, size < sizeof(capability) ? size : sizeof(capability));
    text_capability_format(&capability, small, sizeof(small));
    return 0;
}
