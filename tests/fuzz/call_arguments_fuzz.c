/*
 * Fuzz target: the arguments of `grove call`.
 *
 * The input is a signature, a zero byte, and words with zero bytes between them. Whatever it is, encoding either fails
 * with a sentence or gives a message that decodes by the same signature, and decoding the words themselves as a message
 * reads nothing outside.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/commands/call_arguments.h"

#define WORDS_MAX 32u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int is_true) {
    if (!is_true)
        abort();
}

static void round_trip(const char *signature, const char *const *words, unsigned count) {
    static unsigned char message[4096];
    char problem[CALL_PROBLEM_BYTES] = "";
    size_t used_bytes = 0;
    json_t *object;
    int status = call_encode(signature, words, count, message, sizeof message, &used_bytes, problem, sizeof problem);
    if (status < 0)
        return;
    require(used_bytes <= sizeof message);
    require(call_decode(signature, message, used_bytes, &object, problem, sizeof problem) == 0);
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *words[WORDS_MAX];
    char problem[CALL_PROBLEM_BYTES];
    unsigned count = 0;
    json_t *object;
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    size_t signature_bytes = strlen(text);
    for (size_t at = signature_bytes + 1; at < size && count < WORDS_MAX; at += strlen(text + at) + 1)
        words[count++] = text + at;
    round_trip(text, words, count);
    if (signature_bytes < size && call_decode(text, data + signature_bytes + 1, size - signature_bytes - 1, &object,
                                              problem, sizeof problem) == 0)
        json_decref(object);
    free(text);
    return 0;
}
