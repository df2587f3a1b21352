/* D-Bus: method calls through the bus daemon whose address is given (dbus-broker or dbus-daemon), by libdbus. */
#include "bench/common/peer.h"

#include <dbus/dbus.h>
#include <unistd.h>

static DBusConnection *open_bus(const char *address) {
    DBusConnection *connection = dbus_connection_open_private(address, NULL);
    if (connection == NULL || !dbus_bus_register(connection, NULL)) {
        peer_fail("dbus connect");
    }
    dbus_connection_set_max_message_size(connection, 16 << 20);
    return connection;
}

static DBusMessage *message_next(DBusConnection *connection) {
    DBusMessage *message;
    while ((message = dbus_connection_pop_message(connection)) == NULL) {
        if (!dbus_connection_read_write(connection, -1)) {
            peer_fail("dbus receive");
        }
    }
    return message;
}

static const char *payload_of(DBusMessage *message, int *bytes) {
    const char *data = NULL;
    dbus_message_get_args(message, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &data, bytes, DBUS_TYPE_INVALID);
    return data;
}

static void serve(const char *address, int ready) {
    DBusConnection *connection = open_bus(address);
    char kind = 0;
    if (dbus_bus_request_name(connection, "org.grove.bench", DBUS_NAME_FLAG_REPLACE_EXISTING, NULL) < 0 ||
        write(ready, "", 1) != 1) {
        peer_fail("dbus name");
    }
    while (kind != 'q') {
        DBusMessage *message = message_next(connection);
        int bytes = 0;
        if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_CALL) {
            const char *payload = payload_of(message, &bytes);
            kind = payload[0];
            if (!dbus_message_get_no_reply(message)) {
                DBusMessage *reply = dbus_message_new_method_return(message);
                dbus_message_append_args(reply, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &payload, bytes, DBUS_TYPE_INVALID);
                dbus_connection_send(connection, reply, NULL);
                dbus_connection_flush(connection);
                dbus_message_unref(reply);
            }
        }
        dbus_message_unref(message);
    }
}

static void *dial(const char *address) {
    return open_bus(address);
}

static DBusMessage *request_new(const void *data, size_t bytes) {
    DBusMessage *message = dbus_message_new_method_call("org.grove.bench", "/", "org.grove.bench", "Call");
    dbus_message_append_args(message, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &data, (int)bytes, DBUS_TYPE_INVALID);
    return message;
}

static void call(void *client, const void *data, size_t bytes) {
    DBusMessage *message = request_new(data, bytes);
    DBusMessage *reply = dbus_connection_send_with_reply_and_block(client, message, 30000, NULL);
    if (reply == NULL) {
        peer_fail("dbus call");
    }
    dbus_message_unref(reply);
    dbus_message_unref(message);
}

int main(int argc, char **argv) {
    /* No one-way figure: the bus drops or refuses floods by its own quota, which is no fair comparison. */
    static const struct peer peer = {
        .name = "dbus", .serve = serve, .dial = dial, .call = call, .send = NULL, .largest_bytes = 1 << 20};
    return peer_main(&peer, argc, argv);
}
