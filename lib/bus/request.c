/* Request and reply: a request is a call to the bus, which publishes it and answers with the first answer. */
#include "lib/bus/publication.h"

#include <stdlib.h>
#include <string.h>

/* The image lies in the answer's lane, or was lent; read in place, so a copy is made of the head only. */
static int read_answer(const struct grove_answer *from, struct grove_bus_answer *answer) {
    struct grove_event event;
    const void *image = from->slice != NULL ? from->slice : from->data;
    size_t room_bytes = from->slice != NULL ? from->slice_bytes : from->length_bytes;
    if (bus_image_read(image, room_bytes, &event) < 0)
        return error_set(GROVE_CORRUPT, "the bus gave an answer that makes no sense");
    answer->data = event.data;
    answer->length_bytes = event.length_bytes;
    answer->headers = event.headers;
    answer->headers_bytes = event.headers_bytes;
    return 0;
}

static int check(const struct grove_publish *publish) {
    return publish->reply_to == NULL
               ? 0
               : error_set(GROVE_INVALID, "the bus says where a request is answered: leave out reply_to");
}

int grove_bus_request(const struct grove_publish *publish, struct grove_bus_answer *answer) {
    struct bus_client *client = NULL;
    int status = check(publish);
    if (status == 0)
        status = bus_client_of(publish->session, &client);
    if (status == 0)
        status = bus_publication_call(client, BUS_REQUESTS, GROVE_BUS_REQUEST, publish, &answer->internal, NULL, NULL);
    if (status < 0)
        return status;
    status = read_answer(&answer->internal, answer);
    if (status < 0)
        grove_answer_release(&answer->internal);
    return status;
}

void grove_bus_answer_release(struct grove_bus_answer *answer) {
    if (answer == NULL)
        return;
    grove_answer_release(&answer->internal);
    answer->data = answer->headers = NULL;
    answer->length_bytes = answer->headers_bytes = 0;
}

struct started {
    grove_bus_answer_handler *done;
    void *context;
};

static void answered(int status, const struct grove_answer *from, void *context) {
    struct started *started = context;
    struct grove_bus_answer answer = {0};
    if (status == 0)
        status = read_answer(from, &answer);
    started->done(status, status == 0 ? &answer : NULL, started->context);
    free(started);
}

int grove_bus_request_start(const struct grove_publish *publish, grove_bus_answer_handler *done, void *context) {
    struct bus_client *client = NULL;
    int status = done != NULL ? check(publish) : error_set(GROVE_INVALID, "a request needs a handler for its answer");
    if (status == 0)
        status = bus_client_of(publish->session, &client);
    struct started *started = status == 0 ? malloc(sizeof *started) : NULL;
    if (started == NULL)
        return status < 0 ? status : error_set(GROVE_NO_MEMORY, "no memory is left to wait for an answer");
    *started = (struct started){.done = done, .context = context};
    status = bus_publication_call(client, BUS_REQUESTS, GROVE_BUS_REQUEST, publish, NULL, answered, started);
    if (status < 0)
        free(started);
    return status;
}

int grove_bus_reply(const struct grove_event *event, const void *data, size_t length_bytes) {
    const struct grove_subscription *subscription = event->internal[0];
    if (event->reply_to == NULL)
        return error_set(GROVE_WRONG_STATE, "the event on %s asks for no answer", event->subject);
    return bus_answer_to(
        subscription->client,
        &(struct grove_publish){.subject = event->reply_to, .data = data, .length_bytes = length_bytes});
}
