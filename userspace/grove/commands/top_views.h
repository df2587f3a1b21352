/*
 * Other ways to look at what `grove top` has measured.
 */
#ifndef GROVE_TOP_VIEWS_H
#define GROVE_TOP_VIEWS_H

#include "userspace/grove/command.h"

/*
 * Rows by project: takes the reference to `rows`. As a document, a list of projects, each with the sums of its services and
 * the list of them; as a table, a row for each project followed by those of its services, set in.
 */
json_t *top_by_project(json_t *rows, bool is_document);
/*
 * Add the last minute to each row, from the resource service: processor_history_ppm and memory_history_bytes, oldest first,
 * and `history`, a drawing of the first. False, once, if there is no such service.
 */
bool top_add_history(struct grove_session *session, json_t *rows);

#endif
