/*
 * The text form of capabilities as libgrove offers it: the same as text.h, with the sentence as the last error.
 */
#include "grove/grove.h"
#include "lib/session/error.h"
#include "lib/text/text.h"

int grove_capability_parse(const char *text, struct grove_capability *capability) {
    char sentence[256];
    int status = text_capability_parse(text, capability, sentence, sizeof(sentence));
    return status < 0 ? error_set(status, "%s", sentence) : 0;
}

size_t grove_capability_format(const struct grove_capability *capability, char *text, size_t size_bytes) {
    return text_capability_format(capability, text, size_bytes);
}
