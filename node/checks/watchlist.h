#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "node/checks/health_body.h"
#include "node/row_listener.h"
#include "registry/health_check.h"

namespace node {

// What a check has found out. Misses before the third change nothing, so they are not told.
struct Finding {
    std::string address;
    registry::Check check;  // that was carried out
    bool up = false;        // else: kMissesToExpire misses in a row, or more
    HealthBody health = {};
    std::string why = {};  // unless up: for people
};

// The core thread's half of health checks: which of this node's own rows have one, and what
// findings do to them.
class Watchlist final : public RowListener {
  public:
    // `check` is what the row at `address` is to be asked by; nullopt: nothing any more.
    struct Change {
        std::string address;
        std::optional<registry::Check> check;
    };
    using Tell = std::function<void(std::vector<Change>)>;
    explicit Watchlist(Tell tell) : tell_(std::move(tell)) {}

    void restored(const gossip::Core& core) override;
    // Rows of others cost a comparison; own ones and known addresses a look into the table.
    void changed(const gossip::Output& out, const gossip::Core& core) override;

    // Reads the row as it is now, so that nothing that was deleted, taken over or registered anew
    // meanwhile is overwritten. Up: renews its lease, revives it, and takes over what the
    // application said. Down: it expires.
    void apply(const Finding& finding, gossip::Core& core, gossip::Now now, gossip::Output& out);

  private:
    struct Known {
        registry::Check check;
        // The version in which this node wrote a seat taken that nobody had counted; 0: none.
        gossip::Stamp full_since;
    };

    void look(std::string_view address, const gossip::Core& core, std::vector<Change>& changes);
    void renew(const Finding& finding, Known& known, const gossip::Record& current,
               gossip::Core& core, gossip::Now now, gossip::Output& out);

    Tell tell_;
    std::map<std::string, Known, std::less<>> known_;
};

}  // namespace node
