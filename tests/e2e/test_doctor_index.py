"""`pip-resume doctor` with every kind of index: what it finds out, and how few bytes it costs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e.broken_downloads import index_options
from e2e.doctor_servers import (
    GOOD,
    KINDS_WITH_HASH,
    KINDS_WITHOUT_HASH,
    MIB,
    NOBODY,
    OURS,
    PIP,
    WITH_HASH,
    WITHOUT_HASH,
    Kind,
)
from environments.environment import Environment, Environments
from environments.pips import why_unsupported
from environments.pythons import found_pythons
from servers.certificates import Certificates
from servers.fault_server import FaultServer
from servers.fixtures import StartNginx
from servers.index_pages import Artifact, html_page, publish
from servers.proxy import Proxy
from servers.range_server import RangeServer, Resource, SignedRedirect
from servers.script import Answer

USER, PASSWORD = "somebody", "hunter2"
Doctors = Callable[[str], Environment]

OLDEST_AND_NEWEST = pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"], ids=["pip 21.3.1", "pip 26.3"])


@pytest.fixture(scope="module")
def doctors(shared_environments: Environments) -> Doctors:
    """Return a function that gives the environment with a pip, on the newest Python that this pip supports."""
    made: dict[str, Environment] = {}

    def with_pip(version: str) -> Environment:
        if version not in made:
            supported = {key: path for key, path in found_pythons().items() if why_unsupported(version, key) is None}
            if not supported:
                pytest.skip(f"no Python for pip {version}")
            made[version] = shared_environments.with_plugin(version, supported[max(supported)])
        return made[version]

    return with_pip


def ask(pip: Environment, *arguments: str | Path, **variables: str) -> dict[str, Any]:
    """Run the doctor and return its report. It says what it found, and leaves no file behind."""
    ended = pip.run_python("-m", "pip_resume", "doctor", "--json", *arguments, env=variables)
    assert ended.stderr == ""
    report: dict[str, Any] = json.loads(ended.stdout)
    assert report["exit_code"] == ended.returncode
    assert files_left_by(pip) == []
    assert "://" not in json.dumps(report["index"])
    return report


def files_left_by(pip: Environment) -> list[Path]:
    """Return what the home, the cache, the temporary and the current directory of an environment have."""
    directories = (pip.home, pip.cache_dir, pip.temporary, pip.work)
    found = [path for directory in directories if directory.exists() for path in directory.iterdir()]
    # Every pip runs `rustc --version`, which makes this directory if rustup is installed.
    return [path for path in found if path.name != ".rustup"]


def texts(report: dict[str, Any], *topics: str) -> str:
    return "\n".join(each["text"] for each in report["findings"] if each["topic"] in topics)


def follows(report: dict[str, Any]) -> tuple[bool | None, bool | None, str | None]:
    return report["resumes_within_a_run"], report["resumes_across_runs"], report["finished_files_kept_by"]


def only_problem(report: dict[str, Any]) -> tuple[str, str]:
    """Return text and remedy of the one finding that is broken."""
    (finding,) = (each for each in report["findings"] if each["level"] == "broken")
    assert (finding["topic"], report["verdict"], report["exit_code"]) == ("index", "does not work", 2)
    assert "\n" not in finding["text"]
    return finding["text"], finding["remedy"]


def check(report: dict[str, Any], kind: Kind) -> None:
    assert follows(report) == (kind.within, kind.across, kind.kept_by)
    assert (report["exit_code"], report["verdict"]) == ((0, "works") if kind.across else (2, "does not work"))
    said = [each["text"] for each in report["findings"]]
    assert [words for words in kind.words if not any(words in text for text in said)] == []


@pytest.mark.parametrize("name", KINDS_WITH_HASH)
@OLDEST_AND_NEWEST
def test_with_a_hash_the_report_says_what_the_server_does(
    doctors: Doctors, pip_version: str, https_server: FaultServer, certificates: Certificates, name: str
) -> None:
    publish(https_server, WITH_HASH)
    https_server.plays(WITH_HASH.path, *KINDS_WITH_HASH[name].script)

    report = ask(doctors(pip_version), "sample", *index_options(https_server, certificates))

    check(report, KINDS_WITH_HASH[name])
    assert 0 < https_server.sent(WITH_HASH.path) <= MIB


@pytest.mark.parametrize("name", KINDS_WITHOUT_HASH)
@OLDEST_AND_NEWEST
def test_without_a_hash_the_report_says_what_the_server_does(
    doctors: Doctors, pip_version: str, https_server: FaultServer, certificates: Certificates, name: str
) -> None:
    publish(https_server, WITHOUT_HASH)
    https_server.plays(WITH_HASH.path, *KINDS_WITHOUT_HASH[name].script)

    report = ask(doctors(pip_version), "sample", *index_options(https_server, certificates))

    check(report, KINDS_WITHOUT_HASH[name])
    assert 0 < https_server.sent(WITH_HASH.path) <= MIB


# Over http


@pytest.mark.parametrize(
    ("artifact", "options", "expected"),
    [
        pytest.param(WITH_HASH, (), (True, True, OURS), id="hash"),
        pytest.param(WITH_HASH, ("--trusted-host", "127.0.0.1"), (True, True, PIP), id="hash, trusted host"),
        pytest.param(WITHOUT_HASH, (), (True, False, NOBODY), id="no hash"),
    ],
)
@OLDEST_AND_NEWEST
def test_over_http_what_follows_depends_on_the_hash_and_on_the_trusted_host(
    doctors: Doctors,
    pip_version: str,
    http_server: FaultServer,
    artifact: Artifact,
    options: tuple[str, ...],
    expected: tuple[bool, bool, str],
) -> None:
    publish(http_server, artifact)

    report = ask(doctors(pip_version), "sample", *index_options(http_server), *options)

    assert follows(report) == expected
    is_part = expected[1] is False
    assert report["verdict"] == ("works within one run only" if is_part else "works")
    assert report["exit_code"] == is_part
    assert "over http, which anybody on the way can change" in texts(report, "index")
    assert 0 < http_server.sent(WITH_HASH.path) <= MIB


@pytest.mark.parametrize("directives", ["", "max_ranges 0;"], ids=["as installed", "without ranges"])
@OLDEST_AND_NEWEST
def test_nginx_is_recognized(doctors: Doctors, pip_version: str, nginx_or_skip: StartNginx, directives: str) -> None:
    nginx = nginx_or_skip(directives)
    nginx.publish(WITH_HASH)
    nginx.write(WITH_HASH.path, WITH_HASH.content, modified_s=1_600_000_000)

    report = ask(doctors(pip_version), "sample", *index_options(nginx))

    assert follows(report) == ((False, False, OURS) if directives else (True, True, OURS))
    assert sum(served.body_sent for served in nginx.served(WITH_HASH.path)) <= 4 * len(WITH_HASH.content)
    assert "a strong ETag, Last-Modified" in texts(report, "validators")


# Pages, redirects and passwords


@OLDEST_AND_NEWEST
def test_a_page_in_json_is_read(doctors: Doctors, pip_version: str, http_range_server: RangeServer) -> None:
    http_range_server.publish(dataclasses.replace(WITH_HASH, hashes=("md5", "sha256")))

    report = ask(doctors(pip_version), "sample", *index_options(http_range_server))

    # A pip that asks for HTML gets a link with the first hash only.
    assert report["index"]["digest"] == ("md5" if pip_version == "21.3.1" else "sha256")
    assert follows(report) == (True, True, OURS)


@OLDEST_AND_NEWEST
def test_a_relative_link_is_followed(doctors: Doctors, pip_version: str, http_server: FaultServer) -> None:
    publish(http_server, WITH_HASH)
    page = html_page(WITH_HASH)
    relative = page.body.replace(b'href="/files/', b'href="../../files/')
    assert relative != page.body
    http_server.plays(WITH_HASH.index_path, dataclasses.replace(page, body=relative))

    report = ask(doctors(pip_version), "sample", *index_options(http_server))

    assert follows(report) == (True, True, OURS)


@OLDEST_AND_NEWEST
def test_a_signed_redirect_is_named_and_its_signature_is_not_shown(
    doctors: Doctors, pip_version: str, http_range_server: RangeServer
) -> None:
    http_range_server.publish(WITH_HASH)
    http_range_server.holds(WITH_HASH.path, SignedRedirect(Resource(WITH_HASH.content, '"1"')))

    report = ask(doctors(pip_version), "sample", *index_options(http_range_server), "--trusted-host", "127.0.0.1")

    assert follows(report) == (True, True, OURS)
    assert "after 1 redirect to a signed URL" in texts(report, "index")
    assert "it would not find the file again behind a redirect" in texts(report, "cache")
    assert "secret" not in json.dumps(report)


@OLDEST_AND_NEWEST
def test_a_missing_password_is_reported_and_a_given_one_is_used_and_not_shown(
    doctors: Doctors, pip_version: str, http_range_server: RangeServer
) -> None:
    http_range_server.publish(WITH_HASH)
    http_range_server.requires(USER, PASSWORD)
    with_password = http_range_server.url("/simple/", f"{USER}:{PASSWORD}")

    missing = ask(doctors(pip_version), "sample", *index_options(http_range_server))
    wrong = ask(doctors(pip_version), "sample", "-i", http_range_server.url("/simple/", f"{USER}:wrong-word"))
    given = ask(doctors(pip_version), "sample", "--index-url", with_password)

    host = f"127.0.0.1:{http_range_server.port}"
    text, remedy = only_problem(missing)
    assert text == f"{host} requires a user name and a password (401)"
    assert remedy.endswith(f"-m pip_resume doctor sample --index-url http://USER:PASSWORD@{host}/...")
    assert only_problem(wrong)[0] == f"{text}; it does not accept those that were given"
    assert "wrong-word" not in json.dumps(wrong)
    assert follows(given) == (True, True, OURS)
    assert PASSWORD not in json.dumps(given)


@OLDEST_AND_NEWEST
def test_a_page_with_links_is_used_without_an_index(
    doctors: Doctors, pip_version: str, http_server: FaultServer
) -> None:
    publish(http_server, WITH_HASH)

    links = ("--no-index", "--find-links", http_server.url(WITH_HASH.index_path), "--trusted-host", "127.0.0.1")
    report = ask(doctors(pip_version), "sample", *links)

    assert follows(report) == (True, True, PIP)


@OLDEST_AND_NEWEST
def test_a_file_on_this_machine_says_nothing_about_an_index(
    doctors: Doctors, pip_version: str, http_server: FaultServer, tmp_path: Path
) -> None:
    (tmp_path / WITH_HASH.filename).write_bytes(WITH_HASH.content)

    report = ask(doctors(pip_version), "sample", *index_options(http_server), "--find-links", tmp_path)

    assert follows(report) == (None, None, None)
    assert texts(report, "index").startswith("pip takes sample from this machine (--find-links)")
    assert http_server.requests(WITH_HASH.path) == []


@OLDEST_AND_NEWEST
def test_a_file_of_an_extra_index_is_requested_there(
    doctors: Doctors, pip_version: str, http_server: FaultServer, https_server: FaultServer, certificates: Certificates
) -> None:
    publish(https_server, WITH_HASH)
    extra = ("--extra-index-url", https_server.url("/simple/"), "--cert", certificates.ca_file)

    report = ask(doctors(pip_version), "sample", *index_options(http_server), *extra)

    assert follows(report) == (True, True, PIP)
    assert f"from localhost:{https_server.port} over https" in texts(report, "index")
    assert http_server.statuses("/simple/sample/") == [404]


@OLDEST_AND_NEWEST
def test_options_from_the_environment_count(doctors: Doctors, pip_version: str, http_server: FaultServer) -> None:
    publish(http_server, WITH_HASH)

    report = ask(doctors(pip_version), "sample", PIP_INDEX_URL=http_server.url("/simple/"))

    assert follows(report) == (True, True, OURS)


@OLDEST_AND_NEWEST
def test_without_a_cache_it_works_within_one_run_only(
    doctors: Doctors, pip_version: str, http_server: FaultServer
) -> None:
    publish(http_server, WITH_HASH)

    report = ask(doctors(pip_version), "sample", *index_options(http_server), "--no-cache-dir")

    assert follows(report) == (True, False, NOBODY)
    assert (report["verdict"], report["exit_code"]) == ("works within one run only", 1)
    assert "Resumes across runs: no (nothing can be kept here)." in texts(report, "result")


# Errors


@OLDEST_AND_NEWEST
def test_an_unknown_project_is_reported(doctors: Doctors, pip_version: str, http_server: FaultServer) -> None:
    options = index_options(http_server)

    text, remedy = only_problem(ask(doctors(pip_version), "unknown", *options))

    host = f"127.0.0.1:{http_server.port}"
    assert text == f"No matching distribution found for unknown: {host} does not have it (404)"
    assert remedy.endswith(f"-m pip_resume doctor PROJECT {' '.join(options)}")


@OLDEST_AND_NEWEST
def test_an_index_without_the_default_project_says_nothing_about_this_machine(
    doctors: Doctors, pip_version: str, http_server: FaultServer
) -> None:
    """Many an index of a company has only its own projects."""
    report = ask(doctors(pip_version), *index_options(http_server))

    host = f"127.0.0.1:{http_server.port}"
    assert texts(report, "index") == f"No matching distribution found for six: {host} does not have it (404)"
    assert (report["verdict"], report["exit_code"]) == ("works", 0)
    assert follows(report) == (None, None, None)


@OLDEST_AND_NEWEST
def test_a_project_without_a_file_for_this_python_is_reported(
    doctors: Doctors, pip_version: str, http_server: FaultServer
) -> None:
    publish(http_server, dataclasses.replace(WITH_HASH, filename="sample-1.0-py1-none-any.whl"))

    text, _ = only_problem(ask(doctors(pip_version), "sample", *index_options(http_server)))

    assert text == "No matching distribution found for sample: the index has no file of it for this Python"


@OLDEST_AND_NEWEST
@pytest.mark.parametrize("is_page", [True, False])
def test_a_page_in_the_place_of_the_file_is_told_from_a_file_that_is_called_a_page(
    doctors: Doctors, pip_version: str, https_server: FaultServer, certificates: Certificates, is_page: bool
) -> None:
    publish(https_server, WITH_HASH)
    content = b"<html>" + b"log in" * 5000 if is_page else GOOD.content
    page = dataclasses.replace(GOOD, content=content, fields={"Content-Type": "text/html; charset=utf-8"})
    https_server.plays(WITH_HASH.path, page)

    report = ask(doctors(pip_version), "sample", *index_options(https_server, certificates))

    assert ("sent a web page instead of the file" in texts(report, "index")) is is_page
    assert (report["verdict"] == "works") is not is_page


@OLDEST_AND_NEWEST
def test_an_index_that_cannot_be_reached_is_reported(
    doctors: Doctors, pip_version: str, http_server: FaultServer
) -> None:
    http_server.refuse()

    text, remedy = only_problem(ask(doctors(pip_version), "sample", *index_options(http_server)))

    assert text == f"no connection to 127.0.0.1:{http_server.port}: connection refused"
    assert remedy.endswith("-m pip_resume doctor sample --index-url URL")


@OLDEST_AND_NEWEST
def test_an_unknown_certificate_is_reported(doctors: Doctors, pip_version: str, https_server: FaultServer) -> None:
    publish(https_server, WITH_HASH)

    options = index_options(https_server)

    text, remedy = only_problem(ask(doctors(pip_version), "sample", *options))

    assert text.startswith(f"the certificate of localhost:{https_server.port} cannot be verified: TLS: certificate")
    assert remedy.endswith(f"-m pip_resume doctor sample {' '.join(options)} --cert FILE")


@OLDEST_AND_NEWEST
def test_a_proxy_that_cannot_be_reached_is_reported_without_its_password(
    doctors: Doctors, pip_version: str, https_server: FaultServer
) -> None:
    with Proxy() as proxy:
        url = proxy.url.replace("://", f"://{USER}:{PASSWORD}@")
    options = index_options(https_server)
    report = ask(doctors(pip_version), "sample", *options, "--proxy", url)

    text, remedy = only_problem(report)
    assert text == f"no connection to localhost:{https_server.port}: proxy: connection refused"
    assert remedy.endswith(f"-m pip_resume doctor sample {' '.join(options)} --proxy http://HOST:PORT")
    assert PASSWORD not in json.dumps(report)


@OLDEST_AND_NEWEST
def test_a_page_that_is_not_of_an_index_is_reported(
    doctors: Doctors, pip_version: str, http_server: FaultServer
) -> None:
    http_server.plays("/simple/sample/", Answer(200, {"Content-Type": "image/png"}, b"an image"))

    text, _ = only_problem(ask(doctors(pip_version), "sample", *index_options(http_server)))

    assert text == f"127.0.0.1:{http_server.port}: the response is not a page of an index"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(403, "refuses the request (403)", id="403"),
        pytest.param(404, "does not have it (404)", id="404"),
        pytest.param(503, "answered 503; try again later", id="503"),
    ],
)
@OLDEST_AND_NEWEST
def test_a_file_that_the_server_does_not_send_is_reported(
    doctors: Doctors, pip_version: str, http_server: FaultServer, status: int, words: str
) -> None:
    publish(http_server, WITH_HASH)
    http_server.plays(WITH_HASH.path, Answer(status))

    text, _ = only_problem(ask(doctors(pip_version), "sample", *index_options(http_server)))

    assert words in text


@OLDEST_AND_NEWEST
def test_a_mistake_in_an_option_is_reported_in_the_words_of_pip(doctors: Doctors, pip_version: str) -> None:
    text, _ = only_problem(ask(doctors(pip_version), "sample", "--timeout", "soon"))

    assert text == "pip failed: option --timeout: invalid floating-point value: 'soon'"


@pytest.mark.parametrize(
    ("project", "words"),
    [
        pytest.param("two words", "invalid requirement 'two words'", id="not a requirement"),
        pytest.param(
            "sample @ https://user:hunter2@index.example/sample.whl", "name a project of an index, not a URL", id="URL"
        ),
    ],
)
@OLDEST_AND_NEWEST
def test_a_mistake_in_the_project_is_reported(doctors: Doctors, pip_version: str, project: str, words: str) -> None:
    report = ask(doctors(pip_version), project, "--index-url", "http://127.0.0.1:9/")

    assert only_problem(report)[0] == f"pip failed: InstallationError: {words}"
    assert PASSWORD not in json.dumps(report)


@OLDEST_AND_NEWEST
def test_the_text_report_ends_with_what_follows_and_the_verdict(
    doctors: Doctors, pip_version: str, https_server: FaultServer, certificates: Certificates
) -> None:
    publish(https_server, WITH_HASH)
    https_server.plays(WITH_HASH.path, dataclasses.replace(GOOD, fields={"Cache-Control": "no-store"}))

    options = index_options(https_server, certificates)
    ended = doctors(pip_version).run_python("-m", "pip_resume", "doctor", "sample", *options)

    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert [line.split(maxsplit=2)[2] for line in lines[-4:-2]] == [
        "Resumes within a run: yes. Resumes across runs: yes.",
        "Finished files are kept by: pip-resume.",
    ]
    assert lines[-1] == "Verdict: works: pip continues broken downloads here, in the next run too"


def test_a_pip_that_is_not_reached_resumes_nothing_whatever_the_index_does(
    environments: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    publish(https_server, WITH_HASH)
    https_server.plays(WITH_HASH.path, GOOD)
    pip = environments.with_plugin("26.3")
    (pip.site_packages / "pip_resume_hook.pth").unlink()

    report = ask(pip, "sample", *index_options(https_server, certificates))

    assert report["verdict"] == "does not work"
    assert follows(report)[:2] == (False, False)
    assert "After the repair: Resumes within a run: yes. Resumes across runs: yes." in texts(report, "result")
