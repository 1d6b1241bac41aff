#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gossip/output.h"
#include "sim/events.h"
#include "sim/host.h"
#include "sim/links.h"

namespace sim {

// Connections of frames: reliable, in order, with latency and bandwidth. A loss costs a
// retransmission (200 ms, TCP's smallest), a crash closes the other end one hop later, a partition
// closes both after kSilence.
class Streams {
  public:
    static constexpr std::int64_t kBytesPerMicrosecond = 100;
    static constexpr Time kRetransmission{200'000};
    static constexpr Time kSilence{2'000'000};
    static constexpr Time kRefusal{2'000'000};

    Streams(Events& events, Links& links, const std::vector<Host*>& hosts)
        : events_(events), links_(links), hosts_(hosts), accepted_(hosts.size()) {}

    void perform(std::uint32_t node, const gossip::StreamAction& action);
    // The node's process ended.
    void crashed(std::uint32_t node);
    // Reachability changed: connections that are cut now end unless it is mended within kSilence.
    void links_changed();

    // How many a node holds now that it opened itself, or accepted. Those that it accepted within
    // kRefusal do not count: the network accepts before the node can say that it has enough.
    [[nodiscard]] std::uint32_t opened_by(std::uint32_t node) const;
    [[nodiscard]] std::uint32_t accepted_by(std::uint32_t node) const;
    [[nodiscard]] std::uint64_t bytes() const { return record_bytes_ + control_bytes_; }
    // Of frames that are not records: what finding the difference took.
    [[nodiscard]] std::uint64_t control_bytes() const { return control_bytes_; }

  private:
    struct End {
        std::uint32_t node = kNobody;
        gossip::StreamId id;
        bool open = false;
        std::uint32_t queued = 0;  // frames that have not left
        Time sent{0};              // when the last one has left
        Time delivered{0};         // and has arrived
    };
    struct Connection {
        std::array<End, 2> ends;  // the opener's first
        Time accepted{0};
    };
    using Shared = std::shared_ptr<Connection>;
    struct Handle {
        Shared connection;
        unsigned side = 0;
    };

    void open(std::uint32_t node, const gossip::StreamAction& action);
    void accept(const Shared& connection, std::uint32_t target);
    void send(const Handle& from, const std::string& frame);
    void receive(const Shared& connection, unsigned side, const std::string& frame);
    void close(const Handle& from);
    // Ends one side without asking it, and tells it so.
    void end(const Shared& connection, unsigned side);
    void end_later(const Shared& connection, Time delay);
    [[nodiscard]] bool cut(const Connection& connection) const;

    Events& events_;
    Links& links_;
    const std::vector<Host*>& hosts_;
    std::map<std::pair<std::uint32_t, std::uint64_t>, Handle> handles_;
    std::vector<std::uint32_t> accepted_;
    std::uint64_t record_bytes_ = 0;
    std::uint64_t control_bytes_ = 0;
};

}  // namespace sim
