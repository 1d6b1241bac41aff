#pragma once

#include <functional>

#include "gossip/core.h"

namespace node {

// Hears on the core thread what shells of nodes ask each other; see Core::ask. Must not block.
class QuestionListener {
  public:
    virtual ~QuestionListener() = default;
    // May give core.reply().
    virtual void asked(const gossip::Asked& question, gossip::Core& core, gossip::Now now,
                       gossip::Output& out) = 0;
    virtual void answered(const gossip::Output::Answered& answer) = 0;
};

// The only way into the core from another thread, and the group commit.
//
// Each work runs on the core thread and adds to the Output of the current turn; the turn ends when
// nothing else is queued: then perform() makes everything durable in one transaction, sends it and
// publishes it, and the turn's `done`s run, in order. So many writes share one fsync, and nobody
// waits in a thread. Both functions run on the core thread and must not block.
class CoreHandle {
  public:
    using Work = std::function<void(gossip::Core&, gossip::Now, gossip::Output&)>;
    using Done = std::function<void()>;

    virtual ~CoreHandle() = default;
    // From any thread. False when the queue holds kMaxQueued works (the caller answers 503) or
    // the node stops.
    virtual bool submit(Work work, Done done) = 0;

    // Who hears questions and answers; nullptr: nobody. The listener may end when this has returned
    // and no turn is under way.
    virtual void listen(QuestionListener* listener) = 0;

    static constexpr std::size_t kMaxQueued = 100'000;
};

}  // namespace node
