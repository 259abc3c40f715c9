"""Only the page itself is answered: by its secret address, from this machine, and not from other pages."""

from __future__ import annotations

import pytest
from starlette.responses import PlainTextResponse

from superdsm_nb.page.guard import Guard

from support.asgi import ask

HOST = "127.0.0.1:8123"
JSON = {"Host": HOST, "Content-Type": "application/json"}


@pytest.fixture
def guard():
    async def app(scope, receive, send):
        await PlainTextResponse(f"in: {scope['method']} {scope['path']}")(scope, receive, send)

    return Guard(app, [HOST])


def status(guard, path, method="GET", **headers):
    given = {"Host": HOST} | {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(guard, path, method, given).status


def test_the_page_gets_its_answers_without_the_secret(guard):
    answer = ask(guard, f"/{guard.token}/save/a.tif", headers={"Host": HOST})

    assert (answer.status, answer.body) == (200, b"in: GET /save/a.tif")


@pytest.mark.parametrize(
    "wrong", ["", "/", "/x/", "/{short}/", "/{token}x/", "//{token}/", "/{upper}/", "/é/"]
)
def test_another_secret_is_refused(guard, wrong):
    path = wrong.format(token=guard.token, short=guard.token[:-1], upper=guard.token.swapcase())

    answer = ask(guard, path or "/", headers={"Host": HOST})

    assert answer.status == 403
    assert guard.token not in answer.body.decode()


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:8123", "127.0.0.1", "127.0.0.1:8124", "127.0.0.1:8123.evil.example"],
)
def test_another_host_is_refused_even_with_the_secret(guard, host):
    assert status(guard, f"/{guard.token}/", Host=host) == 403


def test_no_host_is_refused(guard):
    assert ask(guard, f"/{guard.token}/").status == 403


@pytest.mark.parametrize(
    "origin", ["null", "http://evil.example", "http://127.0.0.1:9", f"https://{HOST}", ""]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_pages_are_refused(guard, origin, method):
    path, headers = f"/{guard.token}/change", {**JSON, "Origin": origin}

    answer = ask(guard, path, method, headers)

    assert answer.status == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_says_is_from_another_page_is_refused(guard, site):
    assert status(guard, f"/{guard.token}/", Sec_Fetch_Site=site) == 403
    assert status(guard, f"/{guard.token}/", Sec_Fetch_Site="same-origin", Origin=f"http://{HOST}") == 200


def test_other_pages_may_not_even_ask_whether_they_may(guard):
    headers = {"Host": HOST, "Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}

    assert ask(guard, f"/{guard.token}/change", "OPTIONS", headers).status == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_a_form_could_send_is_refused(guard, kind):
    path = f"/{guard.token}/change"

    assert ask(guard, path, "POST", {**JSON, "Content-Type": kind}).status == 403
    assert ask(guard, path, "POST", JSON).status == 200


def test_the_key_of_the_browser_leads_to_the_page_once(guard):
    first = ask(guard, f"/{guard.key}", headers={"Host": HOST})

    assert (first.status, first.headers["location"]) == (303, f"/{guard.token}/")
    assert status(guard, f"/{guard.key}") == 403
    assert status(guard, f"/{guard.key}/save/labels.tif") == 403


@pytest.mark.parametrize("path", ["/{token}/", "/{token}", "/wrong/", "/{key}"])
def test_every_answer_forbids_all_that_is_foreign(guard, path):
    answer = ask(guard, path.format(token=guard.token, key=guard.key), headers={"Host": HOST})
    policy = answer.headers["content-security-policy"]

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers


def test_each_program_has_secrets_of_its_own():
    guards = [Guard(None, [HOST]) for _ in range(2)]

    assert len({secret for each in guards for secret in (each.token, each.key)}) == 4
    assert all(len(secret) > 40 for each in guards for secret in (each.token, each.key))
