#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "gossip/time.h"
#include "node/row_listener.h"
#include "registry/app.h"

namespace node {

// One thing that somebody has decided, as this node came to know of it.
struct Activity {
    enum class Kind : std::uint8_t {
        decided,   // it counts now, here
        overruled  // another decision, made without knowing of it, counts instead
    };
    std::uint64_t seq = 0;    // rises by one; starts at 1 with each start of the node
    std::uint64_t at_ms = 0;  // Unix ms, by the wall clock
    Kind kind = Kind::decided;
    bool here = false;  // at this node's own API
    std::uint64_t epoch = 0;
    registry::App app;
};
[[nodiscard]] std::string_view name(Activity::Kind kind);

// The last decisions about apps, so that nobody's command disappears silently. In memory: what
// counts is in the table, this says how it came about. Written on the core thread, read from any.
class ActivityLog final : public RowListener {
  public:
    static constexpr std::size_t kKept = 1000;

    void restored(const gossip::Core& core) override;
    void changed(const gossip::Output& out, const gossip::Core& core) override;

    // Those after `seq`, the oldest first; of one app, or of all if it is empty.
    [[nodiscard]] std::vector<Activity> since(std::uint64_t seq, const std::string& app) const;
    // The last decision that this one, which counts, was made without knowing of.
    [[nodiscard]] std::optional<Activity> overruled(const registry::App& app) const;

  private:
    void decided(const gossip::Record& record, bool here);
    void outranked(const gossip::Record& record, const gossip::Core& core);
    void add(Activity activity);

    std::map<std::string, std::uint64_t> epochs_;  // of the decisions that are known; core thread
    mutable std::mutex mutex_;
    std::deque<Activity> activities_;
    std::uint64_t seq_ = 0;
};

}  // namespace node
