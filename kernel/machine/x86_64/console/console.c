/* The console on a 16550 behind ports: see console.h. */
#include "kernel/machine/x86_64/console/console.h"

#include "kernel/machine/bare/drivers/interrupt.h"
#include "kernel/machine/bare/drivers/uart.h"
#include "kernel/machine/bare/text/format.h"
#include "kernel/machine/x86_64/cpu/registers.h"

#define PORT 0x3f8u
#define OLD_LINE 4u
#define PIECE_BYTES 128u

static struct uart uart = {.console.name = "ttyS0"};
static struct spinlock lock; /* one who speaks at a time; before the device's */
static bool is_in_panic;

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

struct console_device *console_first(void) {
    return uart.is_there ? &uart.console : NULL;
}

static void put_text(void *context, const char *text, size_t length) {
    uint8_t piece[PIECE_BYTES];
    size_t count = 0;
    (void)context;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n')
            piece[count++] = '\r';
        piece[count++] = (uint8_t)text[i];
        if (count + 2 > sizeof(piece) || i + 1 == length) {
            console_device_write_now(&uart.console, piece, count, is_in_panic);
            count = 0;
        }
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
    give_back();
}

void console_print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    take();
    format_to(put_text, NULL, format, arguments);
    give_back();
    va_end(arguments);
}

void console_flush(void) {
    console_device_write_now(&uart.console, NULL, 0, is_in_panic);
}

void console_enter_panic(void) {
    is_in_panic = true;
}
