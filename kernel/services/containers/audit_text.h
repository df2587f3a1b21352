/*
 * An audit record in one line, for a panic: its number, who, what happened (the words of GROVE_AUDIT_TABLE, as users read them), to
 * what, and what of it there is more to say. Everything in the record may be anything; what has no meaning is shown as a number.
 *
 *     41 grid.one ended: signal 11
 *     42 grid.two system call refused: NET_CONNECT:tcp:10.1.2.3:443
 */
#ifndef GROVE_CONTAINERS_AUDIT_TEXT_H
#define GROVE_CONTAINERS_AUDIT_TEXT_H

#include "grove/abi/audit.h"

#include <stddef.h>

#define AUDIT_LINE_BYTES 256u /* what most lines fit into */

/* Cut to fit, always terminated; no byte is a control character. Takes no lock and no memory. `room_bytes` is not 0. */
void audit_describe(const struct grove_audit_record *record, char *line, size_t room_bytes);

#endif
