#include "registry/resume.h"

namespace registry {

Session judge(const Token& token, const gossip::Record* record) {
    if (record == nullptr) return Session::unknown;
    // A deletion from before the session is that of an earlier life, and this node late.
    if (record->tombstone()) {
        return record->stamp().ms() >= token.issued_ms ? Session::gone : Session::unknown;
    }
    const auto instance = decode(record->fields());
    if (!instance) return Session::unknown;
    if (instance->incarnation > token.incarnation) return Session::gone;
    if (instance->incarnation < token.incarnation || instance->app_name != token.app) {
        return Session::unknown;
    }
    const bool over = instance->closed_epoch != 0 || instance->phase == Phase::stopped;
    if (over) return Session::gone;
    return record->expired() ? Session::unknown : Session::go;
}

Session judge(const Token& token, const Row* row) {
    const bool lives = row != nullptr && row->incarnation() == token.incarnation &&
                       row->app() == token.app && !row->fenced() &&
                       row->state() != State::expired && row->state() != State::stopped;
    return lives ? Session::go : Session::unknown;
}

std::string_view name(Session session) {
    switch (session) {
        case Session::go:
            return "go";
        case Session::gone:
            return "gone";
        case Session::unknown:
            return "unknown";
    }
    return "";
}

}  // namespace registry
