/* Socket addresses from containers: lengths, families that Linux takes for others, and what is checked in the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/machine/linux/broker/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static struct socket_address version4(const char *text, uint16_t port) {
    struct socket_address address = {.bytes = sizeof address.u.in};
    address.u.in.sin_family = AF_INET;
    address.u.in.sin_port = htons(port);
    assert_int_equal(inet_pton(AF_INET, text, &address.u.in.sin_addr), 1);
    return address;
}

static struct socket_address version6(const char *text, uint16_t port) {
    struct socket_address address = {.bytes = sizeof address.u.in6};
    address.u.in6.sin6_family = AF_INET6;
    address.u.in6.sin6_port = htons(port);
    assert_int_equal(inet_pton(AF_INET6, text, &address.u.in6.sin6_addr), 1);
    return address;
}

static void expect(const struct socket_address *address, int family, int bits, const char *text, uint16_t port) {
    struct grove_capability capability;
    uint8_t bytes[16];
    address_capability(address, GROVE_CAP_NET_CONNECT, IPPROTO_TCP, &capability);
    const struct grove_address *wanted = &capability.argument.value.address;
    assert_true(grove_argument_is_valid(&capability.argument));
    assert_int_equal(capability.kind, GROVE_CAP_NET_CONNECT);
    assert_int_equal(wanted->family, family);
    assert_int_equal(wanted->prefix_bits, bits);
    assert_int_equal(wanted->transport, IPPROTO_TCP);
    assert_int_equal(wanted->port_first, port);
    assert_int_equal(wanted->port_last, port);
    assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, text, bytes), 1);
    assert_memory_equal(wanted->bytes, bytes, family == 4 ? 4 : 16);
}

static void addresses_become_exact_permissions(void **state) {
    (void)state;
    struct socket_address a = version4("192.0.2.7", 80), b = version6("2001:db8::7", 443);
    expect(&a, 4, 32, "192.0.2.7", 80);
    expect(&b, 6, 128, "2001:db8::7", 443);
}

static void mapped_addresses_count_as_version_4(void **state) {
    (void)state;
    struct socket_address address = version6("::ffff:192.0.2.7", 80);
    expect(&address, 4, 32, "192.0.2.7", 80);
}

static void any_as_destination_is_this_computer(void **state) {
    (void)state;
    struct socket_address a = version4("0.0.0.0", 1), b = version6("::", 1), c = version6("::ffff:0.0.0.0", 1);
    address_settle_destination(&a);
    address_settle_destination(&b);
    address_settle_destination(&c);
    expect(&a, 4, 32, "127.0.0.1", 1);
    expect(&b, 6, 128, "::1", 1);
    expect(&c, 4, 32, "127.0.0.1", 1);
    struct socket_address d = version4("192.0.2.7", 1);
    address_settle_destination(&d);
    expect(&d, 4, 32, "192.0.2.7", 1);
}

static void unspecified_family_means_version_4_where_linux_thinks_so(void **state) {
    (void)state;
    struct socket_address address = version4("192.0.2.7", 80);
    address.u.family = AF_UNSPEC;
    assert_int_equal(address_settle(&address, AF_INET, true), 0);
    assert_int_equal(address.u.family, AF_UNSPEC); /* disconnect */
    assert_int_equal(address_settle(&address, AF_INET, false), 0);
    expect(&address, 4, 32, "192.0.2.7", 80);
    address.u.family = AF_UNSPEC;
    assert_int_equal(address_settle(&address, AF_INET6, false), -EAFNOSUPPORT);
}

static void lengths_and_families_are_checked(void **state) {
    (void)state;
    struct socket_address address = version4("192.0.2.7", 80);
    for (socklen_t bytes = 0; bytes < sizeof address.u.in; bytes++) {
        address.bytes = bytes;
        assert_int_equal(address_settle(&address, AF_INET, false), -EINVAL);
    }
    address.bytes = sizeof address.u.storage; /* longer is allowed, and cut */
    assert_int_equal(address_settle(&address, AF_INET, false), 0);
    assert_int_equal(address.bytes, sizeof address.u.in);
    address = version6("2001:db8::7", 443);
    address.bytes = 23;
    assert_int_equal(address_settle(&address, AF_INET6, false), -EINVAL);
    address.bytes = 24;
    address.u.in6.sin6_scope_id = 5;
    assert_int_equal(address_settle(&address, AF_INET6, false), 0);
    assert_int_equal(address.u.in6.sin6_scope_id, 0);
    assert_int_equal(address_settle(&address, AF_INET, false), -EAFNOSUPPORT);
    address.u.family = AF_UNIX;
    assert_int_equal(address_settle(&address, AF_INET6, false), -EAFNOSUPPORT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_become_exact_permissions),
        cmocka_unit_test(mapped_addresses_count_as_version_4),
        cmocka_unit_test(any_as_destination_is_this_computer),
        cmocka_unit_test(unspecified_family_means_version_4_where_linux_thinks_so),
        cmocka_unit_test(lengths_and_families_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
