/*
 * Signatures of methods: "feeder:u32 value:f64 name:text", the fields of a message in their order.
 */
#ifndef GROVE_MANIFEST_SIGNATURE_H
#define GROVE_MANIFEST_SIGNATURE_H

/* NULL if the text is a signature, else a constant sentence that says what would be right. */
const char *signature_check(const char *text);

#endif
