#pragma once

#include <cstdint>
#include <string>

#include "gossip/bucket.h"
#include "gossip/config.h"
#include "gossip/core.h"
#include "gossip/output.h"
#include "gossip/wire.h"

namespace gossip {

// Writes datagrams into an Output: header, sequence number, length, and the account of what was
// sent. Bodies are appended to the string that begin() returns.
class Sender {
  public:
    Sender(const Config& config, NodeId self, Counters& counters)
        : self_(self),
          cluster_(cluster_tag(config.key)),
          counters_(counters),
          bucket_(config.datagram_bytes_per_s) {}

    std::string& begin(MessageType type, Output& out) {
        start_ = out.arena.size();
        Header header;
        header.type = type;
        header.cluster = cluster_;
        header.from = self_;
        header.seq = ++seq_;
        begin_datagram(out.arena, header);
        return out.arena;
    }
    // Room left in the body of the datagram that is being written.
    [[nodiscard]] std::size_t room(const Output& out) const {
        return kHeaderBytes + kMaxBody - (out.arena.size() - start_);
    }
    // Forgets the datagram that was begun; its number stays used.
    void drop(Output& out) { out.arena.resize(start_); }
    // Returns the datagram's size in bytes.
    std::size_t finish(const Endpoint& to, Output& out) {
        finish_datagram(out.arena, start_);
        const std::size_t size = out.arena.size() - start_;
        out.datagrams.push_back(
            {to, static_cast<std::uint32_t>(start_), static_cast<std::uint32_t>(size)});
        bucket_.take(size);
        ++counters_.datagrams_out;
        counters_.bytes_out += size;
        return size;
    }
    // The bytes of an earlier datagram of this turn once more, to somebody else.
    void repeat(std::size_t index, const Endpoint& to, Output& out) {
        Datagram again = out.datagrams[index];
        again.to = to;
        out.datagrams.push_back(again);
        bucket_.take(again.size);
        ++counters_.datagrams_out;
        counters_.bytes_out += again.size;
    }

    [[nodiscard]] std::uint32_t last_seq() const { return seq_; }
    [[nodiscard]] std::uint32_t cluster() const { return cluster_; }
    [[nodiscard]] TokenBucket& bucket() { return bucket_; }

  private:
    NodeId self_;
    std::uint32_t cluster_;
    Counters& counters_;
    TokenBucket bucket_;
    std::uint32_t seq_ = 0;
    std::size_t start_ = 0;
};

}  // namespace gossip
