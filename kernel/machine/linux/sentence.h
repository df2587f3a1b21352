/* The sentence for a status, for messages of the linux machine on standard error. Constant, never NULL. */
#ifndef GROVE_LINUX_SENTENCE_H
#define GROVE_LINUX_SENTENCE_H

const char *linux_sentence(int status);

#endif
