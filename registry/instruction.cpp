#include "registry/instruction.h"

namespace registry {

Instruction instruction(const View& view, const Row& row, std::uint64_t now_s) {
    Instruction i;
    i.app = view.app(row.app());
    i.version = i.app ? i.app->plan.find(row.version()) : nullptr;
    if (i.version == nullptr) return i;
    i.admission = admission(*i.version, {row.state(), row.fenced(), row.sessions()});
    const Rollout& rollout = i.app->app.rollout;
    if (i.admission == Admission::draining && rollout.hard && rollout.drain_deadline <= now_s) {
        i.admission = Admission::closed;
        i.cut = true;
    }
    return i;
}

std::string_view instruction_name(Admission admission) {
    return admission == Admission::closed ? "close" : name(admission);
}

}  // namespace registry
