/* Unit tests of PCI: configurations made here, honest ones and such that lead in circles, and a virtio device among them. */
#include "kernel/machine/bare/drivers/pci.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/drivers/virtio_pci.h"

#include <string.h>

#define FUNCTIONS_MAX 8u

/* Functions that are there, with their configuration; base address registers have the sizes given beside them. */
struct bus {
    uint32_t count, numbers[FUNCTIONS_MAX];
    uint8_t bytes[FUNCTIONS_MAX][256];
    uint32_t bar_masks[FUNCTIONS_MAX][6];
    uint32_t found[32], found_count;
};

static uint8_t *find(struct bus *bus, uint32_t function, uint32_t *which) {
    for (uint32_t i = 0; i < bus->count; i++) {
        *which = i;
        if (bus->numbers[i] == function)
            return bus->bytes[i];
    }
    return NULL;
}

static uint32_t read_word(void *context, uint32_t function, uint32_t offset) {
    uint32_t which, value = UINT32_MAX;
    assert_true(offset <= 252 && offset % 4 == 0);
    const uint8_t *bytes = find(context, function, &which);
    if (bytes != NULL)
        memcpy(&value, bytes + offset, 4);
    return value;
}

static void write_word(void *context, uint32_t function, uint32_t offset, uint32_t value) {
    struct bus *bus = context;
    uint32_t which = 0;
    uint8_t *bytes = find(bus, function, &which);
    assert_non_null(bytes);
    if (offset >= 0x10 && offset < 0x28) {
        uint32_t mask = bus->bar_masks[which][(offset - 0x10) / 4];
        value = (value & mask) | (bytes[offset] & 0xf & ~mask);
    }
    memcpy(bytes + offset, &value, offset == 0x04 ? 2 : 4); /* the state is not for writing */
}

static struct pci_access access_to(struct bus *bus) {
    return (struct pci_access){.read = read_word, .write = write_word, .context = bus};
}

static uint8_t *add(struct bus *bus, uint32_t function, uint32_t vendor_and_device) {
    bus->numbers[bus->count] = function;
    memcpy(bus->bytes[bus->count], &vendor_and_device, 4);
    return bus->bytes[bus->count++];
}

static void note(void *context, uint32_t function) {
    struct bus *bus = context;
    assert_true(bus->found_count < ITEMS(bus->found));
    bus->found[bus->found_count++] = function;
}

static void all_functions_are_found_once(void **state) {
    static struct bus bus;
    const struct pci_access access = access_to(&bus);
    (void)state;
    bus = (struct bus){0};
    add(&bus, 0x00, 0x29c08086);
    add(&bus, 0x10, 0x10421af4)[0x0e] = 0x80; /* with several functions, of which one is there */
    add(&bus, 0x13, 0x10441af4);
    uint8_t *bridge = add(&bus, 0x18, 0x000c1b36);
    bridge[0x0e] = 1;
    bridge[0x19] = 5;
    uint8_t *other = add(&bus, 0x500, 0x000c1b36); /* a bridge that leads back to both */
    other[0x0e] = 1;
    other[0x19] = 0;
    other = add(&bus, 0x508, 0x000c1b36);
    other[0x0e] = 1;
    other[0x19] = 5;
    add(&bus, 0x0b, 0x10421af4); /* a function without a first one */
    pci_scan(&access, note, &bus);
    static const uint32_t expected[] = {0x00, 0x10, 0x13, 0x18, 0x500, 0x508};
    assert_int_equal(bus.found_count, ITEMS(expected));
    for (unsigned i = 0; i < ITEMS(expected); i++)
        assert_int_equal(bus.found[i], expected[i]);
}

static void lists_that_do_not_end_are_left(void **state) {
    static struct bus bus;
    const struct pci_access access = access_to(&bus);
    (void)state;
    bus = (struct bus){0};
    uint8_t *bytes = add(&bus, 0, 0x10421af4);
    bytes[0x34] = 0x40;
    assert_int_equal(pci_find_capability(&access, 0, 0x09, 0), 0); /* it says that it has no list */
    bytes[0x06] = 0x10;
    bytes[0x40] = 0x09;
    bytes[0x41] = 0x50;
    bytes[0x50] = 0x11;
    bytes[0x51] = 0x60;
    bytes[0x60] = 0x09;
    bytes[0x61] = 0x50; /* a circle */
    assert_int_equal(pci_find_capability(&access, 0, 0x09, 0), 0x40);
    assert_int_equal(pci_find_capability(&access, 0, 0x09, 0x40), 0x60);
    assert_int_equal(pci_find_capability(&access, 0, 0x05, 0), 0);
    bytes[0x61] = 0x10; /* into what is no list */
    assert_int_equal(pci_find_capability(&access, 0, 0x09, 0x60), 0);
    bytes[0x61] = 0xff;
    assert_int_equal(pci_find_capability(&access, 0, 0x09, 0x60), 0);
}

