/*
 * A terminal under random settings, typing, output and reading: whatever comes, its positions stay in order, and nothing is
 * read or written outside of its rings (the sanitizers see to that).
 *
 * The input is steps: a byte that says which, then what it needs.
 */
#include "kernel/services/tty/inside.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define STEP_MAX 700u

static void *take_page(void *context) {
    (void)context;
    return calloc(1, VFS_PAGE_BYTES);
}

static void give_page_back(void *context, void *page) {
    (void)context;
    free(page);
}

static void wake(void *context, struct wait_queue *queue) {
    (void)context;
    (void)queue;
}

static uint64_t clock_ns(void *context) {
    (void)context;
    return 1;
}

static const struct vfs_machine machine = {
    .take_page = take_page, .give_page_back = give_page_back, .wake = wake, .clock_ns = clock_ns};
static const struct terminal_processes processes = {0};

static void check(const struct terminal *terminal) {
    uint32_t waiting = terminal->written - terminal->read;
    if (waiting > TERMINAL_RING || terminal->output_written - terminal->output_read > TERMINAL_RING ||
        terminal->echo_written - terminal->echo_read > TERMINAL_ECHOES)
        abort();
    if (terminal_has_lines(terminal) && terminal->complete - terminal->read > waiting)
        abort();
}

static void move(struct terminal *terminal, bool is_read, uint8_t *bytes, size_t size) {
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = size};
    size_t done = 0;
    transfer_init(&transfer, &segment, 1);
    terminal->signals_due = 0;
    if (is_read)
        (void)terminal_read(terminal, 0, false, &transfer, &done);
    else
        (void)terminal_write(terminal, 0, false, &transfer, &done);
}

static void set(struct terminal *terminal, const uint8_t *bytes, size_t size) {
    struct linux_termios settings = terminal->settings;
    memcpy(&settings, bytes, size < sizeof(settings) ? size : sizeof(settings));
    terminal_lock(terminal);
    terminal_set(terminal, &settings);
    terminal_unlock(terminal);
}

static void type(struct terminal *terminal, const uint8_t *bytes, size_t size) {
    terminal_lock(terminal);
    (void)terminal_receive(terminal, bytes, size);
    terminal_unlock(terminal);
}

static void collect(struct terminal *terminal) {
    const uint8_t *bytes;
    size_t size;
    terminal_lock(terminal);
    while ((size = terminal_peek(terminal, &bytes)) > 0)
        terminal_took(terminal, size);
    terminal_unlock(terminal);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct terminal terminal;
    uint8_t step[STEP_MAX];
    if (terminal_init(&terminal, &machine, &processes, NULL) != 0)
        return 0;
    while (size >= 2) {
        uint8_t kind = bytes[0];
        size_t length = bytes[1] < size - 2 ? bytes[1] : size - 2, repeated = 0;
        const uint8_t *data = bytes + 2;
        while (length > 0 && repeated + length <= sizeof(step)) {
            memcpy(step + repeated, data, length);
            repeated += length;
            if (kind < 128) /* else it is said as often as it fits */
                break;
        }
        bytes += 2 + length;
        size -= 2 + length;
        switch (kind % 6) {
        case 0:
            set(&terminal, step, repeated);
            break;
        case 1:
        case 2:
            type(&terminal, step, repeated);
            break;
        case 3:
            move(&terminal, false, step, repeated);
            break;
        case 4:
            move(&terminal, true, step, repeated);
            break;
        default:
            collect(&terminal);
        }
        check(&terminal);
    }
    terminal_deinit(&terminal);
    return 0;
}
