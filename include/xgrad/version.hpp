#pragma once

/// The version of the headers; `xgrad::version()` in build_info.hpp gives that of the library linked with them.
#define XGRAD_VERSION_MAJOR 0
#define XGRAD_VERSION_MINOR 1
#define XGRAD_VERSION_PATCH 0

/// One number that grows with the version: `#if XGRAD_VERSION >= 10203` asks for 1.2.3 or later.
#define XGRAD_VERSION (XGRAD_VERSION_MAJOR * 10000 + XGRAD_VERSION_MINOR * 100 + XGRAD_VERSION_PATCH)
