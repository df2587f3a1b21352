/* A 16550 played here: what goes out and comes in, by interrupt and at once, and a port that never does what it should. */
#include "kernel/machine/bare/drivers/uart.h"

#include "kernel/core/test/unit.h"

#include <string.h>

#define SENT_MAX 16384u

struct port {
    uint8_t registers[8];
    uint8_t sent[SENT_MAX];
    size_t sent_count, queued; /* `queued` bytes are in its queue and not yet gone */
    const uint8_t *typed;
    size_t typed_count;
    bool is_mad; /* always says that something came, and never that there is room */
    uint64_t reads;
};

static uint8_t port_read(void *context, unsigned number) {
    struct port *port = context;
    port->reads++;
    if (number == 0 && port->is_mad)
        return 'm';
    if (number == 0 && port->typed_count > 0) {
        port->typed_count--;
        return *port->typed++;
    }
    if (number == 5 && port->is_mad)
        return 0x01;
    if (number == 5)
        return (uint8_t)((port->typed_count > 0 ? 0x01 : 0) | (port->queued == 0 ? 0x20 : 0));
    return port->registers[number];
}

static void port_write(void *context, unsigned number, uint8_t value) {
    struct port *port = context;
    bool is_divisor = (port->registers[3] & 0x80) != 0;
    if (number == 0 && !is_divisor) {
        port->sent[port->sent_count++ % SENT_MAX] = value;
        port->queued++;
        assert_true(port->is_mad || port->queued <= 16);
    }
    port->registers[number] = value;
}

static void begin(struct uart *uart, struct port *port) {
    const struct uart_access access = {.read = port_read, .write = port_write, .context = port};
    memset(uart, 0, sizeof(*uart));
    uart->console.name = "test";
    uart_init(uart, &access);
    assert_true(uart->is_there);
}

/* The port has sent its queue, and interrupts as long as it is allowed to. */
static void run_interrupts(struct uart *uart, struct port *port) {
    do {
        port->queued = 0;
        uart_interrupt(uart);
    } while ((port->registers[1] & 0x02) != 0 || port->typed_count > 0);
}

static void output_goes_out_by_interrupt_in_order(void **state) {
    static struct uart uart;
    static struct port port;
    uint8_t bytes[CONSOLE_OUTPUT_BYTES + 100];
    (void)state;
    port = (struct port){0};
    begin(&uart, &port);
    uart_use_interrupts(&uart);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    assert_int_equal(console_device_write(&uart.console, bytes, sizeof(bytes)), CONSOLE_OUTPUT_BYTES);
    assert_int_equal(console_device_write(&uart.console, bytes, 1), 0);
    assert_int_equal(port.sent_count, 0);
    assert_int_equal(console_device_waiting(&uart.console), CONSOLE_OUTPUT_BYTES);
    run_interrupts(&uart, &port);
    assert_int_equal(port.sent_count, CONSOLE_OUTPUT_BYTES);
    assert_memory_equal(port.sent, bytes, CONSOLE_OUTPUT_BYTES);
    assert_int_equal(port.registers[1], 0x01); /* nothing more to send: no interrupt for it */
    assert_int_equal(console_device_write(&uart.console, bytes, 3), 3);
    assert_int_equal(port.registers[1], 0x03);
}

static void the_kernels_words_come_after_what_waits(void **state) {
    static struct uart uart;
    static struct port port;
    (void)state;
    port = (struct port){0};
    begin(&uart, &port);
    uart_use_interrupts(&uart);
    assert_int_equal(console_device_write(&uart.console, (const uint8_t *)"first ", 6), 6);
    port.is_mad = true; /* only in that it has never room: a bound ends that */
    console_device_write_now(&uart.console, (const uint8_t *)"last", 4, true);
    assert_int_equal(port.sent_count, 10);
    assert_memory_equal(port.sent, "first last", 10);
    assert_int_equal(console_device_waiting(&uart.console), 0);
}

