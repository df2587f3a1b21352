/*
 * Freeze or thaw a container, as somebody who may would: `control SOCKET NAME freeze|thaw`. The command line has no word
 * for it.
 */
#include <stdio.h>
#include <string.h>

#include "grove/grove.h"

int main(int argument_count, char **arguments) {
    struct grove_session *session;
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_CONTROL};
    struct grove_container_control *control = &message.body.control;
    if (argument_count != 4 || strlen(arguments[2]) > GROVE_NAME_MAX)
        return 2;
    (void)snprintf(control->name.text, sizeof control->name.text, "%s", arguments[2]);
    control->action = strcmp(arguments[3], "freeze") == 0 ? GROVE_ACTION_FREEZE : GROVE_ACTION_THAW;
    if (grove_session_open(&(struct grove_session_options){.path = arguments[1], .descriptor = -1}, &session) < 0 ||
        grove_kernel_request(session, &message, NULL, 0, NULL, NULL, 10 * GROVE_SECOND) < 0)
        return grove_report("control");
    grove_session_close(session);
    return 0;
}
