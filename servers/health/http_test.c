/* Addresses, requests and status lines, also those that come in pieces or are none. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/health/http.h"

static void addresses_are_read(void **state) {
    (void)state;
    struct http_address address;
    assert_null(http_address("http://127.0.0.1:8080/health?x=1", &address));
    assert_string_equal(address.path, "/health?x=1");
    assert_string_equal(address.host, "127.0.0.1:8080");
    const struct sockaddr_in *four = (const void *)&address.address;
    assert_int_equal(four->sin_family, AF_INET);
    assert_int_equal(ntohs(four->sin_port), 8080);
    assert_null(http_address("http://localhost", &address));
    assert_string_equal(address.path, "/");
    assert_int_equal(ntohs(four->sin_port), 80);
    assert_null(http_address("http://[::1]:81/", &address));
    assert_int_equal(address.address.ss_family, AF_INET6);
    assert_string_equal(address.host, "[::1]:81");
}

static void what_is_no_address_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "127.0.0.1",
                                      "https://127.0.0.1/",
                                      "http://",
                                      "http:///x",
                                      "http://example.org/",
                                      "http://127.0.0.1:0/",
                                      "http://127.0.0.1:65536/",
                                      "http://127.0.0.1:/",
                                      "http://127.0.0.1:8x/",
                                      "http://[::1/",
                                      "http://[::1]x/",
                                      "http://127.0.0.1/a b",
                                      "http://127.0.0.1/\r\nX: y"};
    struct http_address address;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (http_address(bad[i], &address) == NULL)
            fail_msg("\"%s\" was taken", bad[i]);
    struct sockaddr_storage raw;
    socklen_t bytes;
    assert_null(http_socket_address("127.0.0.1:1", &raw, &bytes));
    assert_non_null(http_socket_address("127.0.0.1", &raw, &bytes));
    assert_non_null(http_socket_address("", &raw, &bytes));
}

static void requests_are_whole_or_none(void **state) {
    (void)state;
    struct http_address address;
    char out[512];
    assert_null(http_address("http://127.0.0.1:80/x", &address));
    size_t length = http_request(&address, NULL, out, sizeof out);
    assert_int_equal(length, strlen(out));
    assert_ptr_equal(strstr(out, "GET /x HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"), out);
    assert_string_equal(out + length - 4, "\r\n\r\n");
    length = http_request(&address, "{\"a\":1}", out, sizeof out);
    assert_non_null(strstr(out, "\r\nContent-Length: 7\r\n"));
    assert_string_equal(out + length - 7, "{\"a\":1}");
    assert_int_equal(http_request(&address, "{\"a\":1}", out, 100), 0);
}

/* A status line says the same in whatever pieces it comes. */
static void status_lines_are_read_in_any_pieces(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int status;
    } lines[] = {{"HTTP/1.1 200 OK\r\n", 200}, {"HTTP/1.0 404 Not Found\r\n", 404},
                 {"HTTP/1.1 204\r\n", 204},    {"HTTP/1.1 503 \n", 503},
                 {"HTTP/1.1 2000 OK\r\n", -1}, {"HTTP/1.1 99 OK\r\n", -1},
                 {"HTTP/1.1 abc\r\n", -1},     {"HTTP/2 200 OK\r\n", -1},
                 {"HTTP/1.1  200 OK\r\n", -1}, {"HTTP/1.1 700 OK\r\n", -1},
                 {"HTTP/1.1\r\n", -1},         {"ICY 200 OK\r\n", -1}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        size_t length = strlen(lines[i].text);
        for (size_t count = 0; count < length; count++) {
            int early = http_status(lines[i].text, count);
            if (early > 0 || (early < 0 && lines[i].status > 0))
                fail_msg("\"%s\" was decided after %zu bytes", lines[i].text, count);
        }
        assert_int_equal(http_status(lines[i].text, length), lines[i].status);
    }
}

static void lines_that_do_not_end_are_given_up(void **state) {
    (void)state;
    char text[HTTP_STATUS_LINE_BYTES + 1];
    (void)snprintf(text, sizeof text, "HTTP/1.1 %0*d", (int)(sizeof text - sizeof "HTTP/1.1 "), 9);
    assert_int_equal(http_status(text, HTTP_STATUS_LINE_BYTES - 1), 0);
    assert_int_equal(http_status(text, HTTP_STATUS_LINE_BYTES), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(requests_are_whole_or_none),
        cmocka_unit_test(status_lines_are_read_in_any_pieces),
        cmocka_unit_test(lines_that_do_not_end_are_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
