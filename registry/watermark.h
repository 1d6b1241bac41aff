#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "gossip/core.h"
#include "registry/app_book.h"
#include "registry/view.h"

namespace registry {

// The nodes that may answer clients, as a View has them.
[[nodiscard]] inline std::set<gossip::NodeId> live_nodes(const View& view) {
    std::set<gossip::NodeId> ids;
    for (const NodeRow& node : view.nodes()) {
        if (node.state <= gossip::MemberState::suspect) ids.insert(node.id);
    }
    return ids;
}

// From when on no ticket of an earlier epoch can be valid any more: since all live nodes were first
// known to follow the epoch, plus the lifetime of a ticket. Who comes back from behind a partition
// was told later, so that it moves then. One entry per app.
class Watermarks {
  public:
    // Unix seconds by the cluster's clock; nullopt while somebody has not said that he follows.
    // Rounded up, so that it is never too early. `live`: the nodes that were asked; other numbers
    // than those who were: somebody has come or gone meanwhile.
    std::optional<std::uint64_t> at(const AppRow& row, const gossip::Polled& others,
                                    std::set<gossip::NodeId> live, std::uint64_t now_ms) {
        const bool all = others.unheard == 0 && others.oldest_epoch >= row.epoch;
        if (!all || live.size() != others.nodes) return std::nullopt;
        Followed& followed = apps_[row.app.name];
        if (followed.epoch != row.epoch) followed = {row.epoch, 0, {}};
        const std::size_t before = followed.nodes.size();
        followed.nodes.merge(live);
        if (followed.nodes.size() > before) followed.at_s = (now_ms / 1000) + 1;
        return followed.at_s + row.app.policy.ticket_ttl_s;
    }

  private:
    struct Followed {
        std::uint64_t epoch = 0;
        std::uint64_t at_s = 0;
        std::set<gossip::NodeId> nodes = {};
    };
    std::map<std::string, Followed, std::less<>> apps_;
};

}  // namespace registry
