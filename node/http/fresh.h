#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "node/http/api.h"

namespace node {

// Asks the owners of these instances when they were last renewed, and calls `then` on the core
// thread once the View knows what they said, or after kFreshPatience: who does not answer by then
// is slow or gone. Not at all when the server stops.
constexpr std::chrono::milliseconds kFreshPatience{300};
void freshen(Api& api, std::vector<std::string> addresses, std::function<void()> then);

}  // namespace node
