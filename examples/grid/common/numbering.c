/* Numbered messages at the receiver; see numbering.h. Pure. */
#include "examples/grid/common/numbering.h"

bool numbering_is_repeated(const struct numbering *numbering, uint64_t epoch, uint64_t sequence) {
    if (epoch == numbering->epoch)
        return sequence <= numbering->sequence;
    return epoch == numbering->previous_epoch && sequence <= numbering->previous_sequence;
}

bool numbering_is_past(const struct numbering_past *past, uint64_t epoch, uint64_t sequence) {
    for (unsigned i = 0; i < NUMBERING_PAST_EPOCHS; i++)
        if (past->entry[i].epoch == epoch && sequence <= past->entry[i].sequence)
            return true;
    return false;
}

void numbering_remember(struct numbering_past *past, const struct numbering *numbering, uint64_t epoch) {
    if (epoch == numbering->epoch || numbering->previous_sequence == 0)
        return;
    past->entry[past->next].epoch = numbering->previous_epoch;
    past->entry[past->next].sequence = numbering->previous_sequence;
    past->next = (past->next + 1) % NUMBERING_PAST_EPOCHS;
}

bool numbering_take(struct numbering *numbering, uint64_t epoch, uint64_t sequence) {
    if (numbering_is_repeated(numbering, epoch, sequence)) {
        numbering->repeated++;
        return false;
    }
    if (epoch != numbering->epoch) {
        numbering->previous_epoch = numbering->epoch;
        numbering->previous_sequence = numbering->sequence;
        numbering->epoch = epoch;
        numbering->sequence = 0;
    }
    numbering->missing += sequence - numbering->sequence - 1;
    numbering->sequence = sequence;
    numbering->taken++;
    return true;
}
