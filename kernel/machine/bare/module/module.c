/* Loading modules and taking them out: see module.h. */
#include "kernel/machine/bare/module/module.h"

#include "kernel/core/list.h"
#include "kernel/machine/bare/mm/share_lock.h"
#include "kernel/machine/bare/module/ed25519.h"
#include "kernel/machine/bare/module/object.h"
#include "kernel/machine/bare/text/format.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define TRAILER_MAGIC "grovemod"
#define TRAILER_VERSION 1u

struct module {
    struct list link; /* in `modules`, the oldest first; a panic follows `next` without the lock */
    struct module_header header;
    struct module_memory memory;
    struct object object; /* over `file`, for the names of functions */
    struct object_memory object_memory;
    uint8_t *file;
    size_t file_bytes;
    uint32_t uses; /* by module_hold; atomic */
    uint64_t needs; /* modules that it took symbols of, or named: a bit for each slot */
    uint32_t slot;
};

static struct {
    const struct module_machine *machine;
    struct share_lock lock;
    struct list list;
    struct module *slots[MODULES_MAX];
    uint32_t count;
} modules;

void modules_begin(const struct module_machine *machine) {
    modules.machine = machine;
    if (!list_is_linked(&modules.list))
        list_init(&modules.list);
}

/* ---- words ---- */

static int complain(char *sentence, const char *name, const char *what, int status) {
    (void)format_print(sentence, MODULE_SENTENCE_BYTES, "module %s: %s\n", name, what);
    return status;
}

/* The lock is held. */
static struct module *find(const char *name) {
    for (struct list *link = modules.list.next; link != &modules.list; link = link->next) {
        struct module *module = list_item(link, struct module, link);
        if (strncmp(module->header.name, name, MODULE_NAME_BYTES) == 0)
            return module;
    }
    return NULL;
}

static bool is_ended(const char *text) {
    return text[MODULE_NAME_BYTES - 1] == 0;
}

/* ---- signatures ---- */

static int check_signature(const uint8_t *file, size_t size, size_t *object_bytes, char *sentence) {
    const size_t behind = ED25519_SIGNATURE_BYTES + MODULE_TRAILER_BYTES;
    if (size > MODULE_FILE_BYTES_MAX)
        return complain(sentence, "?", "the file is too large", -LINUX_ENOEXEC);
    if (size < behind || memcmp(file + size - MODULE_TRAILER_BYTES, TRAILER_MAGIC, 8) != 0)
        return complain(sentence, "?", "it is not signed, or cut off", -LINUX_ENOKEY);
    const uint8_t *trailer = file + size - MODULE_TRAILER_BYTES;
    if (trailer[8] != TRAILER_VERSION || trailer[9] != 0 || trailer[10] != 0 || trailer[11] != 0)
        return complain(sentence, "?", "its signature is of a kind that is not known here", -LINUX_ENOKEY);
    *object_bytes = size - behind;
    if (!ed25519_verify(modules.machine->key, file, *object_bytes, file + *object_bytes))
        return complain(sentence, "?", "its signature is not that of this kernel's build", -LINUX_EKEYREJECTED);
    return 0;
}

/* ---- symbols ---- */

static bool find_in(const struct module_symbol *symbols, uint32_t count, const char *name, uint64_t *address) {
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(symbols[i].name, name) == 0) {
            *address = (uint64_t)(uintptr_t)symbols[i].address;
            return true;
        }
    return false;
}

/* What a module takes of another, it needs from then on. */
static bool resolve(void *context, const char *name, uint64_t *address) {
    struct module *self = context;
    if (find_in(modules.machine->exports, modules.machine->export_count, name, address))
        return true;
    for (struct list *link = modules.list.next; link != &modules.list; link = link->next) {
        const struct module *module = list_item(link, struct module, link);
        if (find_in(module->header.exports, module->header.export_count, name, address)) {
            self->needs |= UINT64_C(1) << module->slot;
            return true;
        }
    }
    return false;
}

/* ---- loading ---- */

/* The header, before anything of it is used; its addresses are those after relocation, so this comes after that. */
static int check_header(const struct module *module, char *sentence) {
    const struct module_header *header = &module->header;
    if (header->magic != MODULE_MAGIC || header->bytes != sizeof(*header) || !is_ended(header->name) ||
        header->name[0] == 0)
        return complain(sentence, "?", "its header makes no sense", -LINUX_ENOEXEC);
    if (header->interface != modules.machine->interface)
        return complain(sentence, header->name, "it was built against another kernel's headers", -LINUX_ENOEXEC);
    if (find(header->name) != NULL)
        return complain(sentence, header->name, "it is loaded already", -LINUX_EEXIST);
    return 0;
}

