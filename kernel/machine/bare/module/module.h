/*
 * Modules: parts of the kernel that come and go while it runs.
 *
 * A module's file is a relocatable object, its signature (Ed25519) and a trailer (docs/formats.md). It says what it is by
 * MODULE() at the end of its source, may use what the kernel exports (exports.h of the machine) and what modules that are loaded
 * export, and is refused if it was built against other headers than the kernel. Its text is never writable.
 *
 * A module stays as long as something uses it: others that took symbols of it, or who said so with module_hold. One is loaded or
 * taken out at a time, by one lock that is held while its start and stop run; these may sleep.
 */
#ifndef GROVE_BARE_MODULE_H
#define GROVE_BARE_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODULE_NAME_BYTES 32u
#define MODULE_NEEDS_MAX 4u
#define MODULE_MAGIC 0x444f4d47u /* "GMOD" */
#define MODULE_FILE_BYTES_MAX (4u << 20)
#define MODULE_TRAILER_BYTES 16u
#define MODULES_MAX 64u
#define MODULE_SENTENCE_BYTES 192u

struct module_symbol {
    const char *name;
    const void *address;
};

/* What a module says of itself, in the section `.module`. */
struct module_header {
    uint32_t magic, bytes;
    uint64_t interface; /* of the headers it was built against */
    char name[MODULE_NAME_BYTES];
    char needs[MODULE_NEEDS_MAX][MODULE_NAME_BYTES]; /* modules that must be loaded before; empty ones are none */
    int (*start)(const char *options); /* 0, or the negative of an error number: it is not loaded then */
    void (*stop)(void); /* NULL: it stays for good */
    const struct module_symbol *exports;
    uint32_t export_count;
};

/*
 * MODULE("name", start, stop, exports, count, "needed", ...): once in a module. The interface's number comes from the build.
 */
#define MODULE(module_name, module_start, module_stop, module_exports, module_export_count, ...) \
    __attribute__((section(".module"), used)) static const struct module_header module_header = { \
        .magic = MODULE_MAGIC, \
        .bytes = sizeof(struct module_header), \
        .interface = MODULE_INTERFACE, \
        .name = module_name, \
        .needs = {__VA_ARGS__}, \
        .start = module_start, \
        .stop = module_stop, \
        .exports = module_exports, \
        .export_count = module_export_count}

struct module;

/* Memory for one module, whole pages for each part. */
struct module_memory {
    uint8_t *bytes[3]; /* writable until `seal`; by enum object_part; NULL: none of it */
    uint64_t addresses[3];
    uint64_t part_bytes[3];
};

/* What the machine serves. All but `print` may sleep. */
struct module_machine {
    void *(*take)(size_t size_bytes); /* zeros; NULL */
    void (*give_back)(void *memory, size_t size_bytes);
    /* All parts as large as part_bytes say, near enough to the kernel for its relocations, all zero, writable. -LINUX_ENOMEM. */
    int (*map)(struct module_memory *memory);
    /* From now on text is executable and not writable, constants neither. */
    void (*seal)(struct module_memory *memory);
    void (*unmap)(struct module_memory *memory);
    const struct module_symbol *exports;
    uint32_t export_count;
    uint64_t interface;
    const uint8_t *key; /* ED25519_KEY_BYTES: whose signature counts */
    void (*print)(const char *text);
};

/* Once, before all else. `machine` stays. */
void modules_begin(const struct module_machine *machine);
/*
 * Load a module from its file, whose bytes stay the caller's. Its sentence of what went wrong is printed, and told in `sentence`
 * (MODULE_SENTENCE_BYTES; may be NULL). -LINUX_ENOEXEC: it is no module, or one of another build; ENOKEY: it is not signed;
 * EKEYREJECTED: its signature is not good; ENOENT: a symbol or a module that it needs is not there; EEXIST: it is loaded;
 * ENOMEM; ENFILE: there are MODULES_MAX; and what its start says. May sleep.
 */
int module_load(const uint8_t *file, size_t size_bytes, const char *options, char *sentence);
/* Take it out. -LINUX_ENOENT: it is not there; EAGAIN: it is in use; EBUSY: it cannot be stopped. May sleep. */
int module_unload(const char *name);
/* Say that it is in use, and not any more. NULL: it is not there. module_hold may sleep, module_let_go does not. */
struct module *module_hold(const char *name);
void module_let_go(struct module *module);
/* How many there are. */
uint32_t modules_count(void);

/* As /proc/modules tells it: the one of this number, in the order in which they came. False: there are no more. May sleep. */
struct module_fact {
    char name[MODULE_NAME_BYTES];
    uint64_t bytes;
    uint32_t uses;
    uint64_t address; /* of its text */
    char users[MODULES_MAX][MODULE_NAME_BYTES]; /* modules that use it, user_count of them */
    uint32_t user_count;
};
bool module_tell(uint32_t number, struct module_fact *fact);
/*
 * For a panic, without any lock: the function of a module that holds an address. NULL: none. *module is its name.
 */
const char *module_find_function(uint64_t address, uint64_t *offset, const char **module);

#endif
