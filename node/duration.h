#pragma once

#include "registry/duration.h"

namespace node {

using registry::duration_text;
using registry::parse_duration;

}  // namespace node