static void tell(struct wait_entry *entry);

struct watcher {
    struct wait_entry entry;
    unsigned told;
};

static void tell(struct wait_entry *entry) {
    ((struct watcher *)entry)->told++;
}

static void who_waits_for_room_is_told(void **state) {
    static struct uart uart;
    static struct port port;
    static const uint8_t bytes[CONSOLE_OUTPUT_BYTES];
    struct watcher watcher = {.entry.woken = tell};
    (void)state;
    port = (struct port){0};
    begin(&uart, &port);
    uart_use_interrupts(&uart);
    wait_add(&uart.console.room, &watcher.entry);
    assert_int_equal(console_device_write(&uart.console, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(watcher.told, 0);
    run_interrupts(&uart, &port);
    assert_int_equal(watcher.told, 2); /* at half, and at the end */
    assert_int_equal(console_device_write(&uart.console, bytes, sizeof(bytes)), sizeof(bytes));
    console_device_flush(&uart.console);
    assert_int_equal(watcher.told, 3);
    wait_remove(&watcher.entry);
}

struct terminal {
    uint8_t bytes[64];
    size_t count;
};

static void note(void *context, const uint8_t *bytes, size_t count) {
    struct terminal *terminal = context;
    assert_true(terminal->count + count <= sizeof(terminal->bytes));
    memcpy(terminal->bytes + terminal->count, bytes, count);
    terminal->count += count;
}

static void input_is_kept_until_there_is_a_terminal(void **state) {
    static struct uart uart;
    static struct port port;
    struct terminal terminal = {.count = 0};
    struct watcher watcher = {.entry.woken = tell};
    uint8_t bytes[4];
    (void)state;
    port = (struct port){.typed = (const uint8_t *)"abcdef", .typed_count = 6};
    begin(&uart, &port);
    uart_use_interrupts(&uart);
    wait_add(&uart.console.readable, &watcher.entry);
    run_interrupts(&uart, &port);
    assert_int_equal(watcher.told, 1);
    wait_remove(&watcher.entry);
    assert_int_equal(console_device_read(&uart.console, bytes, 2), 2);
    assert_memory_equal(bytes, "ab", 2);
    console_device_attach(&uart.console, note, &terminal);
    assert_int_equal(terminal.count, 4);
    port.typed = (const uint8_t *)"ghijklmnopqrstuvwxyz";
    port.typed_count = 20;
    run_interrupts(&uart, &port);
    assert_int_equal(terminal.count, 24);
    assert_memory_equal(terminal.bytes, "cdefghijklmnopqrstuvwxyz", 24);
    assert_int_equal(console_device_read(&uart.console, bytes, 4), 0);
}

static void what_has_no_room_is_counted(void **state) {
    static struct uart uart;
    static struct port port;
    static const uint8_t typed[CONSOLE_INPUT_BYTES + 7];
    (void)state;
    port = (struct port){.typed = typed, .typed_count = sizeof(typed)};
    begin(&uart, &port);
    run_interrupts(&uart, &port);
    assert_int_equal(uart.console.lost, 7);
}

static void a_mad_port_does_not_stop_the_kernel(void **state) {
    static struct uart uart;
    static struct port port;
    (void)state;
    port = (struct port){0};
    begin(&uart, &port);
    uart_use_interrupts(&uart);
    port.is_mad = true;
    uint64_t before = port.reads;
    uart_interrupt(&uart);
    assert_true(port.reads - before < 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_goes_out_by_interrupt_in_order),
        cmocka_unit_test(the_kernels_words_come_after_what_waits),
        cmocka_unit_test(who_waits_for_room_is_told),
        cmocka_unit_test(input_is_kept_until_there_is_a_terminal),
        cmocka_unit_test(what_has_no_room_is_counted),
        cmocka_unit_test(a_mad_port_does_not_stop_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
