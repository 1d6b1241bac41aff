#pragma once

#include "gossip/endpoint.h"
#include "gossip/hash.h"
#include "gossip/ids.h"

namespace node {

// Who hears what the sockets hear, on their thread. Bytes are valid during the call only.
class GossipSink {
  public:
    virtual ~GossipSink() = default;
    virtual void datagram(const gossip::Endpoint& from, gossip::Bytes bytes) = 0;
    // After the datagrams of one read; `last`: no other was there.
    virtual void datagrams_read(bool last) = 0;
    // The host of this address said that nobody listens there.
    virtual void refused(const gossip::Endpoint& by) = 0;
    virtual void accepted(gossip::StreamId id, const gossip::Endpoint& from) = 0;
    virtual void received(gossip::StreamId id, gossip::Bytes frame) = 0;
    virtual void drained(gossip::StreamId id) = 0;  // connected, or everything queued was sent
    virtual void closed(gossip::StreamId id) = 0;   // by the peer, or failed; once, the last call
};

}  // namespace node
