#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "gossip/record.h"
#include "gossip/time.h"
#include "gossip/wire.h"

namespace gossip {

// A record that waits to be flooded.
struct Rumour {
    Record record;
    NodeId source;        // who told us: not told back; our own id for local writes
    bool origin = false;  // written here: goes to more targets
};

// What is to be flooded: per key only the newest version. Bounded by kMaxRumours; beyond it the
// oldest are shed, which the sketches repair.
class Outbox {
  public:
    static constexpr std::size_t kMaxRumours = 16'384;

    // Replaces an older version of the same key. O(log n).
    void add(Rumour rumour);
    // As add(), but not before `due`: for content that changes often.
    void delay(Rumour rumour, Mono::time_point due);
    // Moves what has become due into the outbox.
    void release(Mono::time_point now);

    [[nodiscard]] bool empty() const { return index_.empty(); }
    [[nodiscard]] std::size_t size() const { return index_.size(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] std::uint64_t shed() const { return shed_; }
    // No delayed rumour is due before; max() if there is none.
    [[nodiscard]] Mono::time_point next_due() const { return next_due_; }

    // Takes the newest rumours, newest first, until the next one would exceed `max_bytes` (one at
    // least).
    [[nodiscard]] std::vector<Rumour> take(std::size_t max_bytes);
    void clear();

  private:
    using Key = std::pair<RecordKind, std::string_view>;  // points into the record itself
    static Key key_of(const Record& record) { return {record.kind(), record.key()}; }
    struct Delayed {
        Rumour rumour;
        Mono::time_point due;
    };
    void drop_oldest();

    std::map<std::uint64_t, Rumour> by_age_;  // by arrival
    std::map<Key, std::uint64_t> index_;
    std::map<Key, Delayed> delayed_;
    Mono::time_point next_due_ = Mono::time_point::max();
    std::uint64_t arrivals_ = 0;
    std::size_t bytes_ = 0;
    std::uint64_t shed_ = 0;
};

}  // namespace gossip
