"""Each number, page and website says its own clinic's name, hours and emergency numbers."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from medassist.cases.alert_words import AlertWording
from medassist.cases.alerts import take_next
from medassist.cases.cases import find_case, open_case
from medassist.cases.clinic_file import ClinicFileError
from medassist.cases.clinics import Clinics
from medassist.cases.hours import words_about_staff
from medassist.settings import SettingsError, load_settings
from tests.channels.conftest import environment
from tests.channels.providers.twilio import OUR_NUMBER, SECOND_NUMBER
from tests.clinic_files import LEEDS_SITE, TWO, UK_PAGE, data_with

APIS = dict.fromkeys(("twilio", "telegram", "slack", "messenger", "generic"), "http://127.0.0.1:9")
BOTH = {"MEDASSIST_WHATSAPP_NUMBERS": f"{OUR_NUMBER} {SECOND_NUMBER}"}


def clinics(tmp_path: Path, file: str = TWO, **more: str) -> Clinics:
    """All channels are on."""
    data = data_with(tmp_path, file)
    env = {**environment(tmp_path, APIS), **BOTH, "MEDASSIST_DATA": str(data), **more}
    return Clinics(load_settings(env))


@pytest.mark.parametrize(
    ("channel", "line", "number"),
    [
        ("sms", OUR_NUMBER, "911"),
        ("sms", SECOND_NUMBER, "999"),
        ("whatsapp", SECOND_NUMBER, "999"),
        ("messenger", UK_PAGE, "999"),
        ("telegram", "telegram", "999"),
        ("slack", "T0123", "999"),
        ("websites", LEEDS_SITE, "999"),
        ("websites", "https://nobody.example", "911"),
        ("websites", "", "911"),
    ],
)
def test_what_is_written_to_decides_the_number(
    tmp_path: Path, channel: str, line: str, number: str
) -> None:
    known = clinics(tmp_path)
    assert known.emergency(known.reached_by(channel, line)) == number


@pytest.mark.parametrize("metadata", [None, {}, {"clinic": None}, {"clinic": "gone"}, "leeds", 5])
def test_a_conversation_whose_clinic_is_not_known_is_the_first_clinics(
    tmp_path: Path, metadata: object
) -> None:
    known = clinics(tmp_path)
    assert known.in_metadata(metadata).id == "boston"
    assert known.emergency(known.in_metadata(metadata)) == "911"


def test_one_clinic_without_a_list_answers_for_everything(tmp_path: Path) -> None:
    one = "name: the clinic\ntime_zone: America/New_York\nhours: unknown\n"
    known = clinics(tmp_path, one, MEDASSIST_REGION="au")
    assert not known.several
    assert known.emergency(known.reached_by("sms", SECOND_NUMBER)) == "000"
    assert known.default.given_name is None


def test_a_clinic_without_a_region_has_that_of_the_settings(tmp_path: Path) -> None:
    known = clinics(tmp_path, TWO.replace("    region: US\n", ""), MEDASSIST_REGION="NZ")
    assert known.emergency(known.default) == "111"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (f'sms: ["{SECOND_NUMBER}"]', "sms: []", f"no clinic is reached by {SECOND_NUMBER} (sms)"),
        ("telegram: all", "sms: []", "clinics.2"),
        ("      slack: all\n", "", "no clinic is reached by the slack channel"),
        (f'messenger: ["{UK_PAGE}"]', "messenger: []", f"reached by {UK_PAGE} (messenger)"),
    ],
)
def test_a_number_that_no_clinic_answers_for_stops_the_start(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """Else it would say some other region's emergency number."""
    assert old in TWO
    with pytest.raises(SettingsError) as caught:
        clinics(tmp_path, TWO.replace(old, new, 1))
    assert said in str(caught.value) or "duplicate key" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("region: UK", "region: Mars", "clinics.2.region: must be one of US, UK"),
        ("id: leeds", "id: boston", "clinics.2.id: boston is another clinic's"),
        ("id: leeds", "id: Leeds Surgery", "clinics.2.id: must be small letters"),
        ("  - id: boston\n    name", "  - name", "clinics.1.id: is missing"),
        ("telegram: all", 'telegram: ["12"]', 'reached_by.telegram: must be "all"'),
        ("telegram: all", "telegramm: all", "reached_by.telegramm: is not known"),
        (f'["{SECOND_NUMBER}"]', f'["{OUR_NUMBER}"]', "is boston's already"),
        (f'["{SECOND_NUMBER}"]', SECOND_NUMBER, "put each number in quotes"),
        ("clinics:", "name: us\nclinics:", "name: does not go with a list"),
        ("hours: unknown", "hours: {monday: 9-17}", "clinics.1.hours"),
    ],
)
def test_a_mistake_in_a_list_of_clinics_is_one_line_that_names_the_key(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in TWO
    with pytest.raises(ClinicFileError) as caught:
        clinics(tmp_path, TWO.replace(old, new, 1))
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'data' / 'clinic.yml'}:")
    assert "\n" not in str(caught.value)


def test_each_clinic_has_its_own_hours_and_phone(tmp_path: Path) -> None:
    known = clinics(tmp_path)
    at = datetime(2026, 11, 26, 3, 0, tzinfo=timezone.utc)
    assert words_about_staff(known.named("boston"), at) == ""
    said = words_about_staff(known.named("leeds"), at)
    assert said == "Leeds Surgery's staff are here. You can call them at 0113 496 0000."


def test_a_case_and_its_alert_name_the_clinic(database, tmp_path: Path) -> None:
    known = clinics(tmp_path)
    case = open_case(
        database, conversation="sms-1", channel="sms", level="emergency", kind="emergency",
        detail={}, targets=["webhook"], clinic="leeds",
    )  # fmt: skip
    assert find_case(database, case).clinic == "leeds"
    alert = take_next(database, "webhook")
    assert alert is not None
    wording = AlertWording("https://x.example", False, lambda id: known.named(id).name)
    assert wording.title(alert) == f"EMERGENCY: case {case} is new (Leeds Surgery)"
    assert "Clinic: Leeds Surgery" in wording.text(alert)
    assert wording.payload(alert)["clinic"] == "leeds"


def test_a_number_that_was_given_to_another_clinic_takes_its_open_case_along(database) -> None:
    def opened(clinic: str) -> int:
        return open_case(
            database, conversation="sms-1", channel="sms", level="urgent", kind="overdose",
            detail={}, targets=[], clinic=clinic,
        )  # fmt: skip

    assert opened("boston") == opened("leeds")
    assert find_case(database, opened("")).clinic == "leeds"
