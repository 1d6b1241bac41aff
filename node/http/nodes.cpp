#include "node/http/api.h"

namespace node {

void get_nodes(Api& api, const ExchangePtr& exchange) {
    std::string body = R"({"nodes":)";
    api.view()->append_nodes(body);
    exchange->send(json(body + '}'));
}

}  // namespace node
