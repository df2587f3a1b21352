/*
 * Reply marks: which requests this end has answered, for the instance after this one.
 *
 * A mark is stored before the reply's record is published and counts once the write position has passed end_position.
 * So the reply and its mark become true in the same store, and a crash on either side of it leaves both or neither.
 *
 * Order of the stores of one mark: end_position first (beyond the write position, so that the slot counts for nothing),
 * then the number, then the count of marks. A mark whose reply was never published would begin to count when other
 * records reach its position; the next instance therefore drops such marks before it publishes anything.
 *
 * A slot is used again after GROVE_REPLY_MARKS replies. By then its request is completed: no more than that many are
 * taken and not passed by the read position, and each is answered once.
 */
#include "lib/channel/internal.h"

/* The marks of a lane: one page each, behind the control page. */
static struct grove_reply_mark *marks_of(const struct channel_end *end, unsigned lane) {
    _Static_assert(GROVE_REPLY_MARKS * sizeof(struct grove_reply_mark) == GROVE_SEGMENT_PAGE, "one page a lane");
    return (struct grove_reply_mark *)(void *)(end->own + (size_t)GROVE_SEGMENT_PAGE * (1u + lane));
}

void reply_marks_add(struct channel_end *end, unsigned lane, uint64_t number, uint64_t end_position) {
    struct grove_reply_mark *mark = &marks_of(end, lane)[end->reply_count[lane]++ % GROVE_REPLY_MARKS];
    store_plain(&mark->end_position, end_position);
    store_plain(&mark->number, number);
    store_plain(&end->control->reply_count[lane], end->reply_count[lane]);
}

bool reply_marks_has(const struct channel_end *end, unsigned lane, uint64_t number) {
    const struct grove_reply_mark *marks = marks_of(end, lane);
    for (unsigned i = 0; i < GROVE_REPLY_MARKS; i++)
        if (marks[i].number == number && marks[i].end_position != 0 && marks[i].end_position <= end->out[lane].write)
            return true;
    return false;
}

void reply_marks_take_over(struct channel_end *end, unsigned lane) {
    struct grove_reply_mark *marks = marks_of(end, lane);
    for (unsigned i = 0; i < GROVE_REPLY_MARKS; i++)
        if (marks[i].end_position > end->out[lane].write)
            store_plain(&marks[i].end_position, 0);
}
