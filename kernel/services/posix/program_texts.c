/* Arguments and environment: see program_texts.h. */
#include "kernel/services/posix/program_texts.h"

#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define PAGE VFS_PAGE_BYTES

void program_texts_init(struct program_texts *texts, const struct vfs_machine *machine, uint64_t bytes_max) {
    uint64_t room = (uint64_t)TEXT_PAGES_MAX * PAGE;
    texts->machine = machine;
    texts->page_count = 0;
    texts->bytes = 0;
    texts->bytes_max = bytes_max < room ? bytes_max : room;
}

void program_texts_deinit(struct program_texts *texts) {
    for (uint32_t i = 0; i < texts->page_count; i++)
        texts->machine->give_page_back(texts->machine->context, texts->pages[i]);
    texts->page_count = 0;
}

/* Where the next bytes go, and for how many there is room. */
static int find_room(struct program_texts *texts, char **at, size_t *room) {
    if (texts->bytes >= texts->bytes_max)
        return -LINUX_E2BIG;
    if (texts->bytes == (uint64_t)texts->page_count * PAGE) {
        char *page = texts->machine->take_page(texts->machine->context);
        if (page == NULL)
            return -LINUX_ENOMEM;
        texts->pages[texts->page_count++] = page;
    }
    *at = texts->pages[texts->page_count - 1] + texts->bytes % PAGE;
    *room = PAGE - texts->bytes % PAGE;
    if (*room > texts->bytes_max - texts->bytes)
        *room = (size_t)(texts->bytes_max - texts->bytes);
    return 0;
}

int program_texts_add(struct program_texts *texts, const char *text) {
    size_t left = strlen(text) + 1;
    while (left > 0) {
        char *at;
        size_t room;
        int status = find_room(texts, &at, &room);
        if (status < 0)
            return status;
        size_t size = left < room ? left : room;
        memcpy(at, text, size);
        text += size;
        left -= size;
        texts->bytes += size;
    }
    return 0;
}

/* How much of these bytes belongs to the text; *is_end: its end is among them. */
static size_t text_part(const char *bytes, size_t size, bool *is_end) {
    size_t length = 0;
    while (length < size && bytes[length] != 0)
        length++;
    *is_end = length < size;
    return *is_end ? length + 1 : length;
}

int program_texts_add_user(struct program_texts *texts, uint64_t from) {
    size_t sum = 0;
    for (bool is_end = false; !is_end;) {
        char *at;
        size_t room;
        int status = find_room(texts, &at, &room);
        if (status < 0)
            return status;
        /* Not beyond the program's page, for the next one may not be there, and the text may end before it. */
        size_t in_page = PAGE - from % PAGE, size = room < in_page ? room : in_page;
        if (!process_read(at, from, size))
            return -LINUX_EFAULT;
        size = text_part(at, size, &is_end);
        from += size;
        sum += size;
        texts->bytes += size;
        if (sum > TEXT_BYTES_MAX)
            return -LINUX_E2BIG;
    }
    return 0;
}

int program_texts_add_list(struct program_texts *texts, uint64_t list, uint32_t *count) {
    *count = 0;
    while (list != 0) {
        uint64_t text;
        if (!process_read(&text, list + (uint64_t)*count * sizeof(text), sizeof(text)))
            return -LINUX_EFAULT;
        if (text == 0)
            break;
        int status = program_texts_add_user(texts, text);
        if (status < 0)
            return status;
        /* The address of each lies on the stack too. */
        if (texts->bytes_max - texts->bytes < sizeof(uint64_t))
            return -LINUX_E2BIG;
        texts->bytes_max -= sizeof(uint64_t);
        ++*count;
    }
    return 0;
}

uint64_t program_texts_size_at(const struct program_texts *texts, uint64_t offset) {
    uint64_t size = 0;
    bool is_end = false;
    while (!is_end && offset + size < texts->bytes) {
        uint64_t at = offset + size, in_page = PAGE - at % PAGE;
        if (in_page > texts->bytes - at)
            in_page = texts->bytes - at;
        size += text_part(texts->pages[at / PAGE] + at % PAGE, (size_t)in_page, &is_end);
    }
    return size;
}

bool program_texts_write(const struct program_texts *texts, uint64_t offset, uint64_t to) {
    while (offset < texts->bytes) {
        uint64_t size = PAGE - offset % PAGE;
        if (size > texts->bytes - offset)
            size = texts->bytes - offset;
        if (!process_write(to, texts->pages[offset / PAGE] + offset % PAGE, (size_t)size))
            return false;
        offset += size;
        to += size;
    }
    return true;
}
