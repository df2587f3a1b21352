/* The little of HTTP that is needed: http.h. */
#include "servers/health/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HTTP_PORT 80u
#define HTTP_SCHEME "http://"

static bool parse_port(const char *text, size_t length, uint16_t *port) {
    uint32_t number = 0;
    if (length == 0 || length > 5)
        return false;
    for (size_t index = 0; index < length; index++) {
        if (text[index] < '0' || text[index] > '9')
            return false;
        number = number * 10 + (uint32_t)(text[index] - '0');
    }
    *port = (uint16_t)number;
    return number > 0 && number <= UINT16_MAX;
}

/* Split "host:port" or "host"; an IPv6 address stands in brackets. */
static bool split(const char *text, size_t length, char *host, size_t host_bytes, uint16_t *port) {
    bool is_bracketed = length > 0 && text[0] == '[';
    const char *end = is_bracketed ? memchr(text, ']', length) : memchr(text, ':', length);
    size_t host_length = end == NULL ? length : (size_t)(end - text);
    if (is_bracketed && end == NULL)
        return false;
    const char *rest = text + host_length + (is_bracketed ? 1 : 0);
    size_t rest_length = length - (size_t)(rest - text);
    if (rest_length > 0 && (rest[0] != ':' || !parse_port(rest + 1, rest_length - 1, port)))
        return false;
    size_t skipped = is_bracketed ? 1 : 0;
    if (host_length <= skipped || host_length - skipped >= host_bytes)
        return false;
    memcpy(host, text + skipped, host_length - skipped);
    host[host_length - skipped] = '\0';
    return true;
}

static bool to_address(const char *host, uint16_t port, struct sockaddr_storage *address, socklen_t *bytes) {
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (strcmp(host, "localhost") == 0 || strcmp(host, "*") == 0)
        host = "127.0.0.1";
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &four.sin_addr) == 1) {
        memcpy(address, &four, sizeof four);
        *bytes = sizeof four;
        return true;
    }
    if (inet_pton(AF_INET6, host, &six.sin6_addr) != 1)
        return false;
    memcpy(address, &six, sizeof six);
    *bytes = sizeof six;
    return true;
}

const char *http_socket_address(const char *text, struct sockaddr_storage *address, socklen_t *address_bytes) {
    char host[64];
    uint16_t port = 0;
    if (!split(text, strlen(text), host, sizeof host, &port) || port == 0)
        return "write an address and a port, like 127.0.0.1:8080 or [::1]:8080";
    return to_address(host, port, address, address_bytes)
               ? NULL
               : "the host must be a numeric address or localhost: names are not looked up";
}

const char *http_address(const char *url, struct http_address *address) {
    char host[64];
    uint16_t port = HTTP_PORT;
    if (strncmp(url, "https://", 8) == 0)
        return "https is not spoken: let a proxy on this machine do that, and write http://127.0.0.1:PORT/PATH";
    if (strncmp(url, HTTP_SCHEME, strlen(HTTP_SCHEME)) != 0)
        return "write http://ADDRESS:PORT/PATH";
    const char *begin = url + strlen(HTTP_SCHEME);
    size_t length = strcspn(begin, "/");
    const char *path = begin[length] == '\0' ? "/" : begin + length;
    if (strlen(path) >= sizeof address->path)
        return "the path is longer than 191 bytes";
    for (const char *at = path; *at != '\0'; at++)
        if (*at <= ' ' || *at == 0x7f)
            return "the path has a blank or a control character in it: write %20 for a blank";
    if (!split(begin, length, host, sizeof host, &port))
        return "write http://ADDRESS:PORT/PATH, with a port from 1 to 65535";
    if (!to_address(host, port, &address->address, &address->address_bytes))
        return "the host must be a numeric address or localhost: names are not looked up";
    (void)snprintf(address->host, sizeof address->host, "%.*s", (int)(length < 79 ? length : 79), begin);
    (void)snprintf(address->path, sizeof address->path, "%s", path);
    return NULL;
}

size_t http_request(const struct http_address *address, const char *body, char *out, size_t out_bytes) {
    int length;
    if (body == NULL)
        length = snprintf(out, out_bytes,
                          "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: grove-health\r\nAccept: */*\r\n"
                          "Connection: close\r\n\r\n",
                          address->path, address->host);
    else
        length = snprintf(out, out_bytes,
                          "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: grove-health\r\nConnection: close\r\n"
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                          address->path, address->host, strlen(body), body);
    return length > 0 && (size_t)length < out_bytes ? (size_t)length : 0;
}

/* "HTTP/1.x NNN": fixed places, by RFC 9112, 4. */
int http_status(const char *bytes, size_t count) {
    static const char start[] = "HTTP/1.";
    size_t known = count < sizeof start - 1 ? count : sizeof start - 1;
    if (memcmp(bytes, start, known) != 0)
        return -1;
    const char *end = memchr(bytes, '\n', count < HTTP_STATUS_LINE_BYTES ? count : HTTP_STATUS_LINE_BYTES);
    if (end == NULL)
        return count >= HTTP_STATUS_LINE_BYTES ? -1 : 0;
    if (end - bytes < 12 || bytes[7] < '0' || bytes[7] > '9' || bytes[8] != ' ')
        return -1;
    int status = 0;
    for (unsigned index = 9; index < 12; index++) {
        if (bytes[index] < '0' || bytes[index] > '9')
            return -1;
        status = status * 10 + (bytes[index] - '0');
    }
    bool is_closed = bytes[12] == ' ' || bytes[12] == '\r' || bytes[12] == '\n';
    return is_closed && status >= 100 && status <= 599 ? status : -1;
}
