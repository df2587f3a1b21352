/* See sentence.h. */
#include "kernel/machine/linux/sentence.h"

#include "grove/abi/status.h"

const char *linux_sentence(int status) {
    switch (status) {
#define SENTENCE(name, number, text) \
    case number: \
        return text;
        GROVE_STATUS_TABLE(SENTENCE)
#undef SENTENCE
    default:
        return "an unknown error";
    }
}
