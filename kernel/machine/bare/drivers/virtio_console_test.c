/* Unit tests of the virtio console: an honest device, one that is slow, one that refuses, and one that lies. */
#include "kernel/machine/bare/drivers/virtio_console.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/drivers/test/played.h"
#include "kernel/machine/bare/drivers/virtio_mmio.h"

#include <string.h>

#define STATUS_FAILED 128u
#define INPUT 0u
#define OUTPUT 1u

static struct virtio_console driver;
static char sent[8192];
static size_t sent_bytes;

static int start(void) {
    struct virtio_device device;
    const struct registers registers = played_registers();
    sent_bytes = 0;
    int status = virtio_mmio_open(&registers, 5, false, &device);
    return status == 0 ? virtio_console_start(&driver, &device, "hvc0") : status;
}

static void begin(void) {
    played_begin(VIRTIO_KIND_CONSOLE);
    assert_int_equal(start(), 0);
}

static void stop(void) {
    device_memory_give_back(driver.memory);
    device_memory_give_back(driver.input.memory);
    device_memory_give_back(driver.output.memory);
    assert_int_equal(played_pieces, 0);
}

/* The device puts out what it was handed, one request. False: there is none. */
static bool put_out(void) {
    played_queue = OUTPUT;
    int head = played_next();
    if (head < 0)
        return false;
    const struct virtqueue_descriptor *descriptor = played_descriptor((unsigned)head);
    assert_int_equal(descriptor->flags, 0); /* for the device to read */
    assert_true(sent_bytes + descriptor->size_bytes <= sizeof(sent));
    memcpy(sent + sent_bytes, played_memory(descriptor), descriptor->size_bytes);
    sent_bytes += descriptor->size_bytes;
    played_use((uint32_t)head, 0);
    return true;
}

static void type(const char *text, uint32_t size) {
    played_queue = INPUT;
    int head = played_next();
    assert_true(head >= 0);
    const struct virtqueue_descriptor *descriptor = played_descriptor((unsigned)head);
    assert_int_equal(descriptor->flags, 2); /* for the device to write */
    assert_int_equal(descriptor->size_bytes, VIRTIO_CONSOLE_PIECE_BYTES);
    memcpy(played_memory(descriptor), text, strlen(text));
    played_use((uint32_t)head, size);
    played_interrupt();
}

static void write_text(const char *text) {
    assert_int_equal(console_device_write(&driver.console, (const uint8_t *)text, strlen(text)), strlen(text));
}

static void bytes_go_both_ways(void **state) {
    uint8_t got[VIRTIO_CONSOLE_PIECE_BYTES];
    (void)state;
    begin();
    for (unsigned i = 0; i < 3 * VIRTIO_CONSOLE_PIECES; i++) { /* each piece of memory is used more than once */
        type("typed", 5);
        assert_int_equal(console_device_read(&driver.console, got, sizeof(got)), 5);
        assert_memory_equal(got, "typed", 5);
    }
    write_text("hello ");
    write_text("there"); /* waits until the first was taken */
    assert_true(put_out());
    assert_false(put_out());
    played_interrupt();
    assert_true(put_out());
    played_interrupt();
    assert_false(put_out());
    assert_int_equal(sent_bytes, 11);
    assert_memory_equal(sent, "hello there", 11);
    stop();
}

static void a_full_ring_goes_out_in_pieces(void **state) {
    uint8_t bytes[CONSOLE_OUTPUT_BYTES];
    (void)state;
    begin();
    write_text("first");
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7);
    assert_int_equal(console_device_write(&driver.console, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(console_device_write(&driver.console, bytes, 1), 0);
    while (put_out())
        played_interrupt();
    assert_int_equal(sent_bytes, 5 + sizeof(bytes));
    assert_memory_equal(sent + 5, bytes, sizeof(bytes));
    stop();
}

static void take_at_once(uint32_t queue) {
    if (queue == OUTPUT)
        (void)put_out();
}

static void the_kernels_words_do_not_wait(void **state) {
    (void)state;
    begin();
    write_text("waits, ");
    played.noticed = take_at_once;
    assert_true(put_out()); /* and nobody heard of it yet */
    console_device_write_now(&driver.console, (const uint8_t *)"now", 3, false);
    assert_int_equal(sent_bytes, 10);
    assert_memory_equal(sent, "waits, now", 10);
    played.noticed = NULL;
    console_device_write_now(&driver.console, (const uint8_t *)"x", 1, true); /* nobody takes it: that ends too */
    stop();
}

static void the_window_is_told(void **state) {
    uint16_t rows, columns;
    (void)state;
    played_begin(VIRTIO_KIND_CONSOLE);
    memcpy(played.configuration, (const uint8_t[]){80, 0, 25, 0}, 4);
    assert_int_equal(start(), 0);
    assert_true(console_device_window(&driver.console, &rows, &columns));
    assert_int_equal(rows, 25);
    assert_int_equal(columns, 80);
    played_interrupt();
    assert_false(console_device_window(&driver.console, &rows, &columns));
    played.configuration[0] = 132;
    played_interrupt();
    assert_true(console_device_window(&driver.console, &rows, &columns));
    assert_int_equal(columns, 132);
    stop();
    played_begin(VIRTIO_KIND_CONSOLE);
    played.features = VIRTIO_FEATURE_VERSION_1; /* it cannot tell */
    assert_int_equal(start(), 0);
    assert_false(console_device_window(&driver.console, &rows, &columns));
    stop();
}

static void a_device_that_cannot_be_used_is_given_up(void **state) {
    (void)state;
    played_begin(VIRTIO_KIND_CONSOLE);
    played.refuses_features = true;
    assert_int_equal(start(), GROVE_UNSUPPORTED);
    played_begin(VIRTIO_KIND_CONSOLE);
    played.queue_size_max = 0;
    assert_int_equal(start(), GROVE_NOT_FOUND);
    assert_true((played.status & STATUS_FAILED) != 0);
    assert_int_equal(played_pieces, 0);
}

static void lies_end_it(void **state) {
    uint8_t got[16];
    (void)state;
    begin();
    type("", VIRTIO_CONSOLE_PIECE_BYTES + 1); /* more than there was room for */
    assert_true((played.status & STATUS_FAILED) != 0);
    assert_int_equal(console_device_read(&driver.console, got, sizeof(got)), 0);
    played_interrupt();
    stop();
    begin();
    write_text("x");
    played_queue = OUTPUT;
    assert_true(played_next() >= 0);
    played_use(63, 0); /* nobody gave it that */
    played_interrupt();
    assert_true((played.status & STATUS_FAILED) != 0);
    write_text("y");
    console_device_write_now(&driver.console, (const uint8_t *)"z", 1, false); /* and it does not wait for ever */
    stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(a_full_ring_goes_out_in_pieces),
        cmocka_unit_test(the_kernels_words_do_not_wait),
        cmocka_unit_test(the_window_is_told),
        cmocka_unit_test(a_device_that_cannot_be_used_is_given_up),
        cmocka_unit_test(lies_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
