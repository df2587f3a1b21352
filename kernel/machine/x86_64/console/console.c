/* The console, on a 16550 behind ports at first: see console.h. */
#include "kernel/machine/x86_64/console/console.h"

#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/bare/drivers/interrupt.h"
#include "kernel/machine/bare/drivers/uart.h"
#include "kernel/machine/bare/text/format.h"
#include "kernel/machine/x86_64/cpu/registers.h"

#include <string.h>

#define PORT 0x3f8u
#define OLD_LINE 4u
#define PIECE_BYTES 512u
#define NAME_BYTES 16u

static struct uart uart = {.console.name = "ttyS0"};
static struct console_device *chosen = &uart.console;
static struct spinlock lock; /* one who speaks at a time; before the device's */
static bool is_in_panic;
/* What is said in one call, so that nothing of a program's comes in between. Guarded by the lock. */
static uint8_t piece[PIECE_BYTES];
static size_t piece_bytes;

static uint8_t read_port(void *context, unsigned number) {
    (void)context;
    return in8((uint16_t)(PORT + number));
}

static void write_port(void *context, unsigned number, uint8_t value) {
    (void)context;
    out8((uint16_t)(PORT + number), value);
}

void console_init(void) {
    const struct uart_access access = {.read = read_port, .write = write_port};
    uart_init(&uart, &access);
}

bool console_use_interrupts(void) {
    if (!uart.is_there || interrupt_claim_line(OLD_LINE, true, false, uart_interrupt, &uart) < 0)
        return false;
    uart_use_interrupts(&uart);
    return true;
}

struct console_device *console_serial(void) {
    return uart.is_there ? &uart.console : NULL;
}

struct console_device *console_first(void) {
    return chosen == &uart.console ? console_serial() : chosen;
}

/* What stands behind a comma is for a serial line: console=ttyS0,115200. */
static bool is_named(const char *command_line, const char *name) {
    char wanted[NAME_BYTES];
    size_t length = strlen(name);
    return options_text(command_line, "console", wanted, sizeof(wanted)) && strncmp(wanted, name, length) == 0 &&
           (wanted[length] == 0 || wanted[length] == ',');
}

void console_choose(const char *command_line, struct console_device *other) {
    if (other != NULL && (!uart.is_there || is_named(command_line, other->name)))
        chosen = other;
}

static void put_out(void) {
    if (piece_bytes > 0)
        console_device_write_now(chosen, piece, piece_bytes, is_in_panic);
    piece_bytes = 0;
}

static void put_text(void *context, const char *text, size_t length) {
    (void)context;
    for (size_t i = 0; i < length; i++) {
        if (piece_bytes + 2 > sizeof(piece))
            put_out();
        if (text[i] == '\n')
            piece[piece_bytes++] = '\r';
        piece[piece_bytes++] = (uint8_t)text[i];
    }
}

static void take(void) {
    if (!is_in_panic)
        spinlock_lock(&lock);
}

static void give_back(void) {
    if (!is_in_panic)
        spinlock_unlock(&lock);
}

void console_write(const char *text, size_t length) {
    take();
    put_text(NULL, text, length);
    put_out();
    give_back();
}

void console_print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    take();
    format_to(put_text, NULL, format, arguments);
    put_out();
    give_back();
    va_end(arguments);
}

void console_flush(void) {
    console_device_write_now(chosen, NULL, 0, is_in_panic);
}

void console_enter_panic(void) {
    is_in_panic = true;
    piece_bytes = 0; /* what another was about to say */
}
