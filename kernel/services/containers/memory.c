/*
 * The memory operations of machine.h, over memory files that the host makes.
 *
 * Law 3 rests on seals. That the size never changes is sealed at once, so that a mapping never loses its pages under a
 * reader; machine_memory_seal adds that no new writable mapping is made, by anybody, while the owner's stays. The first page
 * is made with the object, so that there is memory for the bit that says that the owner is gone.
 *
 * What containers write there is hostile: nothing here reads it.
 */
#include "kernel/services/containers/bell.h"
#include "kernel/services/containers/inside.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define SEALS_SIZE (LINUX_F_SEAL_SHRINK | LINUX_F_SEAL_GROW)
#define SEALS_OWNED (LINUX_F_SEAL_FUTURE_WRITE | LINUX_F_SEAL_SEAL)
#define SEALS_FIXED (LINUX_F_SEAL_WRITE | SEALS_SIZE)

static const struct host_memory *host_memory(void) {
    return &containers.host->memory;
}

/* Takes over the file: with its first page, these seals and a number, or not at all. */
static int make_object(struct open_file *file, uint32_t seals, machine_object *memory) {
    void *page = host_memory()->hold_page(containers.host->context, file);
    int status = page != NULL ? GROVE_OK : GROVE_NO_MEMORY;
    if (page != NULL)
        host_memory()->release_page(containers.host->context, page);
    if (status == GROVE_OK)
        status = containers_status(host_memory()->add_seals(containers.host->context, file, seals));
    if (status == GROVE_OK)
        status = objects_add(&containers.objects, file, memory);
    if (status < 0)
        file_unref(file);
    return status;
}

int machine_memory_create(uint64_t size_bytes, machine_container charge, machine_object *memory) {
    struct open_file *file;
    int status =
        containers_status(host_memory()->create(containers.host->context, size_bytes, record_account(charge), &file));
    return status < 0 ? status : make_object(file, SEALS_SIZE, memory);
}

int machine_memory_clone(machine_object from, uint64_t size_bytes, machine_container charge, machine_object *memory) {
    struct open_file *file, *source = objects_find(&containers.objects, from);
    if (source == NULL)
        return GROVE_IO;
    int status = containers_status(
        host_memory()->clone(containers.host->context, source, size_bytes, record_account(charge), &file));
    return status < 0 ? status : make_object(file, SEALS_SIZE, memory);
}

int machine_memory_seal(machine_object memory) {
    struct open_file *file = objects_find(&containers.objects, memory);
    bool is_done = file != NULL && host_memory()->add_seals(containers.host->context, file, SEALS_OWNED) == 0;
    return is_done ? GROVE_OK : GROVE_IO;
}

/* Pairs with the acquiring load of a program that looks at the word before it sleeps on it. */
static void set_bits(uint32_t *word, uint32_t bits) {
    __atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
}

static void add(uint32_t *word, uint32_t amount) {
    __atomic_fetch_add(word, amount, __ATOMIC_SEQ_CST);
}

/* Change a word of the first page and wake whoever sleeps on it. */
static void change_word(machine_object memory, uint64_t offset_bytes, void change(uint32_t *, uint32_t),
                        uint32_t argument) {
    struct open_file *file = objects_find(&containers.objects, memory);
    if (file == NULL || offset_bytes > VFS_PAGE_BYTES - sizeof(uint32_t) || offset_bytes % sizeof(uint32_t) != 0)
        return;
    uint8_t *page = host_memory()->hold_page(containers.host->context, file);
    if (page == NULL) /* its owner took it away: then nobody hears of its end, but whose end it is */
        return;
    change((uint32_t *)(void *)(page + offset_bytes), argument);
    host_memory()->release_page(containers.host->context, page);
    host_memory()->wake(containers.host->context, file, offset_bytes);
}

void machine_memory_signal(machine_object memory, uint64_t offset_bytes, uint32_t bits) {
    change_word(memory, offset_bytes, set_bits, bits);
}

void machine_memory_count(machine_object memory, uint64_t offset_bytes) {
    change_word(memory, offset_bytes, add, 1);
}

