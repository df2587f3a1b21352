/*
 * The contents of the peer's segment, and what an honest end does with it, as a fuzzer likes them.
 *
 *     byte 0                  n: how many choices
 *     bytes 1 .. n            the choices, taken in turn, again from the start when used up
 *     then 8 x 8 bytes        write and read positions of the three lanes, waiting, the first held range
 *     the rest                the three lanes, a third each, from their starts
 *
 * The victim (tests/channel/victim.c) checks that nothing but documented errors and pointers into the segments come out.
 */
#include "tests/channel/victim.h"

#include <stdlib.h>
#include <string.h>

#define STEPS 100u
#define WORDS 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

struct choices {
    const uint8_t *bytes;
    size_t count, next;
};

static uint64_t next_choice(void *context) {
    struct choices *choices = context;
    if (choices->count == 0)
        return 0;
    return choices->bytes[choices->next++ % choices->count];
}

static void fill_control(struct grove_control *control, const uint64_t words[WORDS]) {
    for (unsigned lane = 0; lane < GROVE_LANES; lane++) {
        control->out[lane].write_position = words[lane];
        control->in[lane].read_position = words[GROVE_LANES + lane];
    }
    control->waiting = words[6];
    control->held[0] = words[7];
}

static void fill_segment(uint8_t *segment, const uint8_t *data, size_t size_bytes) {
    struct grove_channel_layout layout = small_layout();
    uint64_t words[WORDS] = {0};
    size_t taken = size_bytes < sizeof words ? size_bytes : sizeof words;
    memset(segment, 0, layout.total_bytes);
    memcpy(words, data, taken);
    fill_control((struct grove_control *)(void *)segment, words);
    data += taken;
    size_t part = (size_bytes - taken) / GROVE_LANES;
    for (unsigned lane = 0; lane < GROVE_LANES && part != 0; lane++)
        memcpy(segment + layout.lane_offset_bytes[lane], data + lane * part,
               part < layout.lane_bytes[lane] ? part : layout.lane_bytes[lane]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    static uint8_t *segment;
    struct victim victim;
    if (segment == NULL)
        segment = aligned_alloc(GROVE_SEGMENT_PAGE, small_layout().total_bytes);
    if (segment == NULL || size_bytes == 0)
        return 0;
    size_t count = data[0] < size_bytes - 1u ? data[0] : size_bytes - 1u;
    struct choices choices = {.bytes = data + 1, .count = count};
    fill_segment(segment, data + 1 + count, size_bytes - 1u - count);
    victim_create(&victim, segment, next_choice, &choices);
    victim_run(&victim, STEPS, false);
    victim_run(&victim, STEPS, true);
    victim_destroy(&victim);
    return 0;
}
