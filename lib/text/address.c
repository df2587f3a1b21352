/*
 * Network addresses of capabilities: "10.0.0.0/8:443", "[::1]:8000-8010/tcp", "*:53/udp".
 *
 * An address with bits outside its prefix is refused and not silently widened: who writes 10.1.2.3/8 should know that
 * it means all of 10.0.0.0/8.
 */
#include "lib/text/problem.h"
#include "lib/text/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define TRANSPORT_TCP 6
#define TRANSPORT_UDP 17
#define HOST_MAX 64u

/* Where the host ends and ":port" begins; NULL if there is no such place. */
static const char *find_port(const char *text) {
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        return end ? strchr(end, ':') : NULL;
    }
    return strchr(text, ':');
}

bool text_address_host_name(const char *text, size_t *host_bytes, const char **rest) {
    const char *port = find_port(text);
    if (!port || port == text)
        return false;
    size_t length = (size_t)(port - text);
    bool has_letter = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
            return false;
        has_letter |= is_letter;
    }
    if (!has_letter)
        return false;
    *host_bytes = length;
    *rest = port;
    return true;
}

static bool fits_prefix(const uint8_t *bytes, unsigned address_bits, unsigned prefix_bits) {
    for (unsigned bit = prefix_bits; bit < address_bits; bit++)
        if (bytes[bit / 8] & (0x80u >> bit % 8))
            return false;
    return true;
}

/* Cut "/PREFIX" off the host. Without one the whole address counts. */
static int split_prefix(char *host, unsigned address_bits, uint8_t *prefix_bits, struct problem problem) {
    char *slash = strchr(host, '/');
    if (!slash) {
        *prefix_bits = (uint8_t)address_bits;
        return 0;
    }
    uint64_t prefix;
    if (text_number_parse(slash + 1, &prefix) < 0 || prefix > address_bits)
        return problem_say(problem, "\"%s\" is no prefix length; write a number from 0 to %u after the /", slash + 1,
                           address_bits);
    *slash = '\0';
    *prefix_bits = (uint8_t)prefix;
    return 0;
}

static int parse_numeric_host(char *host, int family, struct grove_address *address, struct problem problem) {
    unsigned address_bits = family == AF_INET ? 32 : 128;
    uint8_t prefix_bits = 0, bytes[16] = {0};
    int status = split_prefix(host, address_bits, &prefix_bits, problem);
    if (status < 0)
        return status;
    if (inet_pton(family, host, bytes) != 1)
        return problem_say(problem, "\"%s\" is no %s address; write one like %s, a network like %s, or * for any host",
                           host, family == AF_INET ? "IPv4" : "IPv6", family == AF_INET ? "127.0.0.1" : "[::1]",
                           family == AF_INET ? "10.0.0.0/8" : "[fd00::/8]");
    if (!fits_prefix(bytes, address_bits, prefix_bits))
        return problem_say(problem, "%s/%u has bits set outside its prefix; clear them, or write a longer prefix", host,
                           prefix_bits);
    address->family = family == AF_INET ? 4 : 6;
    address->prefix_bits = prefix_bits;
    memcpy(address->bytes, bytes, sizeof(bytes));
    return 0;
}

static int parse_host(const char *text, size_t length, struct grove_address *address, struct problem problem) {
    char host[HOST_MAX];
    if (length == 1 && text[0] == '*')
        return 0;
    if (!length)
        return problem_say(problem, "the host before the : is missing; write an address, or * for any host");
    if (length >= sizeof(host))
        return problem_say(problem, "the host is longer than any address");
    memcpy(host, text, length);
    host[length] = '\0';
    if (host[0] != '[')
        return parse_numeric_host(host, AF_INET, address, problem);
    /* "[fd00::/8]" and "[fd00::]/8" are both in use: drop the brackets wherever they stand. */
    char *bracket = strchr(host, ']');
    if (!bracket)
        return problem_say(problem, "the ] after the IPv6 address is missing");
    memmove(bracket, bracket + 1, strlen(bracket));
    return parse_numeric_host(host + 1, AF_INET6, address, problem);
}

