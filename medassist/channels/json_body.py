"""The JSON of a provider's request, once its signature was checked."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Text


def read_json(body: bytes) -> Optional[Dict[Text, Any]]:
    """The JSON object in a body, or None."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def part(found: object, *path: Text) -> Dict[Text, Any]:
    """An object within an object, or an empty one: providers leave out what they please."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def parts(found: object, name: Text) -> List[Dict[Text, Any]]:
    """The objects in a list within an object; whatever else is there is left out."""
    values = found.get(name) if isinstance(found, dict) else None
    return [v for v in values if isinstance(v, dict)] if isinstance(values, list) else []
