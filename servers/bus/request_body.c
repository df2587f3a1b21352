/* What the handlers of the bus begin with: the body of a request, of the size and the version that they know. */
#include <string.h>

#include "servers/bus/bus.h"

int request_take(struct grove_request *request, void *body, size_t size_bytes) {
    uint32_t version;
    if (grove_request_bytes(request) < size_bytes)
        return grove_fail(request, GROVE_INVALID, "the message is too short");
    memcpy(body, grove_request_data(request), size_bytes);
    memcpy(&version, body, sizeof version);
    if (version != GROVE_BUS_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION, "the bus speaks version %u of its protocol, not %u",
                          GROVE_BUS_PROTOCOL_VERSION, version);
    return 0;
}
