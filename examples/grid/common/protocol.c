/* Words for the numbers of protocol.h. */
#include "examples/grid/common/protocol.h"

const char *trip_cause_text(unsigned cause) {
    static const char *const text[] = {
#define TRIP_CAUSE_TEXT(name, number, word) [number] = (word),
        TRIP_CAUSE_TABLE(TRIP_CAUSE_TEXT)
#undef TRIP_CAUSE_TEXT
    };
    return cause < CAUSE_COUNT ? text[cause] : "unknown";
}

const char *alarm_kind_text(unsigned kind) {
    static const char *const text[] = {[0] = "unknown",
#define ALARM_KIND_TEXT(name, number, word, text) [number] = (text),
                                       ALARM_KIND_TABLE(ALARM_KIND_TEXT)
#undef ALARM_KIND_TEXT
    };
    return kind < ALARM_KIND_END ? text[kind] : "unknown";
}

const char *alarm_kind_word(unsigned kind) {
    static const char *const word_of[] = {[0] = "unknown",
#define ALARM_KIND_WORD(name, number, word, text) [number] = (word),
                                          ALARM_KIND_TABLE(ALARM_KIND_WORD)
#undef ALARM_KIND_WORD
    };
    return kind < ALARM_KIND_END ? word_of[kind] : "unknown";
}
