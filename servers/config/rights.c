/*
 * Who may. A service reads its own configuration; that of others with CONFIG_READ over SERVICE.KEY, and changes it, or sees
 * its secrets, with PROC_CONTROL over the service. Shells act for the person at the keyboard and system services are
 * trusted, as for the registry (law 1).
 */
#include <stdio.h>
#include <string.h>

#include "servers/config/config.h"

static int must_hold(struct grove_request *request, uint16_t kind, const char *argument) {
    if (grove_request_client_ring(request) != 2)
        return 0;
    int status = grove_request_client_may(request, kind, argument);
    return status < 0 ? grove_fail(request, status, "%s", grove_last_error()) : 0;
}

int right_to_change(struct grove_request *request, const char *service) {
    return must_hold(request, GROVE_CAP_PROC_CONTROL, service);
}

int right_to_read(struct grove_request *request, const char *service, const char *key) {
    char argument[GROVE_NAME_MAX + GROVE_CONFIG_KEY_MAX + GROVE_CONFIG_PATTERN_MAX + 4];
    size_t own = strlen(grove_request_client(request));
    bool is_own = strncmp(service, grove_request_client(request), own) == 0 &&
                  (service[own] == '\0' || (key == NULL && service[own] == '.'));
    if (is_own)
        return 0;
    (void)snprintf(argument, sizeof argument, "%s%s%s", service, key != NULL ? "." : "",
                   key == NULL      ? ""
                   : key[0] != '\0' ? key
                                    : ">");
    return must_hold(request, GROVE_CAP_CONFIG_READ, argument);
}
