#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "gossip/endpoint.h"
#include "gossip/sketch.h"
#include "gossip/time.h"
#include "gossip/wire.h"

namespace gossip {

// One side of a stream: a snapshot, or the reconciliation of a difference that did not fit a
// datagram. What is still to be sent is generated a frame at a time, whenever the shell has sent
// the last one, so that a session holds one frame and no copy of the table.
struct StreamSession {
    StreamId id;
    bool opener = false;
    NodeId peer;  // 0 until its hello
    Endpoint to;
    StreamRequest request = StreamRequest::sync;

    bool ready = false;               // the shell has nothing of ours left to send
    std::deque<std::string> control;  // frames that go before anything else

    // Sketch: at the server what is streamed, at the opener what it is compared with. A copy,
    // because the table moves on meanwhile.
    std::vector<Cell> cells;
    std::size_t next_cell = 0;
    bool sending_cells = false;
    bool cells_asked = false;  // by hello or more: a server sends no cells unasked
    Peeler peeler;             // opener

    // Rows by slot: all of them (snapshot), or their digests (an opener whose cells ran out).
    bool sending_rows = false;
    bool sending_digests = false;
    std::uint32_t next_slot = 0;
    std::uint32_t end_slot = 0;

    std::vector<std::uint64_t> outgoing;  // digests of records that the peer misses
    std::size_t next_outgoing = 0;
    std::vector<std::uint64_t> theirs;  // server: every digest of an opener whose cells ran out

    Mono::time_point active{};  // when something last came or left

    bool may_end = false;  // nothing more will be asked of us
    bool ended = false;    // our END is sent
    bool peer_ended = false;
    std::uint64_t received = 0;  // records
};

}  // namespace gossip
