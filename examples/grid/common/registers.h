/*
 * Register maps: where a Modbus device keeps the quantities of a feeder, and how its words become numbers.
 *
 * Follows the Modbus application protocol 1.1b3: four tables (coils, discrete inputs, holding and input registers) of
 * 16-bit words or single bits, addressed from 0 as on the wire. Values of two words come in either word order.
 */
#ifndef GRID_COMMON_REGISTERS_H
#define GRID_COMMON_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

/* The number is the function code that reads the table. */
enum register_table { TABLE_COIL = 1, TABLE_DISCRETE = 2, TABLE_HOLDING = 3, TABLE_INPUT = 4 };
enum register_type { TYPE_BIT, TYPE_U16, TYPE_S16, TYPE_U32, TYPE_S32, TYPE_F32 };

/* X(name, text, unit): what is known of a feeder. TRIP is the coil that opens its breaker and is written only. */
#define QUANTITY_TABLE(X) \
    X(VOLTAGE, "voltage", "V") \
    X(CURRENT, "current", "A") \
    X(FREQUENCY, "frequency", "Hz") \
    X(POWER, "power", "W") \
    X(BREAKER, "breaker", "") \
    X(TRIP, "trip", "")

enum quantity {
#define QUANTITY_ENUM(name, text, unit) QUANTITY_##name,
    QUANTITY_TABLE(QUANTITY_ENUM)
#undef QUANTITY_ENUM
        QUANTITY_COUNT,
};
#define QUANTITY_READ_COUNT ((unsigned)QUANTITY_TRIP) /* the ones before TRIP are polled */

struct register_point {
    bool is_mapped;
    bool is_low_first; /* the low word comes first */
    bool is_inverted; /* bits: 0 means true (closed, or trip) */
    enum register_table table;
    enum register_type type;
    uint16_t address; /* added to the feeder's base */
    double scale; /* value = word * scale */
};
struct register_map {
    struct register_point point[QUANTITY_COUNT];
};

/* One read request, and which quantities its answer carries. */
struct register_request {
    enum register_table table;
    uint16_t address, count;
    uint32_t quantities; /* bit n: enum quantity n */
    uint16_t offset[QUANTITY_COUNT]; /* of its first word or bit in the answer */
};
struct register_plan {
    unsigned count;
    struct register_request request[QUANTITY_COUNT];
};

const char *quantity_text(enum quantity quantity);
/* Words (registers) or bits that a type takes: 1 or 2. */
unsigned register_type_words(enum register_type type);
/* The number that `words` hold, in the unit of the quantity; bits give 0 or 1. */
double register_value(const struct register_point *point, const uint16_t *words);
/*
 * The fewest read requests for the polled quantities of a feeder at `base`. Only neighbours are read together, because
 * devices refuse a request that touches an address they do not have. GROVE_INVALID: an address is over 65535.
 */
int register_plan(const struct register_map *map, uint16_t base, struct register_plan *plan);

#endif
