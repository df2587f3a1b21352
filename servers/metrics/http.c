#include "servers/metrics/http.h"

#include <string.h>
#include <strings.h>

struct text {
    const char *at;
    size_t length;
};

const char *http_reason(int status) {
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {400, "Bad Request"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {414, "URI Too Long"},
                   {431, "Request Header Fields Too Large"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};
    for (unsigned i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Error";
}

static enum http_result fault(struct http_request *request, int status, const char *sentence) {
    request->status = status;
    request->fault = sentence;
    return HTTP_FAULT;
}

static bool is_token(struct text text) {
    for (size_t i = 0; i < text.length; i++)
        if (text.at[i] <= ' ' || text.at[i] >= 127 || strchr("\"(),/:;<=>?@[\\]{}", text.at[i]) != NULL)
            return false;
    return text.length > 0;
}

static bool equals(struct text text, const char *word) {
    return text.length == strlen(word) && strncasecmp(text.at, word, text.length) == 0;
}

static struct text trimmed(struct text text) {
    while (text.length > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = (struct text){text.at + 1, text.length - 1};
    while (text.length > 0 && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
        text.length--;
    return text;
}

/* The part before `mark`; *text is what is behind it. False: it is not there. */
static bool cut(struct text *text, char mark, struct text *part) {
    const char *end = memchr(text->at, mark, text->length);
    if (end == NULL)
        return false;
    *part = (struct text){text->at, (size_t)(end - text->at)};
    *text = (struct text){end + 1, text->length - part->length - 1};
    return true;
}

static bool is_printable(struct text text) {
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.at[i] < ' ' ? text.at[i] != '\t' : text.at[i] == 127)
            return false;
    return true;
}

static enum http_result read_target(struct text target, struct http_request *request) {
    struct text path = target;
    if (target.length > HTTP_TARGET_MAX)
        return fault(request, 414, "the target of the request is too long");
    if (target.length == 0 || target.at[0] != '/' || !is_printable(target))
        return fault(request, 400, "the target of the request is no path");
    (void)cut(&target, '?', &path);
    memcpy(request->path, path.at, path.length);
    request->path[path.length] = '\0';
    return HTTP_DONE;
}

static enum http_result read_first_line(struct text line, struct http_request *request, bool *is_newer) {
    struct text method, target;
    if (!cut(&line, ' ', &method) || !cut(&line, ' ', &target) || !is_token(method))
        return fault(request, 400, "the first line is not METHOD TARGET VERSION");
    *is_newer = line.length == 8 && memcmp(line.at, "HTTP/1.1", 8) == 0;
    if (!*is_newer && (line.length != 8 || memcmp(line.at, "HTTP/1.0", 8) != 0))
        return fault(request, line.length >= 5 && memcmp(line.at, "HTTP/", 5) == 0 ? 505 : 400,
                     "only HTTP/1.0 and HTTP/1.1 are spoken here");
    request->is_get = method.length == 3 && memcmp(method.at, "GET", 3) == 0;
    request->is_head = method.length == 4 && memcmp(method.at, "HEAD", 4) == 0;
    request->is_kept = *is_newer;
    return read_target(target, request);
}

/* A list of words between commas. */
static void read_connection(struct text value, struct http_request *request) {
    struct text word;
    while (value.length > 0) {
        if (!cut(&value, ',', &word)) {
            word = value;
            value.length = 0;
        }
        if (equals(trimmed(word), "close"))
            request->is_kept = false;
    }
}

static enum http_result read_header(struct text line, struct http_request *request, unsigned *hosts) {
    struct text name;
    if (!cut(&line, ':', &name) || !is_token(name) || !is_printable(line))
        return fault(request, 400, "a header is not NAME: VALUE");
    struct text value = trimmed(line);
    if (equals(name, "host"))
        (*hosts)++;
    else if (equals(name, "connection"))
        read_connection(value, request);
    else if (equals(name, "transfer-encoding"))
        return fault(request, 501, "requests have no body here");
    else if (equals(name, "content-length") && !(value.length == 1 && value.at[0] == '0'))
        return fault(request, 400, "requests have no body here");
    return HTTP_DONE;
}

/* The line that begins at *at, without its end; *at moves behind it. MORE: it has no end yet. */
static enum http_result next_line(const char *bytes, size_t count, size_t *at, struct text *line,
                                  struct http_request *request) {
    const char *end = memchr(bytes + *at, '\n', count - *at);
    if (end == NULL)
        return HTTP_MORE;
    *line = (struct text){bytes + *at, (size_t)(end - bytes) - *at};
    *at += line->length + 1;
    if (line->length == 0 || line->at[line->length - 1] != '\r')
        return fault(request, 400, "a line does not end in CR LF");
    line->length--;
    return HTTP_DONE;
}

static enum http_result read_lines(const char *bytes, size_t count, struct http_request *request, size_t *used_bytes) {
    struct text line;
    size_t at = 0;
    unsigned hosts = 0;
    bool is_newer = false;
    enum http_result result = next_line(bytes, count, &at, &line, request);
    if (result == HTTP_DONE)
        result = read_first_line(line, request, &is_newer);
    while (result == HTTP_DONE) {
        result = next_line(bytes, count, &at, &line, request);
        if (result == HTTP_DONE && line.length == 0)
            break;
        if (result == HTTP_DONE)
            result = read_header(line, request, &hosts);
    }
    if (result != HTTP_DONE)
        return result;
    if (hosts != 1 && (is_newer || hosts > 1))
        return fault(request, 400, "a request has exactly one Host");
    *used_bytes = at;
    return HTTP_DONE;
}

enum http_result http_read(const char *bytes, size_t count, struct http_request *request, size_t *used_bytes) {
    *request = (struct http_request){.status = 0};
    size_t most = count < HTTP_HEAD_MAX ? count : HTTP_HEAD_MAX;
    enum http_result result = read_lines(bytes, most, request, used_bytes);
    if (result == HTTP_MORE && count >= HTTP_HEAD_MAX)
        return fault(request, 431, "the request is too long");
    return result;
}
