"""What holds for all tests: nothing of the user's is read or written, and converted networks are shared."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from hypothesis import HealthCheck, settings

# Set at import, before any test module or child process looks: converted networks are made once for this checkout.
for name in [name for name in os.environ if name.startswith("BOWERBIRD_") and name != "BOWERBIRD_FUZZ"]:
    del os.environ[name]
os.environ["BOWERBIRD_CACHE"] = str(Path(__file__).parents[1] / ".pytest_cache" / "bowerbird")
os.environ["HF_HUB_OFFLINE"] = "1"
# Tests speak to servers of this machine, which no proxy reaches.
for name in [name for name in os.environ if name.lower() in {"http_proxy", "https_proxy", "all_proxy"}]:
    del os.environ[name]

# A shell that starts the suite in the background has it ignore Ctrl-C, and the programs under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test is timed. The gate runs the same examples each time, so that it judges the change; people's runs look further.
settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # a machine that stalls for a second is not the strategy's fault
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("house")
