#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "registry/selection.h"

namespace node {

// The seat map of each app that somebody has asked for, made anew when the view has changed. Shared
// by the HTTP threads: the lock is held for a look-up, never while a map is made.
class SeatCache {
  public:
    [[nodiscard]] std::shared_ptr<const registry::SeatMap> seats(
        const std::shared_ptr<const registry::View>& view, std::string_view app);

  private:
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<const registry::SeatMap>, std::less<>> maps_;
};

}  // namespace node
