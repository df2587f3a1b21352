/*
 * Fuzz target: what the grid reads that others wrote. The first byte chooses: a profile (parsed and played), a
 * configuration, or the bytes that a Modbus/TCP device sends back.
 */
#include "examples/grid/common/config.h"
#include "examples/grid/common/modbus_frame.h"
#include "examples/grid/substation/profile.h"

#include "grove/abi/status.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void try_profile(const char *text, size_t length) {
    static struct profile profile;
    struct problem problem = {""};
    if (profile_parse("profile", text, length, &profile, &problem) < 0) {
        if (problem.sentence[0] == 0)
            abort(); /* a refusal without a sentence */
        return;
    }
    for (uint64_t i = 0; i < 64; i++)
        for (unsigned quantity = 0; quantity < PROFILE_QUANTITIES; quantity++)
            (void)profile_value(&profile, &profile.feeder[i % PROFILE_FEEDERS_MAX][quantity],
                                i * (profile.loop_ns / 7 + 1), 0);
}

static void try_config(const char *text, size_t length) {
    static struct grid_config config;
    struct problem problem = {""};
    int status = config_parse("config", text, length, &config, &problem);
    if (status < 0 && problem.sentence[0] == 0)
        abort();
    if (status == 0 && (config.feeder_count == 0 || config.feeder_count > GRID_FEEDERS_MAX))
        abort();
}

/* Frame after frame, as the client takes them from its buffer. */
static void try_answers(const uint8_t *data, size_t size_bytes) {
    static const struct modbus_request requests[] = {
        {.unit = 1, .table = TABLE_INPUT, .count = 5},
        {.unit = 1, .table = TABLE_COIL, .count = 9},
        {.unit = 1, .is_write = true, .value = true, .address = 3},
    };
    size_t length;
    while (modbus_frame_length(data, size_bytes, &length) == 0) {
        unsigned char *frame = malloc(length); /* exactly as long as it is, so that a byte too many is noticed */
        if (frame == NULL)
            return;
        memcpy(frame, data, length);
        for (unsigned i = 0; i < sizeof requests / sizeof requests[0]; i++) {
            struct modbus_answer answer;
            if (modbus_frame_read(frame, length, &requests[i], &answer) == 0 && answer.count > MODBUS_WORDS_MAX)
                abort();
        }
        free(frame);
        data += length;
        size_bytes -= length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    if (size_bytes == 0)
        return 0;
    if (data[0] == 'c')
        try_config((const char *)data + 1, size_bytes - 1);
    else if (data[0] == 'm')
        try_answers(data + 1, size_bytes - 1);
    else
        try_profile((const char *)data + 1, size_bytes - 1);
    return 0;
}
