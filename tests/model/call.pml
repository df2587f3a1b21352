/*
 * Calls and their replies: a reply and its mark become true in one store, a call is completed after its reply is
 * published; so whichever side dies at any step, every accepted call is answered, and no reply is applied twice.
 *
 * Mirrors reply_marks.c and channel_end_publish. There is one slot for marks, used again for every reply, because one
 * call at most is taken and not completed. The server also sends messages of its own at any time, so that the lane grows
 * past the position of a reply that was never published. Sleeping is not modelled here (see ring.pml): a side
 * that has nothing to do waits for the other's position to change.
 */
#define CALLS 2
#define DEATHS 2 /* of the server; the client dies once */
#define RECORDS 8
#define NOTHING 0

/* The client's segment, the server's, as they outlive their instances. */
byte call[RECORDS], call_write;
byte call_read, call_taken;
byte reply[RECORDS], reply_write; /* the number answered, or NOTHING for a message of the server's own */
byte reply_read, reply_taken;
byte mark_number, mark_end;
byte next_number = 1;
bool kill_client, kill_server;

/* The outside world, by number. */
bool accepted[RECORDS];
byte handled[RECORDS], applied[RECORDS];
byte sent, messages;
bool client_died;

proctype Client() {
    byte number, answer, position, redelivered_below;
    {
        d_step { position = reply_read; redelivered_below = reply_taken }
        do
        :: sent < CALLS ->
           number = next_number;
           next_number = number + 1;
           call[call_write] = number;
           call_write++;
           d_step { accepted[number] = true; sent++ }
        :: reply_write != position ->
           answer = reply[position];
           if
           :: position >= redelivered_below -> reply_taken = position + 1
           :: else
           fi;
           if
           :: answer != NOTHING ->
              /* A reply is applied once: a second time only as the same record, marked, after the client's death. */
              assert(applied[answer] == 0 || position < redelivered_below);
              d_step { applied[answer] = 1 }
           :: else
           fi;
           position++;
           reply_read = position
        :: sent == CALLS && reply_write == position ->
end_client:
           (reply_write != position)
        od
    } unless { kill_client };
    atomic { kill_client = false; client_died = true; run Client() }
}

/* Publish a record that ends at reply_write + 1. */
inline publish_reply(number) {
#ifdef MUTANT_MARK_AFTER_PUBLISH
    reply[reply_write] = number; reply_write++;
    mark_end = reply_write; mark_number = number
#else
#ifdef MUTANT_NUMBER_BEFORE_POSITION
    mark_number = number;
    mark_end = reply_write + 1;
#else
#ifndef MUTANT_NO_MARK
    mark_end = reply_write + 1;
    mark_number = number;
#endif
#endif
    reply[reply_write] = number;
    reply_write++
#endif
}

#define is_answered(number) (mark_number == number && mark_end != 0 && mark_end <= reply_write)

inline answer_call() {
    if
    :: position < redelivered_below && is_answered(number)
    :: else ->
       assert(handled[number] == 0 || position < redelivered_below);
       d_step { handled[number] = 1 }
       publish_reply(number)
    fi
}

proctype Server() {
    byte number, position, redelivered_below;
    {
        d_step { position = call_read; redelivered_below = call_taken }
#ifndef MUTANT_STALE_MARKS_ARE_KEPT
        if
        :: mark_end > reply_write -> mark_end = 0
        :: else
        fi;
#endif
        do
        :: call_write != position ->
           number = call[position];
           if
           :: position >= redelivered_below -> call_taken = position + 1
           :: else
           fi;
#ifdef MUTANT_COMPLETE_BEFORE_REPLY
           call_read = position + 1;
           answer_call();
#else
           answer_call();
           call_read = position + 1;
#endif
           position++
        :: messages < 1 ->
           reply[reply_write] = NOTHING;
           d_step { reply_write++; messages++ }
        :: call_write == position ->
end_server:
           (call_write != position)
        od
    } unless { kill_server };
    atomic { kill_server = false; run Server() }
}

proctype Death() {
    byte servers, clients;
end_death:
    do
    :: atomic { servers < DEATHS && !kill_server -> servers++; kill_server = true }
    :: atomic { clients < 1 && !kill_client -> clients++; kill_client = true }
    :: break
    od
}

active proctype Observer() {
    byte i;
    atomic { run Client(); run Server(); run Death() }
    timeout;
    assert(sent == CALLS);
    for (i : 0 .. RECORDS - 1) {
        assert(!accepted[i] || applied[i] != 0)
    }
    /* Answered once: no two replies with one number were ever published. */
    byte k;
    for (i : 0 .. RECORDS - 1) {
        for (k : 0 .. RECORDS - 1) {
            assert(i >= k || k >= reply_write || reply[i] != reply[k] || reply[i] == NOTHING)
        }
    }
}
