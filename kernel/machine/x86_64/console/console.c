/* The console on a 16550: see console.h. */
#include "kernel/machine/x86_64/console/console.h"

#include "kernel/machine/bare/spinlock.h"
#include "kernel/machine/bare/text/format.h"
#include "kernel/machine/x86_64/cpu/registers.h"

#define PORT 0x3f8u
#define REGISTER_DATA (PORT + 0)
#define REGISTER_INTERRUPTS (PORT + 1)
#define REGISTER_QUEUE (PORT + 2)
#define REGISTER_LINE (PORT + 3)
#define REGISTER_MODEM (PORT + 4)
#define REGISTER_STATE (PORT + 5)
#define REGISTER_SCRATCH (PORT + 7)
#define STATE_ROOM 0x20u
#define LINE_8_BITS 0x03u
#define LINE_DIVISOR 0x80u
#define TRIES_MAX 1000000u /* a port that never has room must not stop the kernel */

static struct spinlock lock;
static bool is_there, is_in_panic;

void console_init(void) {
    out8(REGISTER_SCRATCH, 0x5a);
    is_there = in8(REGISTER_SCRATCH) == 0x5a;
    if (!is_there)
        return;
    out8(REGISTER_INTERRUPTS, 0);
    out8(REGISTER_LINE, LINE_DIVISOR);
    out8(REGISTER_DATA, 1); /* 115,200 bits a second */
    out8(REGISTER_INTERRUPTS, 0);
    out8(REGISTER_LINE, LINE_8_BITS);
    out8(REGISTER_QUEUE, 0x07);
    out8(REGISTER_MODEM, 0x03);
}

static void put(char character) {
    for (uint32_t i = 0; i < TRIES_MAX && (in8(REGISTER_STATE) & STATE_ROOM) == 0; i++)
        pause_processor();
    out8(REGISTER_DATA, (uint8_t)character);
}

static void put_text(void *context, const char *text, size_t length) {
    (void)context;
    for (size_t i = 0; is_there && i < length; i++) {
        if (text[i] == '\n')
            put('\r');
        put(text[i]);
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

void console_enter_panic(void) {
    is_in_panic = true;
}
