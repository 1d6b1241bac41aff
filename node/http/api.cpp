#include "node/http/api.h"

#include "node/http/attachments.h"
#include "node/http/census.h"
#include "node/http/seat_cache.h"
#include "node/http/seat_desk.h"
#include "registry/json.h"

namespace node {
namespace {

std::string tag_prefix(gossip::NodeId id) {
    std::string hex;
    registry::append_hex(hex, id.value);
    return hex;
}

}  // namespace

Api::Api(HttpContext context_of_node, HttpLimits limits_of_server, Later run_later)
    : context(std::move(context_of_node)),
      limits(limits_of_server),
      later(std::move(run_later)),
      list(tag_prefix(context.self.id)),
      census(std::make_shared<Census>(context.core, later)),
      attachments(
          std::make_shared<Attachments>(context.core, context.view, later, limits.max_attached)),
      seats(std::make_unique<SeatCache>()),
      desk(std::make_unique<SeatDesk>(
          context.core, context.view, [this] { return cluster_ms(); }, later)),
      watermarks(std::make_unique<registry::Watermarks>()) {}

Api::~Api() = default;

std::uint64_t Api::cluster_ms() const {
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    const std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(wall).count();
    const auto* offset = context.clock_offset_ms;
    return static_cast<std::uint64_t>(ms + (offset ? offset->load() : 0));
}

}  // namespace node
