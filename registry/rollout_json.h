#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "registry/app_book.h"
#include "registry/hosting.h"
#include "registry/rollout.h"

namespace registry {

// Bodies about rollouts and sessions, as JSON. Errors are those of parse_instance().

// `{"name":..,"epoch":"decimal","parent":"decimal","author":..,"rollout":{..},"policy":{..},
//   "versions":[..],"plan":"16 hex digits"}`, versions the newest first:
// `{"version":..,"role":..,"reason":..,"why":sentence,"share":0..1,"first_seen":Unix ms,
//   "instances":{"up":..,...},"live":..,"acked":..,"sessions":..,"capacity":..}`; acked: of the
// live instances, those that have said that they know this epoch.
void append_app(std::string& out, const AppRow& row);
// The versions array alone, of a plan that may not be the row's.
void append_versions(std::string& out, const AppRow& row, const Plan& plan);

void append_rollout(std::string& out, const Rollout& rollout);

// PUT of an app: `rollout`, `policy` and `author` as above; what is left out has its default.
[[nodiscard]] Result<App> parse_app(std::string_view name, std::string_view body);

// promote, rollback, quarantine and release: {"version"}; split: {"weights": {version: parts}};
// drain: {"version", "within": "30m" or "never", "notify_in": "20m", "hard": bool}, counted from
// `now_s`, Unix seconds by the cluster's clock; all: "author", "force". An empty body counts as {}.
[[nodiscard]] Result<RolloutCommand> parse_command(RolloutCommand::Kind kind, std::string_view body,
                                                   std::uint64_t now_s);

[[nodiscard]] Result<Heartbeat> parse_heartbeat(std::string_view body);

// {"ticket": text} or {"token": text}, and what the server wants the session to be called.
struct RedeemBody {
    std::string token;
    std::string session;
};
[[nodiscard]] Result<RedeemBody> parse_redeem(std::string_view body);

}  // namespace registry
