#include "node/http/seat_cache.h"

namespace node {

std::shared_ptr<const registry::SeatMap> SeatCache::seats(
    const std::shared_ptr<const registry::View>& view, std::string_view app) {
    {
        const std::lock_guard lock{mutex_};
        const auto at = maps_.find(app);
        if (at != maps_.end() && at->second->view().revision() == view->revision()) {
            return at->second;
        }
    }
    auto made = std::make_shared<const registry::SeatMap>(view, app);
    if (made->app() == nullptr) return made;  // whatever names clients think of are not kept
    const std::lock_guard lock{mutex_};
    auto& kept = maps_[std::string{app}];
    if (!kept || kept->view().revision() < view->revision()) kept = made;
    return made;
}

}  // namespace node
