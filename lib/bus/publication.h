/* What requests share with publications. */
#ifndef GROVE_LIB_BUS_PUBLICATION_H
#define GROVE_LIB_BUS_PUBLICATION_H

#include "lib/bus/bus.h"

/* A publication as a call: answered into `answer`, or started when `done` is given. */
int bus_publication_call(struct bus_client *client, enum bus_channel which, uint32_t method,
                         const struct grove_publish *publish, struct grove_answer *answer, grove_answer_handler *done,
                         void *context);
/* Publish an answer: kept until the bus has it, and no right is asked for. */
int bus_answer_to(struct bus_client *client, const struct grove_publish *publish);

#endif
