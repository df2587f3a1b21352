/* Relocatable objects: see object.h. */
#include "kernel/machine/bare/module/object.h"

#include "kernel/machine/bare/text/format.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define HEADER_BYTES 64u
#define SECTION_BYTES 64u
#define SYMBOL_BYTES 24u
#define RELOCATION_BYTES 24u
#define TYPE_RELOCATABLE 1u
#define MACHINE_X86_64 62u

#define SECTION_SYMBOLS 2u
#define SECTION_TEXTS 3u
#define SECTION_RELOCATIONS 4u
#define SECTION_NO_BITS 8u
#define FLAG_WRITE 1u
#define FLAG_LOADED 2u
#define FLAG_EXECUTE 4u
#define FLAG_THREAD 0x400u

#define INDEX_UNDEFINED 0u
#define INDEX_ABSOLUTE 0xfff1u
#define INDEX_COMMON 0xfff2u
#define INDEX_RESERVED 0xff00u
#define KIND_FUNCTION 2u
#define BINDING_WEAK 2u

struct section {
    uint32_t name, kind;
    uint64_t flags, offset, size_bytes, alignment, entry_bytes;
    uint32_t link, info;
};

struct symbol {
    uint32_t name;
    uint8_t kind, binding;
    uint16_t section;
    uint64_t value, size_bytes;
};

struct relocation {
    uint64_t offset, symbol;
    uint32_t kind;
    int64_t addend;
};

/* ---- reading ---- */

