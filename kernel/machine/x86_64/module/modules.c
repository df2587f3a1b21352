/*
 * Modules on this machine: see modules.h.
 *
 * They lie in the upper gigabyte, behind the highest place of the image, so that all of them reach it and each other with 32
 * bits; each in a place of its own, chosen by chance. Their tables are changed by one who loads or unloads at a time (module.c).
 */
#include "kernel/machine/x86_64/module/modules.h"

#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/bare/module/object.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/boot/start.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/module/exports.h"
#include "kernel/machine/x86_64/smp/processors.h"
#include "kernel/services/vfs/file.h"
#include "module_interface.h" /* made by the build */

#define PLACES MODULES_MAX
#define PART_BYTES (UINT64_C(1) << 22) /* OBJECT_PART_BYTES_MAX, as each part begins there */
#define PLACE_BYTES (OBJECT_PARTS * PART_BYTES)
#define NAMES_BYTES 256u

_Static_assert(LAYOUT_MODULES + PLACES * PLACE_BYTES > LAYOUT_MODULES, "they end before the last address");

extern const uint8_t module_key[32];
static bool is_taken[PLACES];

/* ---- memory ---- */

static uint64_t pages_of(uint64_t bytes) {
    return (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

static uint64_t take_place(void) {
    uint32_t first = (uint32_t)(processor_random() % PLACES);
    for (uint32_t i = 0; i < PLACES; i++) {
        uint32_t place = (first + i) % PLACES;
        if (!is_taken[place]) {
            is_taken[place] = true;
            return LAYOUT_MODULES + place * PLACE_BYTES;
        }
    }
    return 0;
}

static int map_page(uint64_t address) {
    uint64_t physical;
    int status = memory_take_zeroed_frame(&physical);
    if (status == 0) {
        status = page_map(&memory_kernel_tables, address, physical, PAGE_BYTES, PAGE_WRITE | PAGE_GLOBAL, PAGE_BYTES);
        if (status < 0)
            memory_give_frame_back(physical);
    }
    return status < 0 ? -LINUX_ENOMEM : 0;
}

static int map(struct module_memory *memory) {
    uint64_t place = take_place();
    int status = place != 0 ? 0 : -LINUX_ENOMEM;
    for (uint32_t part = 0; part < OBJECT_PARTS && status == 0; part++) {
        memory->addresses[part] = place + part * PART_BYTES;
        memory->bytes[part] = (uint8_t *)memory->addresses[part];
        for (uint64_t at = 0; at < pages_of(memory->part_bytes[part]) && status == 0; at += PAGE_BYTES)
            status = map_page(memory->addresses[part] + at);
    }
    return status; /* what is there is taken out by unmap */
}

static void forget(void *argument) {
    const struct module_memory *memory = argument;
    for (uint32_t part = 0; part < OBJECT_PARTS; part++)
        for (uint64_t at = 0; at < pages_of(memory->part_bytes[part]); at += PAGE_BYTES)
            invalidate_page(memory->addresses[part] + at);
}

static void seal(struct module_memory *memory) {
    static const unsigned flags[] = {[OBJECT_TEXT] = PAGE_EXECUTE | PAGE_GLOBAL, [OBJECT_CONSTANTS] = PAGE_GLOBAL};
    for (uint32_t part = OBJECT_TEXT; part <= OBJECT_CONSTANTS; part++)
        for (uint64_t at = 0; at < pages_of(memory->part_bytes[part]); at += PAGE_BYTES)
            (void)page_protect(&memory_kernel_tables, memory->addresses[part] + at, flags[part]);
    processors_interrupt(forget, memory);
}

/* Frames go back when all processors forgot them: they are kept in the tables of the part until then, one page after the other. */
static void unmap(struct module_memory *memory) {
    if (memory->addresses[OBJECT_TEXT] == 0)
        return;
    for (uint32_t part = 0; part < OBJECT_PARTS && memory->addresses[part] != 0; part++)
        for (uint64_t at = 0; at < pages_of(memory->part_bytes[part]); at += PAGE_BYTES) {
            uint64_t physical = page_unmap(&memory_kernel_tables, memory->addresses[part] + at);
            struct module_memory one = {.addresses = {memory->addresses[part] + at}, .part_bytes = {PAGE_BYTES}};
            if (physical == 0)
                continue;
            processors_interrupt(forget, &one);
            memory_give_frame_back(physical);
        }
    is_taken[(memory->addresses[OBJECT_TEXT] - LAYOUT_MODULES) / PLACE_BYTES] = false;
}

static void *take(size_t size) {
    return memory_take(size);
}

static void give_back(void *memory, size_t size) {
    (void)size;
    memory_give_back(memory);
}

static void print(const char *text) {
    console_print("%s", text);
}

/* ---- what they may use ---- */

#define EXPORT(symbol) {.name = #symbol, .address = (const void *)(uintptr_t)&symbol},
static const struct module_symbol exports[] = {EXPORTS(EXPORT)};

static const struct module_machine machine = {.take = take,
                                              .give_back = give_back,
                                              .map = map,
                                              .seal = seal,
                                              .unmap = unmap,
                                              .exports = exports,
                                              .export_count = sizeof(exports) / sizeof(exports[0]),
                                              .interface = MODULE_INTERFACE,
                                              .key = module_key,
                                              .print = print};

/* ---- those that are asked for ---- */

/* The next of names between commas; NULL at the end. */
static const char *next_name(const char **rest, size_t *length) {
    const char *name = *rest;
    while (*name == ',')
        name++;
    *length = 0;
    while (name[*length] != 0 && name[*length] != ',')
        (*length)++;
    *rest = name + *length;
    return *length > 0 ? name : NULL;
}

bool modules_are_asked_for(const char *wanted) {
    char names[NAMES_BYTES];
    const char *rest = names, *name;
    size_t length;
    if (!options_text(boot_facts.command_line, "modules", names, sizeof(names)))
        return false;
    while ((name = next_name(&rest, &length)) != NULL)
        if (strlen(wanted) == length && memcmp(name, wanted, length) == 0)
            return true;
    return false;
}

static int read_file(const struct caller *caller, const char *path, uint8_t **bytes, size_t *size) {
    struct walk_path at = {.text = path};
    struct open_file *file;
    struct transfer transfer;
    int status = file_open(caller, &at, LINUX_O_RDONLY, 0, &file);
    if (status != 0)
        return status;
    uint64_t whole = file->inode != NULL ? inode_size(file->inode) : 0;
    *bytes = whole > 0 && whole <= MODULE_FILE_BYTES_MAX ? memory_take(whole) : NULL;
    status = *bytes != NULL ? 0 : -LINUX_ENOMEM;
    if (status == 0) {
        struct transfer_segment segment = {.base = *bytes, .size_bytes = whole};
        transfer_init(&transfer, &segment, 1);
        *size = 0;
        status = file_read(file, &transfer, size);
        if (status != 0)
            memory_give_back(*bytes);
    }
    file_unref(file);
    return status;
}

static void load(const struct caller *caller, const char *name, size_t length) {
    char path[NAMES_BYTES + 32];
    uint8_t *bytes;
    size_t size;
    (void)format_print(path, sizeof(path), "/lib/modules/%.*s.ko", (int)length, name);
    int status = read_file(caller, path, &bytes, &size);
    if (status == 0) {
        status = module_load(bytes, size, "", NULL);
        memory_give_back(bytes);
    }
    if (status != 0)
        console_print("boot: %s cannot be loaded (status %d)\n", path, status);
    else
        console_print("boot: module %.*s\n", (int)length, name);
}

void modules_load_asked_for(const struct caller *caller) {
    char names[NAMES_BYTES];
    const char *rest = names, *name;
    size_t length;
    modules_begin(&machine);
    if (!options_text(boot_facts.command_line, "modules", names, sizeof(names)))
        return;
    while ((name = next_name(&rest, &length)) != NULL)
        load(caller, name, length);
}

/* The youngest first, as only they may be used by nobody. */
void modules_end(void) {
    struct module_fact *fact = memory_take(sizeof(*fact));
    for (uint32_t tries = 0; fact != NULL && modules_count() > 0 && tries < MODULES_MAX; tries++)
        for (uint32_t i = modules_count(); i > 0; i--)
            if (module_tell(i - 1, fact))
                (void)module_unload(fact->name);
    memory_give_back(fact);
}
