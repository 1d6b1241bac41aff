#include "node/http/fresh.h"

#include <memory>
#include <utility>

namespace node {
namespace {

constexpr std::chrono::milliseconds kPause{2};  // between looks

struct Question {
    std::function<void()> then;
    std::chrono::steady_clock::time_point limit;
};

void look(Api& api, const std::shared_ptr<Question>& question) {
    auto open = std::make_shared<bool>(true);
    const bool queued = api.context.core.submit(
        [open](gossip::Core& core, gossip::Now now, gossip::Output&) {
            *open = core.unanswered(now) > 0;
        },
        [&api, question, open] {
            if (!*open || std::chrono::steady_clock::now() >= question->limit) {
                question->then();
            } else {
                api.later(kPause, [&api, question] { look(api, question); });
            }
        });
    if (!queued) question->then();  // busy: what the View knows has to do
}

}  // namespace

void freshen(Api& api, std::vector<std::string> addresses, std::function<void()> then) {
    auto question = std::make_shared<Question>(
        Question{std::move(then), std::chrono::steady_clock::now() + kFreshPatience});
    const bool queued =
        api.context.core.submit([addresses = std::move(addresses)](
                                    gossip::Core& core, gossip::Now now,
                                    gossip::Output& out) { core.ask_owners(addresses, now, out); },
                                [&api, question] { look(api, question); });
    if (!queued) question->then();
}

}  // namespace node
