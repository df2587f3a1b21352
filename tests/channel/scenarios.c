#include "tests/channel/scenarios.h"

#define MESSAGE(lane_, body) \
    { .kind = GROVE_RECORD_MESSAGE, .lane = (lane_), .body_bytes = (body) }
#define CALL(lane_, body, answer_) \
    { .kind = GROVE_RECORD_CALL, .lane = (lane_), .body_bytes = (body), .answer = (answer_) }
#define WITH_BLOCK(kind_, lane_, slices_, block, answer_, held) \
    { \
        .kind = (kind_), .lane = (lane_), .slices = (slices_), .block_bytes = (block), .answer = (answer_), \
        .is_held = (held) \
    }

enum { HIGH = GROVE_LANE_HIGH, MEDIUM = GROVE_LANE_MEDIUM, LOW = GROVE_LANE_LOW };

/* Sizes that wrap the lane of 4096 bytes, with a PAD and with a remainder too short for one. */
static const struct item one_way[] = {MESSAGE(LOW, 1900), MESSAGE(LOW, 1000), MESSAGE(LOW, 1500), MESSAGE(LOW, 0),
                                      MESSAGE(LOW, 2008), MESSAGE(LOW, 1992), MESSAGE(LOW, 7),    {0}};
static const struct item calls[] = {CALL(MEDIUM, 10, ANSWER_PLAIN),   CALL(MEDIUM, 1700, ANSWER_ERROR),
                                    CALL(MEDIUM, 0, ANSWER_PLAIN),    CALL(MEDIUM, 1500, ANSWER_PLAIN),
                                    CALL(MEDIUM, 1500, ANSWER_PLAIN), {0}};
static const struct item loans[] = {WITH_BLOCK(GROVE_RECORD_MESSAGE, LOW, 1, 12000, 0, false),
                                    WITH_BLOCK(GROVE_RECORD_MESSAGE, LOW, 1, 12000, 0, false),
                                    WITH_BLOCK(GROVE_RECORD_MESSAGE, LOW, 1, 30000, 0, false),
                                    WITH_BLOCK(GROVE_RECORD_CALL, HIGH, 1, 4096, ANSWER_LOAN, false),
                                    WITH_BLOCK(GROVE_RECORD_MESSAGE, LOW, 1, 20000, 0, false),
                                    {0}};
static const struct item slices[] = {WITH_BLOCK(GROVE_RECORD_MESSAGE, LOW, 3, 12000, 0, false),
                                     WITH_BLOCK(GROVE_RECORD_MESSAGE, MEDIUM, 2, 9000, 0, false),
                                     WITH_BLOCK(GROVE_RECORD_CALL, LOW, 4, 16384, ANSWER_PLAIN, false),
                                     WITH_BLOCK(GROVE_RECORD_MESSAGE, LOW, 1, 25000, 0, false),
                                     {0}};
static const struct item replies_by_slice[] = {WITH_BLOCK(GROVE_RECORD_CALL, HIGH, 1, 9000, ANSWER_BACK, false),
                                               WITH_BLOCK(GROVE_RECORD_CALL, HIGH, 2, 9000, ANSWER_BACK, false),
                                               WITH_BLOCK(GROVE_RECORD_CALL, LOW, 1, 9000, ANSWER_LOAN, false),
                                               WITH_BLOCK(GROVE_RECORD_CALL, HIGH, 1, 9000, ANSWER_BACK, false),
                                               WITH_BLOCK(GROVE_RECORD_MESSAGE, HIGH, 1, 9000, 0, false),
                                               {0}};
static const struct item three_lanes[] = {MESSAGE(LOW, 1200),
                                          CALL(MEDIUM, 1200, ANSWER_PLAIN),
                                          MESSAGE(HIGH, 1200),
                                          MESSAGE(MEDIUM, 1200),
                                          MESSAGE(LOW, 1200),
                                          CALL(HIGH, 8, ANSWER_PLAIN),
                                          MESSAGE(LOW, 1200),
                                          CALL(LOW, 64, ANSWER_ERROR),
                                          {0}};
static const struct item holds[] = {WITH_BLOCK(GROVE_RECORD_MESSAGE, LOW, 1, 9000, 0, true),
                                    WITH_BLOCK(GROVE_RECORD_MESSAGE, LOW, 2, 9000, 0, true),
                                    WITH_BLOCK(GROVE_RECORD_MESSAGE, HIGH, 1, 9000, 0, true),
                                    WITH_BLOCK(GROVE_RECORD_CALL, LOW, 1, 9000, ANSWER_BACK, true),
                                    WITH_BLOCK(GROVE_RECORD_MESSAGE, LOW, 1, 30000, 0, false),
                                    {0}};
static const struct item cancels[] = {CALL(MEDIUM, 100, ANSWER_PLAIN), {.kind = GROVE_RECORD_CANCEL, .lane = MEDIUM},
                                      CALL(LOW, 100, ANSWER_ERROR),    {.kind = GROVE_RECORD_CANCEL, .lane = HIGH},
                                      CALL(LOW, 100, ANSWER_PLAIN),    {0}};

const struct scenario scenarios[] = {
    {"one way", one_way, 1, false},
    {"one way, completed out of order", one_way, 2, false},
    {"call and reply", calls, 1, false},
    {"call and reply, completed out of order", calls, 3, false},
    {"loan", loans, 1, false},
    {"slices", slices, 2, false},
    {"reply by slice", replies_by_slice, 1, false},
    {"reply by slice, completed out of order", replies_by_slice, 3, false},
    {"reply by slice, replies left lying", replies_by_slice, 1, true},
    {"three lanes", three_lanes, 1, false},
    {"three lanes, completed out of order", three_lanes, 3, false},
    {"hold", holds, 1, false},
    {"cancel", cancels, 2, false},
};
const unsigned scenario_count = sizeof scenarios / sizeof scenarios[0];
