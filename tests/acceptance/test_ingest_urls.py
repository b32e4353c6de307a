"""URLs in: pages become documents, unchanged ones are not sent again, and nothing private is reached by any trick."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import octavo
from octavo.ingest.limits import Limits
from tests.acceptance.ingesting import found, live
from tests.acceptance.test_ingest_archives import zipped
from tests.unit.ingest.making import pdf

OCTAVO = str(Path(sys.executable).with_name("octavo"))
LIMITS = Limits(milliseconds_between_pages=0, seconds_per_page=10)
PAGE = (
    b"<html><head><title>Opening hours</title></head><body><p>The roastery opens at nine.</p></body></html>"
)

Answer = Callable[[BaseHTTPRequestHandler], tuple[int, dict[str, str], bytes]]


class Site:
    """A site on this machine: answers by path, and the requests it got."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.requests.append((self.path, dict(self.headers)))
                answer = site.answers.get(self.path, lambda _: (404, {}, b""))
                status, fields, content = answer(self)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **fields}.items():
                    self.send_header(name, value)
                self.end_headers()
                if status != 304:
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def page(self, path: str, content: bytes = PAGE, status: int = 200, **fields: str) -> str:
        """Have a page at a path; returns its URL."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        self.answers[path] = lambda _: (status, named, content)
        return self.url(path)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def asked(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.requests)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that went away has heard enough."""


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


async def test_a_page_is_a_document_of_type_webpage_with_its_address_and_is_found(db, view, site):
    url = site.page("/hours", Content_Type="text/html")

    summary = await view.ingest(url, allow_private=True, limits=LIMITS)
    await db.drain()

    (doc,) = [doc async for doc in view.documents.find()]
    content = await view.documents.content(doc.id)
    assert (summary.files, summary.created, summary.failures) == (1, 1, [])
    assert (doc.type, doc.name, doc.body["title"]) == ("webpage", url, "Opening hours")
    assert (doc.metadata["source"], doc.metadata["url"]) == (url, url)
    assert await db.blobs.get(content.blob) == PAGE
    assert await found(view, "roastery") == ["hours"]


async def test_a_list_of_urls_beside_files_and_other_kinds_of_content(view, site, folder):
    (folder / "here.txt").write_text("a file")
    urls = folder / "urls.list"
    urls.write_text(
        f"# two more\n\n{site.page('/a')}\n{site.page('/price.pdf', pdf('printed'))}\n{site.url('/a')}\n"
    )

    summary = await view.ingest(folder / "here.txt", urls=urls, allow_private=True, limits=LIMITS)

    assert (summary.files, summary.created, summary.failures) == (3, 3, [])
    assert {name: doc.type for name, doc in (await live(view)).items()} == {
        "here.txt": "text",
        "a": "webpage",
        "price.pdf": "pdf",
    }


