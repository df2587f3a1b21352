/* Requests out of bytes: whole, in pieces, wrong, and too long. */
#include "servers/metrics/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct http_request request;
static size_t used;

static enum http_result run(const char *text) {
    used = 0;
    return http_read(text, strlen(text), &request, &used);
}

static void a_request_is_read(void **state) {
    (void)state;
    const char *text = "GET /metrics?x=1 HTTP/1.1\r\nHost: a:1\r\nAccept: */*\r\n\r\nGET";
    assert_int_equal(run(text), HTTP_DONE);
    assert_int_equal(used, strlen(text) - 3);
    assert_true(request.is_get && request.is_kept);
    assert_string_equal(request.path, "/metrics");
    assert_int_equal(run("HEAD / HTTP/1.1\r\nhost:a\r\nConnection: Upgrade, Close\r\n\r\n"), HTTP_DONE);
    assert_true(request.is_head && !request.is_get && !request.is_kept);
    assert_int_equal(run("GET / HTTP/1.0\r\n\r\n"), HTTP_DONE);
    assert_false(request.is_kept);
    assert_int_equal(run("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), HTTP_DONE);
    assert_false(request.is_get || request.is_head);
}

static void pieces_are_waited_for(void **state) {
    (void)state;
    const char *text = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    for (size_t count = 0; count < strlen(text); count++)
        assert_int_equal(http_read(text, count, &request, &used), HTTP_MORE);
    assert_int_equal(http_read(text, strlen(text), &request, &used), HTTP_DONE);
}

static void what_is_wrong_is_said(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400}, /* no host */
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400}, /* folded */
        {"GET / HTTP/2.0\r\n\r\n", 505},
        {"GET / FTP/1.0\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\n\r\n", 400},
        {"G@T / HTTP/1.1\r\n\r\n", 400},
        {"GET http://a/ HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\001\r\n\r\n", 400},
        {"\r\n\r\n", 400},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(run(cases[i].text), HTTP_FAULT);
        assert_int_equal(request.status, cases[i].status);
        assert_non_null(request.fault);
        assert_string_not_equal(http_reason(request.status), "Error");
    }
}

static void there_is_a_bound(void **state) {
    char text[2 * HTTP_HEAD_MAX];
    (void)state;
    (void)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %0*d", (int)HTTP_HEAD_MAX, 1);
    assert_int_equal(http_read(text, HTTP_HEAD_MAX - 1, &request, &used), HTTP_MORE);
    assert_int_equal(http_read(text, HTTP_HEAD_MAX, &request, &used), HTTP_FAULT);
    assert_int_equal(request.status, 431);
    (void)snprintf(text, sizeof text, "GET /%0300d HTTP/1.1\r\nHost: a\r\n\r\n", 1);
    assert_int_equal(run(text), HTTP_FAULT);
    assert_int_equal(request.status, 414);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(pieces_are_waited_for),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(there_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