static void base_addresses_have_sizes(void **state) {
    static struct bus bus;
    const struct pci_access access = access_to(&bus);
    (void)state;
    bus = (struct bus){0};
    uint8_t *bytes = add(&bus, 0, 0x10421af4);
    const uint32_t bars[6] = {0xfebf1000, 0xc001, 0x0000000c, 0x7, 0, 0};
    memcpy(bytes + 0x10, bars, sizeof(bars));
    bus.bar_masks[0][0] = 0xfffff000;
    bus.bar_masks[0][2] = 0xffffc000;
    bus.bar_masks[0][3] = 0xffffffff;
    struct pci_range range = pci_read_bar(&access, 0, 0);
    assert_int_equal(range.address, 0xfebf1000);
    assert_int_equal(range.size_bytes, 0x1000);
    assert_int_equal(pci_read_bar(&access, 0, 1).size_bytes, 0); /* ports */
    range = pci_read_bar(&access, 0, 2);
    assert_int_equal(range.address, UINT64_C(0x700000000));
    assert_int_equal(range.size_bytes, 0x4000);
    assert_int_equal(pci_read_bar(&access, 0, 4).size_bytes, 0);
    assert_int_equal(pci_read_bar(&access, 0, 6).size_bytes, 0);
    uint32_t after[6];
    memcpy(after, bytes + 0x10, sizeof(after));
    assert_memory_equal(after, bars, sizeof(bars));
}

/* Parts of a virtio device at offsets of base address 0, which has 16 KiB. */
static void add_part(uint8_t *bytes, uint8_t at, uint8_t next, uint8_t kind, uint32_t offset, uint32_t size) {
    bytes[at] = 0x09;
    bytes[at + 1] = next;
    bytes[at + 3] = kind;
    memcpy(bytes + at + 8, &offset, 4);
    memcpy(bytes + at + 12, &size, 4);
}

static uint8_t *virtio_example(struct bus *bus) {
    *bus = (struct bus){0};
    uint8_t *bytes = add(bus, 0, 0x10441af4);
    const uint32_t bar = 0xfebf0000;
    memcpy(bytes + 0x10, &bar, 4);
    bus->bar_masks[0][0] = 0xffffc000;
    bytes[0x06] = 0x10;
    bytes[0x34] = 0x40;
    add_part(bytes, 0x40, 0x50, 1, 0, 56);
    add_part(bytes, 0x50, 0x64, 2, 0x3000, 0x1000);
    add_part(bytes, 0x64, 0, 4, 0x2000, 0x20);
    return bytes;
}

static void a_virtio_device_is_opened(void **state) {
    static struct bus bus;
    const struct pci_access access = access_to(&bus);
    struct virtio_device device;
    (void)state;
    uint8_t *bytes = virtio_example(&bus);
    assert_int_equal(virtio_pci_open(&access, 0, &device), 0);
    assert_int_equal(device.kind, VIRTIO_KIND_RANDOM);
    assert_int_equal(device.registers.base, 0xfebf0000);
    assert_int_equal(device.notices.base, 0xfebf3000);
    assert_int_equal(device.configuration_bytes, 0x20);
    assert_int_equal(bytes[0x04] & 6, 6); /* it answers, and reaches memory */
    bytes[0x02] = 0x05; /* one of both kinds says it in the subsystem */
    bytes[0x03] = 0x10;
    bytes[0x2e] = 2;
    assert_int_equal(virtio_pci_open(&access, 0, &device), 0);
    assert_int_equal(device.kind, VIRTIO_KIND_BLOCK);
    bytes[0x00] = 0xf5;
    assert_int_equal(virtio_pci_open(&access, 0, &device), GROVE_NOT_FOUND);
}

static void parts_outside_of_their_addresses_are_refused(void **state) {
    static struct bus bus;
    const struct pci_access access = access_to(&bus);
    struct virtio_device device;
    (void)state;
    uint8_t *bytes = virtio_example(&bus);
    add_part(bytes, 0x50, 0x64, 2, 0x3ff0, 0x1000);
    assert_int_equal(virtio_pci_open(&access, 0, &device), GROVE_INVALID);
    bytes = virtio_example(&bus);
    add_part(bytes, 0x40, 0x50, 1, 0xfffffff0, 56);
    assert_int_equal(virtio_pci_open(&access, 0, &device), GROVE_INVALID);
    bytes = virtio_example(&bus);
    add_part(bytes, 0x40, 0x50, 1, 0, 55); /* too short for what must be there */
    assert_int_equal(virtio_pci_open(&access, 0, &device), GROVE_INVALID);
    bytes = virtio_example(&bus);
    bytes[0x44] = 9; /* there is no such base address */
    assert_int_equal(virtio_pci_open(&access, 0, &device), GROVE_INVALID);
    bytes = virtio_example(&bus);
    bytes[0x34] = 0x50; /* without the common registers */
    assert_int_equal(virtio_pci_open(&access, 0, &device), GROVE_UNSUPPORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_functions_are_found_once),
        cmocka_unit_test(lists_that_do_not_end_are_left),
        cmocka_unit_test(base_addresses_have_sizes),
        cmocka_unit_test(a_virtio_device_is_opened),
        cmocka_unit_test(parts_outside_of_their_addresses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
