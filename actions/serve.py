"""Starts the action server: `python -m actions.serve --port 5055`.

It is that of `rasa_sdk`, behind the installation's secret, with our logs and our doors.
"""

from __future__ import annotations

import os
import sys

from medassist.inner_doors import LARGEST_ACTION_CALL, own_secret
from medassist.logging_setup import set_up_logging
from medassist.settings import SettingsError, load_settings


def main() -> None:
    """Run the command line of `rasa_sdk`."""
    try:
        set_up_logging("actions", load_settings().operations)
        secret = own_secret()
    except SettingsError as error:
        print(f"medassist: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    os.environ.setdefault("SANIC_REQUEST_MAX_SIZE", str(LARGEST_ACTION_CALL))
    # Only now: these say things while they are imported.
    import rasa_sdk.__main__
    import rasa_sdk.utils
    from rasa_sdk.plugin import plugin_manager

    from actions.doors import Doors

    rasa_sdk.utils.configure_colored_logging = lambda *_: None  # what is set up stays so
    rasa_sdk.utils.update_sanic_log_level = lambda *_: None
    plugin_manager().register(Doors(secret))
    sys.argv[1:] = ["--actions", "actions", *sys.argv[1:]]
    rasa_sdk.__main__.main()


if __name__ == "__main__":
    main()
