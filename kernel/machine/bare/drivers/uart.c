/* A 16550: see uart.h. */
#include "kernel/machine/bare/drivers/uart.h"

#include "pause.h"

#define REGISTER_DATA 0u
#define REGISTER_INTERRUPTS 1u
#define REGISTER_QUEUE 2u
#define REGISTER_LINE 3u
#define REGISTER_MODEM 4u
#define REGISTER_STATE 5u
#define REGISTER_SCRATCH 7u
#define INTERRUPT_RECEIVED 0x01u
#define INTERRUPT_ROOM 0x02u
#define QUEUE_ON 0x01u
#define LINE_8_BITS 0x03u
#define LINE_DIVISOR 0x80u
#define MODEM_READY 0x03u
#define MODEM_INTERRUPTS 0x08u /* on a PC this connects the port with the interrupt controller */
#define STATE_RECEIVED 0x01u
#define STATE_ROOM 0x20u
#define QUEUE_BYTES 16u
#define RECEIVED_MAX 256u /* in one interrupt; what comes after makes another */
#define TRIES_MAX 1000000u /* a port that never has room must not stop the kernel */

static uint8_t read(const struct uart *uart, unsigned number) {
    return uart->access.read(uart->access.context, number);
}

static void write(const struct uart *uart, unsigned number, unsigned value) {
    uart->access.write(uart->access.context, number, (uint8_t)value);
}

static struct uart *uart_of(struct console_device *device) {
    return (struct uart *)device;
}

static void say_what_interrupts(const struct uart *uart) {
    write(uart, REGISTER_INTERRUPTS, INTERRUPT_RECEIVED | (uart->is_sending ? INTERRUPT_ROOM : 0));
}

static void put(struct console_device *device, uint8_t byte) {
    struct uart *uart = uart_of(device);
    if (!uart->is_there)
        return;
    for (uint32_t i = 0; i < TRIES_MAX && (read(uart, REGISTER_STATE) & STATE_ROOM) == 0; i++)
        pause_processor();
    write(uart, REGISTER_DATA, byte);
}

/* The port's queue is empty: as much as fits, or an end of the interrupts if there is no more. */
static void send(struct uart *uart) {
    uint8_t byte;
    for (unsigned i = 0; i < QUEUE_BYTES; i++) {
        if (!console_next(&uart->console, &byte)) {
            uart->is_sending = false;
            say_what_interrupts(uart);
            return;
        }
        write(uart, REGISTER_DATA, byte);
    }
}

static void start(struct console_device *device) {
    struct uart *uart = uart_of(device);
    uint8_t byte;
    if (uart->has_interrupts && !uart->is_sending) {
        uart->is_sending = true;
        say_what_interrupts(uart); /* the port interrupts at once if it has room */
    }
    while (!uart->has_interrupts && console_next(device, &byte))
        put(device, byte);
}

static const struct console_driver driver = {.start = start, .put = put};

void uart_init(struct uart *uart, const struct uart_access *access) {
    uart->access = *access;
    uart->console.driver = &driver;
    write(uart, REGISTER_SCRATCH, 0x5a);
    uart->is_there = read(uart, REGISTER_SCRATCH) == 0x5a;
    if (!uart->is_there)
        return;
    write(uart, REGISTER_INTERRUPTS, 0);
    write(uart, REGISTER_LINE, LINE_DIVISOR);
    write(uart, REGISTER_DATA, 1);
    write(uart, REGISTER_INTERRUPTS, 0);
    write(uart, REGISTER_LINE, LINE_8_BITS);
    write(uart, REGISTER_QUEUE, QUEUE_ON);
    write(uart, REGISTER_MODEM, MODEM_READY);
}

void uart_use_interrupts(struct uart *uart) {
    if (!uart->is_there)
        return;
    spinlock_lock(&uart->console.lock);
    uart->has_interrupts = true;
    write(uart, REGISTER_MODEM, MODEM_READY | MODEM_INTERRUPTS);
    say_what_interrupts(uart);
    spinlock_unlock(&uart->console.lock);
}

/* As much as the port's queue held; true if there may be more. */
static bool receive(struct uart *uart) {
    uint8_t bytes[QUEUE_BYTES];
    unsigned count = 0;
    while (count < sizeof(bytes) && (read(uart, REGISTER_STATE) & STATE_RECEIVED) != 0)
        bytes[count++] = read(uart, REGISTER_DATA);
    if (count > 0)
        console_receive(&uart->console, bytes, count);
    return count == sizeof(bytes);
}

void uart_interrupt(void *context) {
    struct uart *uart = context;
    (void)read(uart, REGISTER_QUEUE); /* which tells the reason, and forgets that there is room */
    for (unsigned done = 0; done < RECEIVED_MAX && receive(uart);)
        done += QUEUE_BYTES;
    spinlock_lock(&uart->console.lock);
    if (uart->is_sending && (read(uart, REGISTER_STATE) & STATE_ROOM) != 0)
        send(uart);
    spinlock_unlock(&uart->console.lock);
}
