"""Starts the action server behind the installation's secret: `python -m actions.serve --port …`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the SDK's command line with our guard at its door."""
    import pluggy
    from rasa_sdk.__main__ import main as sdk_main
    from rasa_sdk.plugin import plugin_manager
    from sanic import Sanic, response

    from medassist.inner_doors import LARGEST_ACTION_CALL, guard_actions, own_secret

    os.environ.setdefault("SANIC_REQUEST_MAX_SIZE", str(LARGEST_ACTION_CALL))
    secret = own_secret()

    class Guard:
        @pluggy.HookimplMarker("rasa_sdk")
        def attach_sanic_app_extensions(self, app: Sanic) -> None:
            guard_actions(app, secret, lambda said, status: response.json({"error": said}, status))

    plugin_manager().register(Guard())
    sys.argv[1:] = ["--actions", "actions", *sys.argv[1:]]
    sdk_main()


if __name__ == "__main__":
    main()