@pytest.mark.parametrize(
    ("field", "asked"), [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")]
)
async def test_a_page_is_asked_for_by_the_version_that_is_known_and_not_read_again(view, site, field, asked):
    version = {"ETag": '"v1"', "Last-Modified": "Tue, 05 Mar 2024 14:30:00 GMT"}[field]

    def answer(request):
        is_known = request.headers.get(asked) == version
        return (304, {field: version}, b"") if is_known else (200, {field: version}, PAGE)

    site.answers["/a"] = answer
    await view.ingest(site.url("/a"), allow_private=True, limits=LIMITS)

    second = await view.ingest(site.url("/a"), allow_private=True, limits=LIMITS)

    assert (second.files, second.unchanged, second.bytes) == (1, 1, 0)


async def test_a_page_without_a_version_that_says_the_same_makes_none_and_a_changed_one_does(view, site):
    url = site.page("/a")
    await view.ingest(url, allow_private=True, limits=LIMITS)
    same = await view.ingest(url, allow_private=True, limits=LIMITS)
    site.page("/a", PAGE.replace(b"nine", b"ten"))

    changed = await view.ingest(url, allow_private=True, limits=LIMITS)

    (doc,) = [doc async for doc in view.documents.find()]
    assert (same.equal, changed.updated, doc.version) == (1, 1, 2)


async def test_redirections_are_followed_and_the_document_keeps_the_name_that_was_asked_for(view, site):
    site.page("/new")
    url = site.page("/old", status=301, Location="/new")

    await view.ingest(url, allow_private=True, limits=LIMITS)

    (doc,) = [doc async for doc in view.documents.find()]
    assert (doc.name, doc.metadata["url"]) == (url, site.url("/new"))


async def test_an_archive_on_the_web_is_opened(view, site):
    url = site.page("/all.zip", zipped({"a.txt": b"one"}))

    await view.ingest(url, allow_private=True, limits=LIMITS)

    assert [doc.name async for doc in view.documents.find()] == [f"{url}!/a.txt"]


async def test_packed_pages_are_unpacked(view, site):
    url = site.page("/a", gzip.compress(PAGE), Content_Encoding="gzip")

    await view.ingest(url, allow_private=True, limits=LIMITS)

    assert (await live(view))["a"].body["title"] == "Opening hours"


@pytest.mark.parametrize("name", ["page.html", "page.txt"])
async def test_the_server_says_what_a_text_is_encoded_in(view, site, name):
    """Without its word, the encoding of so few bytes is guessed."""
    text = "<title>Приветствие</title><p>Кофе" if name.endswith("html") else "Приветствие и кофе\n"
    kind = "text/html" if name.endswith("html") else "text/plain"
    site.page(f"/{name}", text.encode("koi8-r"), Content_Type=f'{kind}; charset="KOI8-R"')

    await view.ingest(site.url(f"/{name}"), allow_private=True, limits=LIMITS)

    (doc,) = [doc async for doc in view.documents.find()]
    assert doc.body["title"].startswith("Приветствие")
    assert (await view.documents.content(doc.id)).encoding == "koi8-r"


@pytest.mark.parametrize("said", ["nonsense", "", "idna", "utf-16", "x" * 10_000])
async def test_a_server_that_says_nonsense_does_no_harm(view, site, said):
    site.page("/a", PAGE.replace(b"nine", "nín".encode()), Content_Type=f"text/html; charset={said}")

    summary = await view.ingest(site.url("/a"), allow_private=True, limits=LIMITS)

    assert (summary.created, (await live(view))["a"].body["title"]) == (1, "Opening hours")


def busy(times: int, status: int, **fields: str) -> Answer:
    """A page of a site that is busy so many times, and then gives it."""
    left = iter(range(times))

    def answer(_: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        if next(left, None) is None:
            return 200, {}, PAGE
        return status, {name.replace("_", "-"): value for name, value in fields.items()}, b"busy"

    return answer


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_site_is_asked_again_when_it_wants_to_be(view, site, status):
    site.answers["/a"] = busy(2, status, Retry_After="0")

    summary = await view.ingest(site.url("/a"), allow_private=True, limits=LIMITS)

    assert (summary.created, summary.failures, site.asked("/a")) == (1, [], 3)


async def test_a_site_whose_rules_are_not_to_be_had_for_a_moment_is_asked_again(view, site):
    site.answers["/robots.txt"] = busy(1, 503, Retry_After="0")

    summary = await view.ingest(site.page("/a"), allow_private=True, limits=LIMITS)

    assert (summary.created, summary.failures) == (1, [])


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (busy(9, 503, Retry_After="0"), 3),
        (busy(9, 429, Retry_After="3600"), 1),
        (busy(9, 500, Retry_After="0"), 1),
    ],
    ids=["busy all the time", "a pause that is too long", "broken"],
)
async def test_a_site_that_stays_busy_is_one_line_and_the_next_page_is_read(view, site, answer, asked):
    site.answers["/a"] = answer

    summary = await view.ingest(site.url("/a"), site.page("/good"), allow_private=True, limits=LIMITS)

    (failure,) = summary.failures
    assert (failure.code, site.asked("/a"), summary.created) == ("unreadable_file", asked, 1)
    assert "the server answers" in failure.message


@pytest.mark.parametrize(
    ("path", "fields", "content", "code"),
    [
        ("/large", {}, b"x" * 100_001, "refused_file"),
        ("/bomb", {"Content-Encoding": "gzip"}, gzip.compress(bytes(10_000_000)), "refused_file"),
        ("/torn", {"Content-Encoding": "gzip"}, gzip.compress(PAGE * 20)[:-9], "unreadable_file"),
        ("/brotli", {"Content-Encoding": "br"}, b"?", "unreadable_file"),
        ("/short", {"Content-Length": "900000"}, PAGE, "unreadable_file"),
    ],
)
async def test_a_page_that_is_too_large_or_broken_is_one_line_and_the_next_is_read(
    view, site, path, fields, content, code
):
    def answer(request):
        request.close_connection = True
        return 200, fields, content

    site.answers[path] = answer
    good = site.page("/good")
    limits = Limits(milliseconds_between_pages=0, max_page_bytes=100_000)

    summary = await view.ingest(site.url(path), good, allow_private=True, limits=limits)

    assert [(failure.source, failure.code) for failure in summary.failures] == [(site.url(path), code)]
    assert [doc.name async for doc in view.documents.find()] == [good]


async def test_a_server_that_does_not_go_on_is_given_up(view, site):
    waiting = threading.Event()
    site.answers["/slow"] = lambda _: (200, {}, b"x" if waiting.wait(30) else b"")
    limits = Limits(milliseconds_between_pages=0, seconds_per_page=1)

    summary = await view.ingest(site.url("/slow"), allow_private=True, limits=limits)
    waiting.set()

    assert [failure.code for failure in summary.failures] == ["refused_file"]
    assert "longer than 1 s" in summary.failures[0].message