static int parse_port_number(const char *text, size_t length, uint16_t *port, struct problem problem) {
    char digits[8];
    uint64_t number;
    if (length < sizeof(digits)) {
        memcpy(digits, text, length);
        digits[length] = '\0';
        if (text_number_parse(digits, &number) == 0 && number <= UINT16_MAX) {
            *port = (uint16_t)number;
            return 0;
        }
    }
    return problem_say(problem, "\"%.*s\" is no port; write a number from 0 to 65535, a range like 8000-8010, or *",
                       (int)(length < 32 ? length : 32), text);
}

static int parse_ports(const char *text, size_t length, struct grove_address *address, struct problem problem) {
    if (length == 1 && text[0] == '*') {
        address->port_first = 0;
        address->port_last = UINT16_MAX;
        return 0;
    }
    const char *dash = memchr(text, '-', length);
    size_t first_length = dash ? (size_t)(dash - text) : length;
    int status = parse_port_number(text, first_length, &address->port_first, problem);
    if (status < 0)
        return status;
    if (!dash) {
        address->port_last = address->port_first;
        return 0;
    }
    status = parse_port_number(dash + 1, length - first_length - 1, &address->port_last, problem);
    if (status < 0)
        return status;
    if (address->port_last < address->port_first)
        return problem_say(problem, "the port range %u-%u runs backwards; write %u-%u", address->port_first,
                           address->port_last, address->port_last, address->port_first);
    return 0;
}

static int parse_transport(const char *text, struct grove_address *address, struct problem problem) {
    if (!strcmp(text, "tcp"))
        address->transport = TRANSPORT_TCP;
    else if (!strcmp(text, "udp"))
        address->transport = TRANSPORT_UDP;
    else
        return problem_say(problem, "\"%.32s\" is no transport; write /tcp, /udp, or nothing for both", text);
    return 0;
}

int text_address_parse(const char *text, struct grove_address *address, char *error, size_t error_bytes) {
    struct problem problem = {error, error_bytes};
    struct grove_address parsed = {0};
    size_t host_bytes;
    const char *port = find_port(text), *rest;
    if (text_address_host_name(text, &host_bytes, &rest))
        return problem_say(problem, "\"%.*s\" is a host name; write its address (manifests and --allow look names up)",
                           (int)(host_bytes < 255 ? host_bytes : 255), text);
    if (!port)
        return problem_say(problem, "the port is missing; write %.64s:PORT, or %.64s:* for every port", text, text);
    int status = parse_host(text, (size_t)(port - text), &parsed, problem);
    if (status < 0)
        return status;
    port++;
    const char *slash = strchr(port, '/');
    size_t port_bytes = slash ? (size_t)(slash - port) : strlen(port);
    status = parse_ports(port, port_bytes, &parsed, problem);
    if (status == 0 && slash)
        status = parse_transport(slash + 1, &parsed, problem);
    if (status == 0)
        *address = parsed;
    return status;
}

static void format_host(const struct grove_address *address, char *host, size_t size_bytes) {
    char digits[INET6_ADDRSTRLEN] = "?";
    if (address->family == 0) {
        snprintf(host, size_bytes, "*");
        return;
    }
    bool is_six = address->family == 6;
    inet_ntop(is_six ? AF_INET6 : AF_INET, address->bytes, digits, sizeof(digits));
    char prefix[8] = "";
    if (address->prefix_bits != (is_six ? 128 : 32))
        snprintf(prefix, sizeof(prefix), "/%u", address->prefix_bits);
    snprintf(host, size_bytes, is_six ? "[%s%s]" : "%s%s", digits, prefix);
}

size_t text_address_format(const struct grove_address *address, char *text, size_t size_bytes) {
    char host[HOST_MAX], ports[16];
    format_host(address, host, sizeof(host));
    if (address->port_first == 0 && address->port_last == UINT16_MAX)
        snprintf(ports, sizeof(ports), "*");
    else if (address->port_first == address->port_last)
        snprintf(ports, sizeof(ports), "%u", address->port_first);
    else
        snprintf(ports, sizeof(ports), "%u-%u", address->port_first, address->port_last);
    const char *transport = address->transport == TRANSPORT_TCP   ? "/tcp"
                            : address->transport == TRANSPORT_UDP ? "/udp"
                                                                  : "";
    return (size_t)snprintf(text, size_bytes, "%s:%s%s", host, ports, transport);
}