/* Never behind the end: callers have checked. */
static uint64_t load(const uint8_t *bytes, uint32_t size) {
    uint64_t value = 0;
    for (uint32_t i = size; i > 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

static bool fits(uint64_t offset, uint64_t size, uint64_t whole) {
    return offset <= whole && size <= whole - offset;
}

static int fail(struct object *object, const char *sentence) {
    (void)format_print(object->error, sizeof(object->error), "%s", sentence);
    return -LINUX_ENOEXEC;
}

static struct section section_of(const struct object *object, uint32_t index) {
    const uint8_t *at = object->bytes + object->sections_at + (uint64_t)index * SECTION_BYTES;
    return (struct section){.name = (uint32_t)load(at, 4),
                            .kind = (uint32_t)load(at + 4, 4),
                            .flags = load(at + 8, 8),
                            .offset = load(at + 24, 8),
                            .size_bytes = load(at + 32, 8),
                            .link = (uint32_t)load(at + 40, 4),
                            .info = (uint32_t)load(at + 44, 4),
                            .alignment = load(at + 48, 8),
                            .entry_bytes = load(at + 56, 8)};
}

static struct symbol symbol_of(const struct object *object, uint64_t index) {
    const uint8_t *at = object->bytes + object->symbols_at + index * SYMBOL_BYTES;
    return (struct symbol){.name = (uint32_t)load(at, 4),
                           .kind = at[4] & 15,
                           .binding = at[4] >> 4,
                           .section = (uint16_t)load(at + 6, 2),
                           .value = load(at + 8, 8),
                           .size_bytes = load(at + 16, 8)};
}

/* A text of a section of texts, which ends in it; NULL: there is none. */
static const char *text_at(const struct object *object, uint64_t start, uint64_t size, uint64_t at) {
    const uint8_t *texts = object->bytes + start;
    for (uint64_t i = at; i < size; i++)
        if (texts[i] == 0)
            return (const char *)texts + at;
    return NULL;
}

/* ---- looking through ---- */

static int check_header(struct object *object) {
    const uint8_t *at = object->bytes;
    if (object->size_bytes < HEADER_BYTES || memcmp(at, "\177ELF\2\1\1", 7) != 0)
        return fail(object, "it is no ELF file of 64 bits");
    if (load(at + 16, 2) != TYPE_RELOCATABLE || load(at + 18, 2) != MACHINE_X86_64)
        return fail(object, "it is no relocatable object for this processor");
    object->sections_at = load(at + 40, 8);
    object->section_count = (uint32_t)load(at + 60, 2);
    if (load(at + 58, 2) != SECTION_BYTES || object->section_count == 0 || object->section_count > OBJECT_SECTIONS_MAX)
        return fail(object, "its sections make no sense");
    if (!fits(object->sections_at, (uint64_t)object->section_count * SECTION_BYTES, object->size_bytes))
        return fail(object, "it is cut off");
    return 0;
}

static enum object_part part_for(uint64_t flags) {
    if ((flags & FLAG_EXECUTE) != 0)
        return OBJECT_TEXT;
    return (flags & FLAG_WRITE) != 0 ? OBJECT_DATA : OBJECT_CONSTANTS;
}

/* A place in its part for a section that is loaded. */
static int lay_out(struct object *object, uint32_t index, const struct section *section) {
    uint64_t alignment = section->alignment == 0 ? 1 : section->alignment;
    object->part_of[index] = -1;
    if (section->kind != SECTION_NO_BITS && !fits(section->offset, section->size_bytes, object->size_bytes))
        return fail(object, "it is cut off");
    if ((section->flags & FLAG_LOADED) == 0)
        return 0;
    if ((section->flags & FLAG_WRITE) != 0 && (section->flags & FLAG_EXECUTE) != 0)
        return fail(object, "a section is writable and executable");
    if ((section->flags & FLAG_THREAD) != 0)
        return fail(object, "it has memory of each thread, which the kernel has not");
    if ((alignment & (alignment - 1)) != 0 || alignment > OBJECT_PAGE_BYTES)
        return fail(object, "an alignment makes no sense");
    enum object_part part = part_for(section->flags);
    uint64_t place = (object->part_bytes[part] + alignment - 1) & ~(alignment - 1);
    if (section->size_bytes > OBJECT_PART_BYTES_MAX || place + section->size_bytes > OBJECT_PART_BYTES_MAX)
        return fail(object, "it is too large");
    object->part_of[index] = (int8_t)part;
    object->place_of[index] = place;
    object->part_bytes[part] = place + section->size_bytes;
    return 0;
}

static int take_symbols(struct object *object, const struct section *section) {
    if (object->symbol_count != 0 || section->entry_bytes != SYMBOL_BYTES || section->link >= object->section_count)
        return fail(object, "its symbols make no sense");
    struct section names = section_of(object, section->link);
    if (names.kind != SECTION_TEXTS || !fits(names.offset, names.size_bytes, object->size_bytes))
        return fail(object, "its names make no sense");
    object->symbols_at = section->offset;
    object->symbol_count = section->size_bytes / SYMBOL_BYTES;
    object->names_at = names.offset;
    object->names_bytes = names.size_bytes;
    return 0;
}

static int note_header(struct object *object, uint32_t index, const struct section *section) {
    uint32_t texts = (uint32_t)load(object->bytes + 62, 2);
    if (texts >= object->section_count)
        return fail(object, "its sections have no names");
    struct section names = section_of(object, texts);
    if (names.kind != SECTION_TEXTS || !fits(names.offset, names.size_bytes, object->size_bytes))
        return fail(object, "its sections have no names");
    const char *name = text_at(object, names.offset, names.size_bytes, section->name);
    if (name != NULL && strcmp(name, ".module") == 0 && object->part_of[index] >= 0) {
        object->header_section = index;
        object->header_bytes = section->size_bytes;
    }
    return 0;
}

int object_open(struct object *object, const uint8_t *bytes, size_t size_bytes) {
    memset(object, 0, sizeof(*object));
    object->bytes = bytes;
    object->size_bytes = size_bytes;
    int status = check_header(object);
    for (uint32_t i = 0; i < object->section_count && status == 0; i++) {
        struct section section = section_of(object, i);
        status = lay_out(object, i, &section);
        if (status == 0 && section.kind == SECTION_SYMBOLS)
            status = take_symbols(object, &section);
        if (status == 0)
            status = note_header(object, i, &section);
    }
    return status;
}

/* ---- making it run ---- */

static void copy_sections(const struct object *object, const struct object_memory *memory) {
    for (uint32_t i = 0; i < object->section_count; i++) {
        struct section section = section_of(object, i);
        if (object->part_of[i] < 0 || section.kind == SECTION_NO_BITS || section.size_bytes == 0)
            continue;
        memcpy(memory->bytes[object->part_of[i]] + object->place_of[i], object->bytes + section.offset,
               section.size_bytes);
    }
}

static uint64_t address_of(const struct object *object, const struct object_memory *memory, uint32_t section) {
    return memory->addresses[object->part_of[section]] + object->place_of[section];
}

static int find_outside(struct object *object, const struct symbol *symbol, object_resolver *resolve, void *context,
                        uint64_t *address) {
    const char *name = text_at(object, object->names_at, object->names_bytes, symbol->name);
    if (name == NULL || *name == 0)
        return fail(object, "a symbol has no name");
    if (resolve(context, name, address))
        return 0;
    *address = 0;
    if (symbol->binding == BINDING_WEAK)
        return 0;
    (void)format_print(object->error, sizeof(object->error), "nobody has the symbol %s", name);
    return -LINUX_ENOENT;
}

static int find_symbol(struct object *object, const struct object_memory *memory, uint64_t index,
                       object_resolver *resolve, void *context, uint64_t *address) {
    if (index >= object->symbol_count)
        return fail(object, "a relocation names no symbol");
    struct symbol symbol = symbol_of(object, index);
    if (symbol.section == INDEX_UNDEFINED && index == 0) {
        *address = 0;
        return 0;
    }
    if (symbol.section == INDEX_UNDEFINED)
        return find_outside(object, &symbol, resolve, context, address);
    if (symbol.section == INDEX_ABSOLUTE) {
        *address = symbol.value;
        return 0;
    }
    if (symbol.section >= object->section_count || object->part_of[symbol.section] < 0)
        return fail(object, "a symbol lies in no section that is loaded");
    *address = address_of(object, memory, symbol.section) + symbol.value;
    return 0;
}

/* x86-64's kinds of relocations (its System V ABI, table 4.9): what they need, and whether the value fits. */
static int apply(struct object *object, uint8_t *at, uint64_t room, uint64_t place, uint32_t kind, uint64_t value) {
    uint64_t relative = value - place;
    uint32_t size = 4;
    bool is_good;
    switch (kind) {
    case 0: /* R_X86_64_NONE */
        return 0;
    case 1: /* R_X86_64_64 */
        size = 8;
        is_good = true;
        break;
    case 24: /* R_X86_64_PC64 */
        size = 8;
        value = relative;
        is_good = true;
        break;
    case 2: /* R_X86_64_PC32 */
    case 4: /* R_X86_64_PLT32 */
        value = relative;
        is_good = (int64_t)value == (int32_t)value;
        break;
    case 10: /* R_X86_64_32 */
        is_good = value == (uint32_t)value;
        break;
    case 11: /* R_X86_64_32S */
        is_good = (int64_t)value == (int32_t)value;
        break;
    default:
        (void)format_print(object->error, sizeof(object->error), "a relocation of kind %u is not known here", kind);
        return -LINUX_ENOEXEC;
    }
    if (!is_good)
        return fail(object, "a relocation does not reach");
    if (room < size)
        return fail(object, "a relocation lies outside of its section");
    memcpy(at, &value, size);
    return 0;
}

static struct relocation relocation_at(const struct object *object, const struct section *section, uint64_t index) {
    const uint8_t *at = object->bytes + section->offset + index * RELOCATION_BYTES;
    uint64_t info = load(at + 8, 8);
    return (struct relocation){
        .offset = load(at, 8), .symbol = info >> 32, .kind = (uint32_t)info, .addend = (int64_t)load(at + 16, 8)};
}

static int relocate_section(struct object *object, const struct object_memory *memory, const struct section *section,
                            object_resolver *resolve, void *context) {
    if (section->info >= object->section_count || section->entry_bytes != RELOCATION_BYTES)
        return fail(object, "its relocations make no sense");
    if (object->part_of[section->info] < 0)
        return 0;
    uint64_t bytes = section_of(object, section->info).size_bytes;
    uint8_t *base = memory->bytes[object->part_of[section->info]] + object->place_of[section->info];
    uint64_t start = address_of(object, memory, section->info);
    int status = 0;
    for (uint64_t i = 0; i < section->size_bytes / RELOCATION_BYTES && status == 0; i++) {
        struct relocation relocation = relocation_at(object, section, i);
        uint64_t symbol = 0;
        status = find_symbol(object, memory, relocation.symbol, resolve, context, &symbol);
        if (status == 0 && relocation.offset > bytes)
            status = fail(object, "a relocation lies outside of its section");
        if (status == 0)
            status = apply(object, base + relocation.offset, bytes - relocation.offset, start + relocation.offset,
                           relocation.kind, symbol + (uint64_t)relocation.addend);
    }
    return status;
}

int object_place(struct object *object, const struct object_memory *memory, object_resolver *resolve, void *context) {
    int status = 0;
    copy_sections(object, memory);
    for (uint32_t i = 0; i < object->section_count && status == 0; i++) {
        struct section section = section_of(object, i);
        if (section.kind == SECTION_RELOCATIONS)
            status = relocate_section(object, memory, &section, resolve, context);
    }
    return status;
}

const void *object_header(const struct object *object, const struct object_memory *memory) {
    return memory->bytes[object->part_of[object->header_section]] + object->place_of[object->header_section];
}

const char *object_find_function(const struct object *object, const struct object_memory *memory, uint64_t address,
                                 uint64_t *offset) {
    for (uint64_t i = 1; i < object->symbol_count; i++) {
        struct symbol symbol = symbol_of(object, i);
        if (symbol.kind != KIND_FUNCTION || symbol.section >= object->section_count ||
            object->part_of[symbol.section] != OBJECT_TEXT)
            continue;
        uint64_t start = address_of(object, memory, symbol.section) + symbol.value;
        if (address < start || address - start >= symbol.size_bytes)
            continue;
        *offset = address - start;
        return text_at(object, object->names_at, object->names_bytes, symbol.name);
    }
    return NULL;
}