async def test_a_page_that_is_not_there_is_one_line(view, site):
    summary = await view.ingest(site.url("/nothing"), allow_private=True, limits=LIMITS)

    assert "the server answers 404" in summary.failures[0].message


async def test_redirections_have_an_end(view, site):
    url = site.page("/round", status=302, Location="/round")

    summary = await view.ingest(url, allow_private=True, limits=LIMITS)

    assert "redirections" in summary.failures[0].message
    assert site.asked("/round") == LIMITS.max_redirects + 1


async def test_what_robots_txt_asks_not_to_fetch_is_not_fetched(view, site):
    site.page("/robots.txt", b"User-agent: *\nDisallow: /private\n")
    site.page("/private/a")
    leading = site.page("/there", status=302, Location="/private/a")

    summary = await view.ingest(
        site.url("/private/a"), leading, site.page("/open"), allow_private=True, limits=LIMITS
    )

    assert [failure.code for failure in summary.failures] == ["refused_file", "refused_file"]
    assert (summary.created, site.asked("/private/a"), site.asked("/robots.txt")) == (1, 0, 1)


async def test_a_site_whose_robots_txt_fails_is_left_alone(view, site):
    site.page("/robots.txt", b"", status=503)

    summary = await view.ingest(site.page("/a"), allow_private=True, limits=LIMITS)

    assert (summary.failures[0].code, site.asked("/a")) == ("unreadable_file", 0)


async def test_no_more_than_so_many_pages_of_a_site_are_fetched_at_once(view, site):
    at_once, most, changing = 0, 0, threading.Lock()
    meeting = threading.Barrier(2)

    def answer(_):
        nonlocal at_once, most
        with changing:
            at_once += 1
            most = max(most, at_once)
        meeting.wait(10)
        with changing:
            at_once -= 1
        return 200, {}, PAGE

    urls = [site.url(f"/{number}") for number in range(6)]
    site.answers |= {f"/{number}": answer for number in range(6)}

    summary = await view.ingest(*urls, allow_private=True, limits=LIMITS)

    assert (summary.created, most) == (6, 2)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "localhost.",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fd00::1]",
        "[fe80::1]",
        "①②⑦.0.0.1",
        "127。0。0。1",
    ],
)
async def test_nothing_of_this_machine_and_its_networks_is_reached_however_it_is_written(view, site, host):
    site.page("/secret")

    summary = await view.ingest(site.url("/secret", host), limits=LIMITS)

    assert [failure.code for failure in summary.failures] == ["refused_file"]
    assert site.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@example.org/",
        "http://127.0.0.1\\@example.org/",
        "http://exa mple.org/",
        "http:///path",
        "http://example.org:99999/",
        "http://exa%00mple.org/",
        "https://[fe80::1%25eth0]/",
    ],
)
async def test_what_is_no_plain_url_is_refused_and_shows_no_password(view, url):
    summary = await view.ingest(url, limits=LIMITS)

    assert [failure.code for failure in summary.failures] == ["refused_file"]
    assert "secret" not in str(summary.as_dict())


async def test_a_redirection_to_another_scheme_or_a_user_is_refused(view, site):
    urls = [
        site.page("/file", status=302, Location="file:///etc/passwd"),
        site.page("/user", status=302, Location=f"http://me:secret@127.0.0.1:{site.port}/a"),
    ]

    summary = await view.ingest(*urls, allow_private=True, limits=LIMITS)

    assert [failure.code for failure in summary.failures] == ["refused_file", "refused_file"]
    assert site.asked("/a") == 0


async def test_a_list_that_cannot_be_read_is_an_error(view, folder):
    with pytest.raises(octavo.errors.UnreadableFile, match="nowhere"):
        await view.ingest(urls=Path(folder / "nowhere"))


async def test_the_command_fetches_what_it_is_told_and_nothing_private_unless_allowed(
    place, db, site, folder
):
    urls = folder / "urls.txt"
    urls.write_text(site.page("/listed"))
    site.page("/named")
    words = [OCTAVO, "--data", place / "data", "ingest", site.url("/named"), "--urls", urls, "--json"]

    refused = await asyncio.to_thread(subprocess.run, [*map(str, words)], capture_output=True, check=False)
    allowed = await asyncio.to_thread(
        subprocess.run, [*map(str, words), "--allow-private"], capture_output=True, check=True
    )

    assert (refused.returncode, json.loads(refused.stdout)["created"]) == (1, 0)
    assert b"--allow-private" in refused.stderr
    assert json.loads(allowed.stdout)["created"] == 2
