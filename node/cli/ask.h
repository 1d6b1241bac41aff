#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "node/cli/commands.h"
#include "node/cli/http_client.h"

namespace node::cli {

// On stdout: data.
void print(const std::string& text);
// Why nothing was answered, on stderr; gives the exit code for it.
int unanswered(const Session& session, const HttpAnswer& answer);
// Why the node refused, in its own words; gives the exit code for it.
[[nodiscard]] int refused(const Session& session, const HttpAnswer& answer);
// Sends, and gives the parsed answer through `body`, which is printed if the session wants JSON.
// The exit code is kOk, or has been explained.
[[nodiscard]] int ask(const Session& session, const HttpRequest& request, nlohmann::json& body);

}  // namespace node::cli
