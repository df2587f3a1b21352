/*
 * A serial port with a 16550 or what behaves like one: National Semiconductor's PC16550D data sheet. Its registers are reached
 * through the machine's functions, so it may lie behind ports or in memory.
 */
#ifndef GROVE_BARE_UART_H
#define GROVE_BARE_UART_H

#include "kernel/machine/bare/drivers/console.h"

struct uart_access {
    uint8_t (*read)(void *context, unsigned number);
    void (*write)(void *context, unsigned number, uint8_t value);
    void *context;
};

struct uart {
    struct console_device console; /* first */
    struct uart_access access;
    bool is_there, has_interrupts, is_sending;
};

/* 115,200 bits a second, 8 bits, no interrupts yet. `uart` is all zero but for console.name. What was typed before may be lost. */
void uart_init(struct uart *uart, const struct uart_access *access);
/* From now on uart_interrupt is called when the port says so. */
void uart_use_interrupts(struct uart *uart);
/* Any context. Bounded, whatever the port says. */
void uart_interrupt(void *uart);

#endif