/*
 * A spec is read once and then believed, so it must not change meanwhile: only memory that is sealed against writing and
 * against another size will do.
 */
int machine_blob_read(machine_object blob, void *buffer, uint64_t size_bytes) {
    struct open_file *file = objects_find(&containers.objects, blob);
    uint32_t seals;
    if (file == NULL || host_memory()->get_seals(containers.host->context, file, &seals) != 0 ||
        (seals & SEALS_FIXED) != SEALS_FIXED)
        return GROVE_INVALID;
    return host_memory()->read(containers.host->context, file, buffer, (size_t)size_bytes) == 0 ? GROVE_OK
                                                                                                : GROVE_INVALID;
}

/* ---- kernel pages ---- */

/* A page as the core knows it, and the file behind it. */
struct kernel_page {
    struct list link; /* in its bucket */
    struct grove_kernel_page *page; /* held */
    struct open_file *file; /* its number holds the reference */
};

static struct list *bucket_of(const struct grove_kernel_page *page) {
    return &containers.pages[(uintptr_t)page / VFS_PAGE_BYTES % PAGE_BUCKETS];
}

static struct kernel_page *find_page(const struct grove_kernel_page *page) {
    struct list *bucket = bucket_of(page);
    for (struct list *link = bucket->next; link != bucket; link = link->next)
        if (list_item(link, struct kernel_page, link)->page == page)
            return list_item(link, struct kernel_page, link);
    return NULL;
}

/* The kernel writes through its own view of the memory, which no seal takes away. */
int machine_kernel_page_create(machine_object *memory, struct grove_kernel_page **page) {
    struct open_file *file;
    struct kernel_page *known = containers_take(sizeof(*known));
    if (known == NULL)
        return GROVE_NO_MEMORY;
    int status = containers_status(host_memory()->create(containers.host->context, VFS_PAGE_BYTES, NULL, &file));
    if (status == GROVE_OK)
        status = make_object(file, SEALS_SIZE | SEALS_OWNED, memory);
    if (status < 0) {
        containers_give_back(known, sizeof(*known));
        return status;
    }
    *page = host_memory()->hold_page(containers.host->context, file);
    if (*page == NULL) {
        machine_object_close(*memory);
        containers_give_back(known, sizeof(*known));
        return GROVE_NO_MEMORY;
    }
    *known = (struct kernel_page){.page = *page, .file = file};
    list_append(bucket_of(*page), &known->link);
    return GROVE_OK;
}

static void forget_page(struct kernel_page *known) {
    host_memory()->release_page(containers.host->context, known->page);
    list_remove(&known->link);
    containers_give_back(known, sizeof(*known));
}

void machine_kernel_page_wake(struct grove_kernel_page *page) {
    const struct kernel_page *known = find_page(page);
    if (known != NULL)
        host_memory()->wake(containers.host->context, known->file, offsetof(struct grove_kernel_page, notices));
}

void machine_kernel_page_destroy(machine_object memory, struct grove_kernel_page *page) {
    struct kernel_page *known = page != NULL ? find_page(page) : NULL;
    if (known != NULL)
        forget_page(known);
    machine_object_close(memory);
}

void memory_forget_pages(void) {
    for (uint32_t i = 0; i < PAGE_BUCKETS; i++) {
        struct kernel_page *known;
        while ((known = list_first_item(&containers.pages[i], struct kernel_page, link)) != NULL)
            forget_page(known);
    }
}

/* ---- doorbells, and all objects ---- */

int machine_bell_create(machine_object ends[2]) {
    struct open_file *files[2];
    if (!objects_have_room(&containers.objects, 2))
        return GROVE_NO_DESCRIPTORS;
    if (bell_create(containers.vfs, files) != 0)
        return GROVE_NO_DESCRIPTORS;
    for (unsigned i = 0; i < 2; i++)
        (void)objects_add(&containers.objects, files[i], &ends[i]);
    return GROVE_OK;
}

void machine_object_close(machine_object object) {
    struct open_file *file = object != MACHINE_OBJECT_NONE ? objects_take(&containers.objects, object) : NULL;
    if (file != NULL)
        file_unref(file);
}
