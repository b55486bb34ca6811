from tests.web.conftest import (  # noqa: F401
    front_door,
    new_patient,
    pace,
    patient,
    rasa,
    rasa_server,
    settings,
    standing,
)
