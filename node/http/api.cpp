#include "node/http/api.h"

#include "node/http/attachments.h"
#include "node/http/census.h"
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
          std::make_shared<Attachments>(context.core, context.view, later, limits.max_attached)) {}

Api::~Api() = default;

}  // namespace node