static int check_needs(struct module *module, char *sentence) {
    for (uint32_t i = 0; i < MODULE_NEEDS_MAX; i++) {
        const char *needed = module->header.needs[i];
        char what[OBJECT_TEXT_MAX];
        if (needed[0] == 0)
            continue;
        const struct module *found = is_ended(needed) ? find(needed) : NULL;
        if (found == NULL) {
            (void)format_print(what, sizeof(what), "it needs the module %s, which is not loaded",
                               is_ended(needed) ? needed : "?");
            return complain(sentence, module->header.name, what, -LINUX_ENOENT);
        }
        module->needs |= UINT64_C(1) << found->slot;
    }
    return 0;
}

/* The header as it lies in the file, where addresses mean nothing yet: who it is, and whether it fits. */
static int read_header(struct module *module, char *sentence) {
    if (module->object.header_section == 0 || module->object.header_bytes != sizeof(module->header))
        return complain(sentence, "?", "it says nothing of itself, or in another form than this kernel's",
                        -LINUX_ENOEXEC);
    memcpy(&module->header, object_header(&module->object, &module->object_memory), sizeof(module->header));
    return 0;
}

static int map(struct module *module) {
    memcpy(module->memory.part_bytes, module->object.part_bytes, sizeof(module->memory.part_bytes));
    int status = modules.machine->map(&module->memory);
    memcpy(module->object_memory.bytes, module->memory.bytes, sizeof(module->memory.bytes));
    memcpy(module->object_memory.addresses, module->memory.addresses, sizeof(module->memory.addresses));
    return status;
}

/* From the object to something that could run: in memory, all its symbols found, its header good. */
static int build(struct module *module, size_t object_bytes, char *sentence) {
    struct object *object = &module->object;
    int status = object_open(object, module->file, object_bytes);
    if (status != 0)
        return complain(sentence, "?", object->error, status);
    status = map(module);
    if (status != 0)
        return complain(sentence, "?", "there is no memory for it", status);
    object->error[0] = 0;
    int placed = object_place(object, &module->object_memory, resolve, module);
    status = read_header(module, sentence);
    if (status == 0)
        status = check_header(module, sentence);
    if (status == 0)
        status = check_needs(module, sentence);
    if (status == 0 && placed != 0)
        status = complain(sentence, module->header.name, object->error, placed);
    return status;
}

static void destroy(struct module *module) {
    const struct module_machine *machine = modules.machine;
    machine->unmap(&module->memory);
    if (module->file != NULL)
        machine->give_back(module->file, module->file_bytes);
    machine->give_back(module, sizeof(*module));
}

static uint32_t free_slot(void) {
    uint32_t slot = 0;
    while (slot < MODULES_MAX && modules.slots[slot] != NULL)
        slot++;
    return slot;
}

static int start(struct module *module, const char *options, char *sentence) {
    char what[OBJECT_TEXT_MAX];
    modules.machine->seal(&module->memory);
    list_append(&modules.list, &module->link); /* so that a panic in its start has names */
    int status = module->header.start != NULL ? module->header.start(options) : 0;
    if (status == 0) {
        modules.slots[module->slot] = module;
        __atomic_add_fetch(&modules.count, 1, __ATOMIC_RELAXED);
        return 0;
    }
    list_remove(&module->link);
    status = status < 0 && status > -512 ? status : -LINUX_EIO;
    (void)format_print(what, sizeof(what), "its start failed with %d", status);
    return complain(sentence, module->header.name, what, status);
}

/* The lock is held. */
static int load(const uint8_t *file, size_t size, const char *options, char *sentence) {
    const struct module_machine *machine = modules.machine;
    uint32_t slot = free_slot();
    size_t object_bytes;
    int status = check_signature(file, size, &object_bytes, sentence);
    if (status != 0)
        return status;
    struct module *module = slot < MODULES_MAX ? machine->take(sizeof(*module)) : NULL;
    if (module == NULL)
        return complain(sentence, "?", "there is no room for it", slot < MODULES_MAX ? -LINUX_ENOMEM : -LINUX_ENFILE);
    module->slot = slot;
    module->file_bytes = object_bytes;
    module->file = machine->take(object_bytes);
    status = module->file != NULL ? 0 : complain(sentence, "?", "there is no memory for it", -LINUX_ENOMEM);
    if (status == 0) {
        memcpy(module->file, file, object_bytes);
        status = build(module, object_bytes, sentence);
    }
    if (status == 0)
        status = start(module, options, sentence);
    if (status != 0)
        destroy(module);
    return status;
}

