#pragma once

#include <cstdint>
#include <string_view>

#include "registry/view.h"

namespace registry {

// What one server is to do, as its node sees it now.
struct Instruction {
    Admission admission = Admission::standby;
    const AppRow* app = nullptr;           // of the view; nullptr: unknown to it
    const VersionPlan* version = nullptr;  // of the app's plan; nullptr: in the next view
    bool cut = false;                      // the deadline has passed, and it is a hard one
};

// `now_s`: Unix seconds by the cluster's clock, which only deadlines depend on. O(log n).
[[nodiscard]] Instruction instruction(const View& view, const Row& row, std::uint64_t now_s);
// open, standby, draining or close.
[[nodiscard]] std::string_view instruction_name(Admission admission);

}  // namespace registry
