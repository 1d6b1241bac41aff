#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "gossip/core.h"
#include "registry/app_book.h"

namespace registry {

// From when on no ticket of an earlier epoch can be valid any more: since all live nodes were first
// known to follow the epoch, plus the lifetime of a ticket. One entry per app.
class Watermarks {
  public:
    // Unix seconds by the cluster's clock; nullopt while somebody has not said that he follows.
    // Rounded up, so that it is never too early.
    std::optional<std::uint64_t> at(const AppRow& row, const gossip::Polled& others,
                                    std::uint64_t now_ms) {
        if (others.unheard > 0 || others.oldest_epoch < row.epoch) return std::nullopt;
        Followed& followed = apps_[row.app.name];
        if (followed.epoch != row.epoch || followed.at_s == 0) {
            followed = {row.epoch, (now_ms / 1000) + 1};
        }
        return followed.at_s + row.app.policy.ticket_ttl_s;
    }

  private:
    struct Followed {
        std::uint64_t epoch = 0;
        std::uint64_t at_s = 0;
    };
    std::map<std::string, Followed, std::less<>> apps_;
};

}  // namespace registry
