/* Modbus/TCP frames; see modbus_frame.h. */
#include "examples/grid/common/modbus_frame.h"

#include "grove/abi/status.h"

#define HEADER_BYTES 7u /* transaction, protocol, length, unit */
#define FUNCTION_WRITE_COIL 5u
#define FUNCTION_EXCEPTION 0x80u
#define COIL_ON 0xff00u

static void put16(unsigned char *at, unsigned value) {
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
}

static uint16_t get16(const unsigned char *at) {
    return (uint16_t)((unsigned)at[0] << 8 | at[1]);
}

static unsigned function_of(const struct modbus_request *request) {
    return request->is_write ? FUNCTION_WRITE_COIL : (unsigned)request->table;
}

size_t modbus_frame_write(const struct modbus_request *request, unsigned char frame[MODBUS_FRAME_BYTES_MAX]) {
    put16(frame, request->transaction);
    put16(frame + 2, 0);
    put16(frame + 4, 6); /* unit, function and two words follow */
    frame[6] = request->unit;
    frame[7] = (unsigned char)function_of(request);
    put16(frame + 8, request->address);
    put16(frame + 10, request->is_write ? (request->value ? COIL_ON : 0) : request->count);
    return 12;
}

int modbus_frame_length(const unsigned char *received, size_t received_bytes, size_t *length_bytes) {
    if (received_bytes < HEADER_BYTES)
        return GROVE_AGAIN;
    size_t length = 6 + get16(received + 4);
    if (get16(received + 2) != 0 || length < HEADER_BYTES + 1 || length > MODBUS_FRAME_BYTES_MAX)
        return GROVE_CORRUPT;
    if (received_bytes < length)
        return GROVE_AGAIN;
    *length_bytes = length;
    return 0;
}

static int read_words(const unsigned char *data, size_t data_bytes, const struct modbus_request *request,
                      struct modbus_answer *answer) {
    bool is_bits = request->table == TABLE_COIL || request->table == TABLE_DISCRETE;
    size_t expected = is_bits ? ((size_t)request->count + 7) / 8 : (size_t)request->count * 2;
    if (request->count > MODBUS_WORDS_MAX || data_bytes != expected + 1 || data[0] != expected)
        return GROVE_CORRUPT;
    answer->count = request->count;
    for (size_t i = 0; i < request->count; i++) {
        bool is_set = (data[1 + i / 8] >> (i % 8) & 1) != 0;
        answer->words[i] = is_bits ? (uint16_t)is_set : get16(data + 1 + 2 * i);
    }
    return 0;
}

/* The device repeats what it was told to write. */
static int read_echo(const unsigned char *data, size_t data_bytes, const struct modbus_request *request) {
    unsigned written = request->value ? COIL_ON : 0;
    return data_bytes == 4 && get16(data) == request->address && get16(data + 2) == written ? 0 : GROVE_CORRUPT;
}

int modbus_frame_read(const unsigned char *frame, size_t length_bytes, const struct modbus_request *request,
                      struct modbus_answer *answer) {
    if (length_bytes < HEADER_BYTES + 2)
        return GROVE_CORRUPT;
    if (get16(frame) != request->transaction)
        return GROVE_STALE_HANDLE;
    if (frame[6] != request->unit || (frame[7] & ~FUNCTION_EXCEPTION) != function_of(request))
        return GROVE_CORRUPT;
    answer->count = 0;
    answer->exception = 0;
    const unsigned char *data = frame + HEADER_BYTES + 1;
    size_t data_bytes = length_bytes - HEADER_BYTES - 1;
    if (frame[7] & FUNCTION_EXCEPTION) {
        answer->exception = data[0] == 0 ? 1 : data[0];
        return 0;
    }
    return request->is_write ? read_echo(data, data_bytes, request) : read_words(data, data_bytes, request, answer);
}