int module_load(const uint8_t *file, size_t size, const char *options, char *sentence) {
    char own[MODULE_SENTENCE_BYTES];
    char *said = sentence != NULL ? sentence : own;
    said[0] = 0;
    share_lock_take_alone(&modules.lock);
    int status = load(file, size, options, said);
    share_lock_give_up_alone(&modules.lock);
    if (status != 0)
        modules.machine->print(said);
    return status;
}

/* ---- use ---- */

static uint32_t users_of(const struct module *module) {
    uint32_t users = 0;
    for (uint32_t i = 0; i < MODULES_MAX; i++)
        users += modules.slots[i] != NULL && (modules.slots[i]->needs >> module->slot & 1) != 0;
    return users;
}

static int unload(const char *name) {
    struct module *module = find(name);
    if (module == NULL)
        return -LINUX_ENOENT;
    if (users_of(module) > 0 || __atomic_load_n(&module->uses, __ATOMIC_ACQUIRE) > 0)
        return -LINUX_EAGAIN;
    if (module->header.stop == NULL)
        return -LINUX_EBUSY;
    module->header.stop();
    list_remove(&module->link);
    modules.slots[module->slot] = NULL;
    __atomic_sub_fetch(&modules.count, 1, __ATOMIC_RELAXED);
    destroy(module);
    return 0;
}

int module_unload(const char *name) {
    share_lock_take_alone(&modules.lock);
    int status = unload(name);
    share_lock_give_up_alone(&modules.lock);
    return status;
}

struct module *module_hold(const char *name) {
    share_lock_take_alone(&modules.lock);
    struct module *module = find(name);
    if (module != NULL)
        __atomic_add_fetch(&module->uses, 1, __ATOMIC_RELAXED);
    share_lock_give_up_alone(&modules.lock);
    return module;
}

/* Pairs with the load in unload. */
void module_let_go(struct module *module) {
    __atomic_sub_fetch(&module->uses, 1, __ATOMIC_RELEASE);
}

uint32_t modules_count(void) {
    return __atomic_load_n(&modules.count, __ATOMIC_RELAXED);
}

/* ---- telling ---- */

static void tell(const struct module *module, struct module_fact *fact) {
    memset(fact, 0, sizeof(*fact));
    memcpy(fact->name, module->header.name, sizeof(fact->name));
    for (uint32_t part = 0; part < OBJECT_PARTS; part++)
        fact->bytes += module->memory.part_bytes[part];
    fact->address = module->memory.addresses[OBJECT_TEXT];
    for (uint32_t i = 0; i < MODULES_MAX; i++)
        if (modules.slots[i] != NULL && (modules.slots[i]->needs >> module->slot & 1) != 0)
            memcpy(fact->users[fact->user_count++], modules.slots[i]->header.name, MODULE_NAME_BYTES);
    fact->uses = fact->user_count + __atomic_load_n(&module->uses, __ATOMIC_RELAXED);
}

bool module_tell(uint32_t number, struct module_fact *fact) {
    bool is_there = false;
    share_lock_take_alone(&modules.lock);
    for (struct list *link = modules.list.next; link != &modules.list && !is_there; link = link->next)
        if (number-- == 0) {
            is_there = true;
            tell(list_item(link, struct module, link), fact);
        }
    share_lock_give_up_alone(&modules.lock);
    return is_there;
}

const char *module_find_function(uint64_t address, uint64_t *offset, const char **name) {
    uint32_t steps = 0;
    for (struct list *link = modules.list.next; link != NULL && link != &modules.list && steps <= MODULES_MAX;
         link = link->next, steps++) {
        const struct module *module = list_item(link, struct module, link);
        uint64_t start = module->memory.addresses[OBJECT_TEXT];
        if (address < start || address - start >= module->memory.part_bytes[OBJECT_TEXT])
            continue;
        *name = module->header.name;
        return object_find_function(&module->object, &module->object_memory, address, offset);
    }
    return NULL;
}
