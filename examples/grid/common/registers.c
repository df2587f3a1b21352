/* Register maps; see registers.h. Pure. */
#include "examples/grid/common/registers.h"

#include "grove/abi/status.h"

#include <string.h>

const char *quantity_text(enum quantity quantity) {
    static const char *const text[] = {
#define QUANTITY_TEXT(name, word, unit) word,
        QUANTITY_TABLE(QUANTITY_TEXT)
#undef QUANTITY_TEXT
    };
    return text[quantity];
}

unsigned register_type_words(enum register_type type) {
    return type == TYPE_U32 || type == TYPE_S32 || type == TYPE_F32 ? 2 : 1;
}

static uint32_t word_pair(const struct register_point *point, const uint16_t *words) {
    uint32_t high = point->is_low_first ? words[1] : words[0];
    uint32_t low = point->is_low_first ? words[0] : words[1];
    return high << 16 | low;
}

double register_value(const struct register_point *point, const uint16_t *words) {
    float number;
    uint32_t pair;
    switch (point->type) {
    case TYPE_BIT:
        return (words[0] != 0) != point->is_inverted ? 1 : 0;
    case TYPE_U16:
        return words[0] * point->scale;
    case TYPE_S16:
        return (int16_t)words[0] * point->scale;
    case TYPE_U32:
        return word_pair(point, words) * point->scale;
    case TYPE_S32:
        return (int32_t)word_pair(point, words) * point->scale;
    case TYPE_F32:
        pair = word_pair(point, words);
        memcpy(&number, &pair, sizeof number);
        return number * point->scale;
    }
    return 0;
}

/* Add a quantity to a request that ends where it begins. */
static bool request_extend(struct register_request *request, const struct register_point *point, unsigned quantity,
                           uint32_t address) {
    if (request->table != point->table || (uint32_t)request->address + request->count != address)
        return false;
    request->offset[quantity] = request->count;
    request->count = (uint16_t)(request->count + register_type_words(point->type));
    request->quantities |= 1u << quantity;
    return true;
}

/* The mapped quantity with the lowest (table, address) that is not planned yet; QUANTITY_COUNT if none is left. */
static unsigned lowest_left(const struct register_map *map, uint32_t planned) {
    unsigned lowest = QUANTITY_COUNT;
    for (unsigned i = 0; i < QUANTITY_READ_COUNT; i++) {
        const struct register_point *point = &map->point[i];
        if (!point->is_mapped || (planned & 1u << i))
            continue;
        const struct register_point *best = lowest == QUANTITY_COUNT ? NULL : &map->point[lowest];
        if (best == NULL || point->table < best->table ||
            (point->table == best->table && point->address < best->address))
            lowest = i;
    }
    return lowest;
}

int register_plan(const struct register_map *map, uint16_t base, struct register_plan *plan) {
    struct register_plan made = {0};
    uint32_t planned = 0;
    for (unsigned next; (next = lowest_left(map, planned)) != QUANTITY_COUNT;) {
        const struct register_point *point = &map->point[next];
        uint32_t address = (uint32_t)base + point->address;
        unsigned words = register_type_words(point->type);
        if (address + words > 65536)
            return GROVE_INVALID;
        planned |= 1u << next;
        if (made.count > 0 && request_extend(&made.request[made.count - 1], point, next, address))
            continue;
        struct register_request *request = &made.request[made.count++];
        *request = (struct register_request){
            .table = point->table, .address = (uint16_t)address, .count = (uint16_t)words, .quantities = 1u << next};
    }
    *plan = made;
    return 0;
}
