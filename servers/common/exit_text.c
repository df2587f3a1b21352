/*
 * Words for numbers. Pure.
 */
#include "servers/common/exit_text.h"

#include <stdio.h>

#include "grove/abi/status.h"

const char *layer_text(uint32_t layer) {
    switch (layer) {
#define LAYER_CASE(name, number, text) \
    case (number): \
        return text;
        GROVE_LAYER_TABLE(LAYER_CASE)
#undef LAYER_CASE
    default:
        return "unknown";
    }
}

static const char *status_sentence(int32_t status) {
    switch (status) {
#define STATUS_CASE(name, number, sentence) \
    case (number): \
        return sentence;
        GROVE_STATUS_TABLE(STATUS_CASE)
#undef STATUS_CASE
    default:
        return "an unknown error";
    }
}

/* The signals that end programs in practice; numbers are the same on every machine Grove runs on. */
static const char *signal_sentence(int32_t number) {
    static const char *const sentences[] = {
        [1] = "hang-up",
        [2] = "interrupt",
        [3] = "quit",
        [4] = "illegal instruction",
        [6] = "abort",
        [7] = "bus error",
        [8] = "arithmetic",
        [9] = "kill",
        [11] = "segmentation fault",
        [13] = "broken pipe",
        [14] = "alarm",
        [15] = "terminate",
        [24] = "processor time limit",
        [25] = "file size limit",
        [31] = "bad system call",
    };
    size_t count = sizeof sentences / sizeof sentences[0];
    size_t index = number > 0 ? (size_t)number : count;
    return index < count && sentences[index] != NULL ? sentences[index] : "signal";
}

static const char *memory_sentence(int32_t whose) {
    switch (whose) {
    case GROVE_MEMORY_OF_PROJECT:
        return "was ended because its project used more memory than the project's budget allows";
    case GROVE_MEMORY_OF_MACHINE:
        return "was ended because the machine, or the group of processes that Grove runs in, had no more memory";
    default:
        return "used more memory than its budget allows";
    }
}

const char *exit_text(uint32_t cause, int32_t detail, uint32_t layer, char *text, size_t text_bytes) {
    switch (cause) {
    case GROVE_EXIT_CODE:
        (void)snprintf(text, text_bytes, "exited with status %d", detail);
        break;
    case GROVE_EXIT_SIGNAL:
        (void)snprintf(text, text_bytes, "was killed by signal %d (%s)", detail, signal_sentence(detail));
        break;
    case GROVE_EXIT_KILLED:
        (void)snprintf(text, text_bytes, "was killed on request");
        break;
    case GROVE_EXIT_STOPPED:
        (void)snprintf(text, text_bytes, "was stopped on request");
        break;
    case GROVE_EXIT_MEMORY:
        (void)snprintf(text, text_bytes, "%s", memory_sentence(detail));
        break;
    case GROVE_EXIT_START_FAILED:
        (void)snprintf(text, text_bytes, "could not be started: layer %s: %s", layer_text(layer),
                       status_sentence(detail));
        break;
    case GROVE_EXIT_PORT_OVERRUN:
        (void)snprintf(text, text_bytes, "did not read its kernel port and was ended");
        break;
    default:
        (void)snprintf(text, text_bytes, "has not ended");
        break;
    }
    return text;
}

bool exit_is_clean(uint32_t cause, int32_t detail) {
    return cause == GROVE_EXIT_CODE && detail == 0;
}
